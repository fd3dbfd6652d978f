public import SottoBase

/// A hash function of digest authentication (RFC 8760 §2.2), strongest first.
public enum SIPDigestAlgorithm: UInt8, Hashable, Sendable, CaseIterable {
    case sha512_256, sha256, md5

    /// As the registry of RFC 7616 §6.1 writes it.
    public var name: StaticString {
        switch self {
        case .sha512_256: "SHA-512-256"
        case .sha256: "SHA-256"
        case .md5: "MD5"
        }
    }
}

/// One challenge of a WWW-Authenticate or Proxy-Authenticate header (RFC 3261 §22, RFC 7616 §3.3, RFC 8760 §2.4).
public struct SIPChallenge: Equatable, Sendable {
    /// `Digest`, or another one as written.
    public let scheme: WireText
    /// In order, values as written.
    public let parameters: [SIPAuthenticationParameter]

    public var isDigest: Bool { scheme.equalsIgnoringCase("Digest") }
    public var realm: String? { unquotedValue("realm") }
    public var nonce: String? { unquotedValue("nonce") }
    public var opaque: String? { unquotedValue("opaque") }
    /// The nonce was too old, the credentials were right.
    public var isStale: Bool { unquotedValue("stale")?.lowercased() == "true" }
    /// As written, to be sent back; nil: MD5 without saying so.
    public var algorithmName: WireText? { value("algorithm") }
    /// Nil for one that we do not know. `isSession` for the `-sess` variants.
    public var algorithm: (hash: SIPDigestAlgorithm, isSession: Bool)? {
        guard var name = unquotedValue("algorithm")?.uppercased() else { return (.md5, false) }
        let isSession = name.hasSuffix("-SESS")
        if isSession { name.removeLast(5) }
        return SIPDigestAlgorithm.allCases.first { $0.name.description == name }.map { ($0, isSession) }
    }
    /// Nil: no qop at all (RFC 2069). Words such as `auth`, in lower case.
    public var qualities: [String]? {
        unquotedValue("qop").map { $0.split { $0 == "," || $0 == " " || $0 == "\t" }.map { $0.lowercased() } }
    }

    public func value(_ name: StaticString) -> WireText? { parameters.first { $0.name.equalsIgnoringCase(name) }?.value }
    public func unquotedValue(_ name: StaticString) -> String? { value(name).map { unquoted($0) } }

    /// Challenges of one message, at most: one per algorithm and realm is usual.
    public static let maximumCount = 16

    /// The value of a challenge to send: qop `auth` only.
    public static func digest(
        realm: String, nonce: String, algorithm: SIPDigestAlgorithm, opaque: String? = nil, isStale: Bool = false
    ) -> WireText {
        var output = Array("Digest realm=".utf8) + quoted(realm)
        output += Array(", nonce=".utf8) + quoted(nonce)
        if let opaque { output += Array(", opaque=".utf8) + quoted(opaque) }
        if isStale { append(", stale=true", to: &output) }
        append(", algorithm=", to: &output)
        append(algorithm.name, to: &output)
        append(", qop=\"auth\"", to: &output)
        return WireText(output)
    }
}

/// `name=value` of a challenge.
public struct SIPAuthenticationParameter: Equatable, Sendable {
    public let name: WireText
    /// Quotes included.
    public let value: WireText
}

extension SIPMessageFields {
    /// All challenges of `name` in order (one per header line as a rule, RFC 3261 §7.3.1; lists are read as well). What breaks the grammar
    /// ends its line. At most `SIPChallenge.maximumCount`.
    public func challenges(_ name: SIPHeaderName) -> [SIPChallenge] {
        var challenges: [SIPChallenge] = []
        for header in fields.headers where header.name == name {
            guard let text = header.text else { continue }
            var reader = ChallengeReader(text)
            while challenges.count < SIPChallenge.maximumCount, let challenge = reader.next() { challenges.append(challenge) }
        }
        return challenges
    }
}

/// `scheme 1*SP auth-param *( "," auth-param )`, the next challenge behind another comma.
private struct ChallengeReader {
    private let storage: [UInt8]
    private var index: Int
    private let end: Int
    private var pendingScheme: WireText?

    init(_ text: WireText) {
        storage = text.storage
        index = text.range.lowerBound
        end = text.range.upperBound
        pendingScheme = nil
    }

    mutating func next() -> SIPChallenge? {
        guard let scheme = pendingScheme ?? token() else { return nil }
        pendingScheme = nil
        var parameters: [SIPAuthenticationParameter] = []
        while let name = token() {
            let storage = storage
            let bytes = storage.span
            let afterName = index
            Scan.skipSpace(bytes, &index, end)
            guard index < end, bytes[index] == 0x3D else {
                // A token without a value: the next challenge's scheme, if white space follows it.
                guard index > afterName, !parameters.isEmpty else { index = end; return nil }
                pendingScheme = name
                break
            }
            index += 1
            Scan.skipSpace(bytes, &index, end)
            let start = index
            if index < end, bytes[index] == 0x22 {
                guard Scan.quoted(bytes, &index, end) else { index = end; return nil }
            } else {
                while index < end, bytes[index] != 0x2C, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
                guard index > start else { index = end; return nil }
            }
            guard parameters.count < 32 else { index = end; return nil }
            parameters.append(SIPAuthenticationParameter(name: name, value: WireText(storage, start..<index)))
            Scan.skipSpace(bytes, &index, end)
            if index < end {
                guard bytes[index] == 0x2C else { index = end; return nil }
                while index < end, bytes[index] == 0x2C || bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
            }
        }
        return SIPChallenge(scheme: scheme, parameters: parameters)
    }

    private mutating func token() -> WireText? {
        let storage = storage
        let bytes = storage.span
        Scan.skipSpace(bytes, &index, end)
        let start = index
        guard Scan.run(.token, bytes, &index, end) else { index = end; return nil }
        return WireText(storage, start..<index)
    }
}
