public import SottoBase

/// The Event header (RFC 6665 §8.4): `refer;id=93809824`.
public struct SIPEventPackage: Hashable, Sendable {
    /// As written; it compares with case (§8.4).
    public let package: WireText
    /// Tells subscriptions of one dialog apart: for REFER the CSeq of the REFER (RFC 3515 §2.4.6).
    public let id: WireText?

    public init(_ package: WireText, id: WireText?) {
        self.package = package
        self.id = id
    }

    /// Nil when the value breaks the grammar.
    public init?(_ text: WireText) {
        guard let value = SIPTokenValue(text) else { return nil }
        package = value.token
        id = value.parameters.value("id").flatMap { $0.isEmpty ? nil : $0 }
    }

    public var isRefer: Bool { package.equals("refer") }

    public var header: SIPHeader {
        guard let id else { return SIPHeader(.event, package) }
        return SIPHeader(.event, WireText(Array(package.bytes) + Array(";id=".utf8) + Array(id.bytes)))
    }
}

/// The Subscription-State header of a NOTIFY (RFC 6665 §8.2.3).
public struct SIPSubscriptionState: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        case active, pending, terminated
        /// An extension: the subscription goes on.
        case other
    }

    public var state: State
    /// Seconds that are left; nil when not said.
    public var expires: UInt32?
    /// `noresource`, `timeout`, `deactivated`, …; as written.
    public var reason: WireText?
    /// Seconds after which a new subscription may be tried.
    public var retryAfter: UInt32?

    public init(_ state: State, expires: UInt32? = nil, reason: WireText? = nil, retryAfter: UInt32? = nil) {
        self.state = state
        self.expires = expires
        self.reason = reason
        self.retryAfter = retryAfter
    }

    /// Nil when the value breaks the grammar.
    public init?(_ text: WireText) {
        guard let value = SIPTokenValue(text) else { return nil }
        state =
            value.token.equalsIgnoringCase("active") ? .active
            : value.token.equalsIgnoringCase("pending") ? .pending : value.token.equalsIgnoringCase("terminated") ? .terminated : .other
        expires = value.parameters.value("expires").flatMap { $0.decimal() }.map { UInt32($0) }
        reason = value.parameters.value("reason").flatMap { $0.isEmpty ? nil : $0 }
        retryAfter = value.parameters.value("retry-after").flatMap { $0.decimal() }.map { UInt32($0) }
    }

    public var header: SIPHeader {
        var output = Array((state == .active ? "active" : state == .pending ? "pending" : "terminated").utf8)
        if let expires { output += Array(";expires=\(expires)".utf8) }
        if let reason { output += Array(";reason=".utf8) + Array(reason.bytes) }
        if let retryAfter { output += Array(";retry-after=\(retryAfter)".utf8) }
        return SIPHeader(.subscriptionState, WireText(output))
    }
}
