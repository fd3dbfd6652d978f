public import SottoBase

/// The answer that a request is owed before anything is done with it.
public struct SIPStatusOwed: Equatable, Sendable {
    /// 400–505.
    public let status: UInt16
    /// Tells the peer which part was wrong, never its bytes.
    public let reasonPhrase: String
    /// Allow, Accept, Unsupported, whichever the status demands.
    public let headers: [SIPHeader]

    public init(status: UInt16, reasonPhrase: String, headers: [SIPHeader] = []) {
        self.status = status
        self.reasonPhrase = reasonPhrase
        self.headers = headers
    }
}

/// Says what a parsed message is owed (RFC 3261 §8.2 for requests, §8.1.3 and §18.1.2 for responses). It answers nothing itself.
///
/// An ACK is never answered (§17): drop one for which a status is owed.
public struct SIPValidator: Sendable {
    /// Methods that are served; others are owed 405 when the standard names them and 501 when nobody knows them. Nil: not checked here.
    public var methods: [SIPMethod]?
    /// Option tags that Require may name (§8.2.2.3).
    public var extensions: [WireText]
    /// Media types of bodies that are understood (§8.2.3); `multipart/mixed` must be listed as well.
    public var contentTypes: [WireText]
    /// Schemes of a Request-URI that are served; others are owed 416 (§8.2.2.1).
    public var schemes: [SIPURI.Scheme]
    /// Bytes of a Request-URI; a longer one is owed 414 (§21.4.12). A start line over `SIPLimits.header` is no message at all.
    public var longestRequestURI = 2048
    /// True for a proxy: Max-Forwards 0 is owed 483 (§16.3), and Proxy-Require is checked in place of Require.
    public var isForwarding: Bool

    /// What a Require may name for a user agent that does reliable provisionals, session timers, Replaces, and REFER without subscription.
    public static let userAgentExtensions: [WireText] = ["100rel", "timer", "replaces", "norefersub"]

    public init(
        methods: [SIPMethod]? = nil, extensions: [WireText] = [], contentTypes: [WireText] = ["application/sdp"],
        schemes: [SIPURI.Scheme] = [.sip, .sips, .tel], isForwarding: Bool = false
    ) {
        self.methods = methods
        self.extensions = extensions
        self.contentTypes = contentTypes
        self.schemes = schemes
        self.isForwarding = isForwarding
    }

    /// Nil when the request may be worked on. The first rule that it breaks decides, in the order of §8.2.
    public func statusOwed(for request: SIPRequest) -> SIPStatusOwed? {
        if request.defects.contains(.version) { return SIPStatusOwed(status: 505, reasonPhrase: "Version Not Supported") }
        if request.defects.contains(.tooLarge) { return SIPStatusOwed(status: 513, reasonPhrase: "Message Too Large") }
        if request.requestURI.text.count > longestRequestURI { return SIPStatusOwed(status: 414, reasonPhrase: "Request-URI Too Long") }
        if let defect = request.defects.first { return SIPStatusOwed(status: 400, reasonPhrase: "Bad Request (\(defect))") }
        if let top = request.topVia, let branch = top.branch, !top.hasTransactionID, branch.equalsIgnoringCase("z9hG4bK") {
            // RFC 4475 §3.2.1: the prefix promises an identifier and there is none.
            return SIPStatusOwed(status: 400, reasonPhrase: "Bad Request (empty branch)")
        }
        return methodOwed(request) ?? targetOwed(request) ?? extensionOwed(request) ?? bodyOwed(request)
    }

    private func methodOwed(_ request: SIPRequest) -> SIPStatusOwed? {
        guard let methods, !methods.contains(request.method) else { return nil }
        let allow = SIPHeader(.allow, WireText(methods.map { $0.text.string }.joined(separator: ", ")))
        if case .other = request.method { return SIPStatusOwed(status: 501, reasonPhrase: "Not Implemented", headers: [allow]) }
        return SIPStatusOwed(status: 405, reasonPhrase: "Method Not Allowed", headers: [allow])
    }

    private func targetOwed(_ request: SIPRequest) -> SIPStatusOwed? {
        if !schemes.contains(request.requestURI.scheme) { return SIPStatusOwed(status: 416, reasonPhrase: "Unsupported URI Scheme") }
        if isForwarding, request.maxForwards == 0 { return SIPStatusOwed(status: 483, reasonPhrase: "Too Many Hops") }
        return nil
    }

    /// Require is ignored in ACK and CANCEL (§8.2.2.3).
    private func extensionOwed(_ request: SIPRequest) -> SIPStatusOwed? {
        if request.method == .ack || request.method == .cancel { return nil }
        let unknown = request.list(isForwarding ? .proxyRequire : .require).filter { tag in
            !extensions.contains { $0.equalsIgnoringCase(tag) }
        }
        guard !unknown.isEmpty else { return nil }
        let list = unknown.prefix(16).map { $0.string }.joined(separator: ", ")
        return SIPStatusOwed(status: 420, reasonPhrase: "Bad Extension", headers: [SIPHeader(.unsupported, WireText(list))])
    }

    private func bodyOwed(_ request: SIPRequest) -> SIPStatusOwed? {
        if isForwarding { return nil }
        let accept = WireText(contentTypes.map { $0.string }.joined(separator: ", "))
        if !request.body.isEmpty {
            guard let type = request.contentType else {
                // §7.4.1: a body has a Content-Type.
                return SIPStatusOwed(status: 400, reasonPhrase: "Bad Request (no Content-Type)")
            }
            let mediaType = type.mediaType
            let encodings = request.list(.contentEncoding)
            if encodings.contains(where: { !$0.equalsIgnoringCase("identity") }) {
                return SIPStatusOwed(
                    status: 415, reasonPhrase: "Unsupported Media Type", headers: [SIPHeader(.acceptEncoding, "identity")])
            }
            if !contentTypes.contains(where: { $0.equalsIgnoringCase(mediaType) }), !isOptional(request) {
                return SIPStatusOwed(status: 415, reasonPhrase: "Unsupported Media Type", headers: [SIPHeader(.accept, accept)])
            }
        }
        // §21.4.7: nothing that we could say in a 2xx would be acceptable.
        if request.method == .invite || request.method == .options, !acceptsSDP(request) {
            return SIPStatusOwed(status: 406, reasonPhrase: "Not Acceptable")
        }
        return nil
    }

    /// §20.11: a body that says `handling=optional` may be ignored.
    private func isOptional(_ request: SIPRequest) -> Bool {
        guard let disposition = request.header(.contentDisposition) else { return false }
        return SIPContentType(disposition).parameters.value("handling")?.equalsIgnoringCase("optional") == true
    }

    /// Without Accept, application/sdp is assumed (§20.1).
    private func acceptsSDP(_ request: SIPRequest) -> Bool {
        let ranges = request.list(.accept)
        guard request.headers.contains(where: { $0.name == .accept && !($0.text?.isEmpty ?? true) }) else { return true }
        return ranges.contains { range in
            let type = SIPContentType(range)
            return type.isSDP || type.isType("*/*") || type.isType("application/*") || type.isMultipart
        }
    }

    /// Why a response must be dropped without effect; nil when it may be matched to a transaction (§8.1.3.3, §18.1.2).
    ///
    /// - Parameter sentBy: hosts that we write into our own Via. Empty: only broadcast and unspecified addresses are refused.
    public func reasonToDiscard(_ response: SIPResponse, sentBy: [WireText] = []) -> SIPDiscardReason? {
        if let defect = response.defects.first { return .defect(defect) }
        guard let top = response.topVia else { return .defect(.missing(.via)) }
        if response.vias.count > 1 { return .severalVias }
        if !sentBy.isEmpty, !sentBy.contains(where: { $0.equalsIgnoringCase(top.host) }) { return .notOurVia }
        if let address = Scan.address(top.host, port: 0),
            address.isUnspecified || address.isMulticast || address.bytes == [255, 255, 255, 255]
        {
            return .notOurVia
        }
        return nil
    }
}

/// Why a response is dropped.
public enum SIPDiscardReason: Hashable, Sendable, CustomStringConvertible {
    case defect(SIPDefect)
    /// More than one Via arrived at the request's sender (§8.1.3.3).
    case severalVias
    /// The topmost Via is not one of ours.
    case notOurVia

    public var description: String {
        switch self {
        case .defect(let defect): "defect: \(defect)"
        case .severalVias: "several Via"
        case .notOurVia: "Via of another host"
        }
    }
}
