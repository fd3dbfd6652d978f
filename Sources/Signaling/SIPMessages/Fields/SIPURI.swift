public import SottoBase

/// A URI as SIP carries it: `sip:`, `sips:`, `tel:` (RFC 3966) and any other scheme, over its own bytes.
///
/// Parsing never fails: what breaks RFC 3261 §25.1 is kept with `isWellFormed` false, so that it can be answered. Equality compares the
/// bytes; `isEquivalent(to:)` is the RFC's comparison.
public struct SIPURI: Hashable, Sendable {
    public enum Scheme: Hashable, Sendable {
        case sip, sips, tel
        /// Another one, see `schemeName`.
        case other
    }

    /// The whole URI as it is written.
    public let text: WireText
    public let scheme: Scheme
    public let isWellFormed: Bool
    /// 0–65535; nil when none is written.
    public let port: UInt16?
    let schemeSlot: Slot
    let userSlot: Slot
    let passwordSlot: Slot
    let hostSlot: Slot
    let parametersSlot: Slot
    let headersSlot: Slot

    public init(_ text: WireText) { self = SIPURI.parse(text.storage, text.range) }

    /// As above, but nil when it is not well formed.
    public init?(string: String) {
        self.init(WireText(string))
        guard isWellFormed else { return nil }
    }

    /// A `sip:` or `sips:` URI. `user` is escaped where it must be; `host` is a name, an IPv4 address or an IPv6 one in brackets.
    public init(
        scheme: Scheme = .sip, user: String? = nil, host: WireText, port: UInt16? = nil, parameters: SIPParameters = SIPParameters()
    ) {
        var output: [UInt8] = []
        append(scheme == .sips ? "sips:" : "sip:", to: &output)
        if let user {
            for byte in user.utf8 {
                if ByteSet.user.contains(byte), byte != 0x25, byte != 0x23 {
                    output.append(byte)
                } else {
                    let digits: [UInt8] = Array("0123456789ABCDEF".utf8)
                    output += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
            output.append(0x40)
        }
        output.append(contentsOf: host.bytes)
        if let port { output.append(contentsOf: ":\(port)".utf8) }
        output.append(contentsOf: parameters.text.bytes)
        self.init(WireText(output))
    }

    /// As written, before the colon: `sip`, `SIP`, `soap.beep`.
    public var schemeName: WireText { schemeSlot.text(in: text) ?? "" }
    /// The user part as it is written (escapes kept, password not included); for `tel:` the number. Nil when there is none.
    public var user: WireText? { userSlot.text(in: text) }
    public var password: WireText? { passwordSlot.text(in: text) }
    /// Name or address; an IPv6 address keeps its brackets. Empty for schemes other than sip and sips.
    public var host: WireText { hostSlot.text(in: text) ?? "" }
    /// The host when it is an address, with the URI's port or 5060 (5061 for sips).
    public var hostAddress: PeerAddress? { Scan.address(host, port: port ?? (scheme == .sips ? 5061 : 5060)) }
    public var parameters: SIPParameters { SIPParameters(parametersSlot.text(in: text) ?? "") }
    /// What follows `?`, without it.
    public var headers: WireText? { headersSlot.text(in: text) }
    /// The `transport` parameter.
    public var transport: WireText? { parameters.value("transport") }
    /// `;lr`: the router named here is a loose one (RFC 3261 §19.1.1).
    public var isLooseRouter: Bool { parameters.contains("lr") }

    /// The user part with escapes resolved; nil when there is none or it holds no UTF-8.
    public var unescapedUser: String? {
        guard let user else { return nil }
        return String(validating: unescaped(user), as: UTF8.self)
    }

    /// The number that was called (or is calling): the user part of a sip URI or a tel URI's number, with its parameters stripped,
    /// visual separators of a telephone number removed and `+` kept. `*` and `#` count as digits. Nil when there is no user.
    ///
    /// A user that is no telephone number (`reception`) comes back as it is, without anything after `;`.
    public var calledNumber: String? {
        guard let user = unescapedUser else { return nil }
        let bare = user.prefix { $0 != ";" }
        guard !bare.isEmpty else { return nil }
        let isNumber = bare.utf8.allSatisfy { (0x30...0x39).contains($0) || "+*#-.()".utf8.contains($0) }
        guard isNumber else { return String(bare) }
        let digits = bare.filter { !"-.()".contains($0) }
        return digits.isEmpty ? String(bare) : String(digits)
    }

    /// RFC 3261 §19.1.4, without its rule about escaped headers: those must be byte-equal.
    public func isEquivalent(to other: SIPURI) -> Bool {
        if text == other.text { return true }
        guard scheme == other.scheme, scheme == .sip || scheme == .sips, port == other.port, host.equalsIgnoringCase(other.host),
            headers == other.headers
        else { return scheme != .sip && scheme != .sips && text.equalsIgnoringCase(other.text) }
        guard user.map(unescaped) == other.user.map(unescaped), password.map(unescaped) == other.password.map(unescaped) else { return false }
        let mine = parameters
        let theirs = other.parameters
        for name: StaticString in ["user", "ttl", "method", "maddr", "transport"] where mine.contains(name) != theirs.contains(name) {
            return false
        }
        return mine.list.allSatisfy { parameter in
            guard let value = theirs.value(named: parameter.name) else { return true }
            return value.equalsIgnoringCase(parameter.value ?? "")
        }
    }

    public static func == (a: SIPURI, b: SIPURI) -> Bool { a.text == b.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// `%xx` resolved.
func unescaped(_ text: WireText) -> [UInt8] {
    var output: [UInt8] = []
    let bytes = Array(text.bytes)
    var index = 0
    func value(_ byte: UInt8) -> UInt8 { byte < 0x3A ? byte &- 0x30 : (byte | 0x20) &- 0x57 }
    while index < bytes.count {
        if bytes[index] == 0x25, index + 2 < bytes.count, ByteSet.hex.contains(bytes[index + 1]), ByteSet.hex.contains(bytes[index + 2]) {
            output.append(value(bytes[index + 1]) << 4 | value(bytes[index + 2]))
            index += 3
        } else {
            output.append(bytes[index])
            index += 1
        }
    }
    return output
}
