public import SottoBase

/// One hop of a Via header (RFC 3261 §20.42), over its own bytes.
public struct Via: Hashable, Sendable {
    public enum Transport: Hashable, Sendable {
        case udp, tcp, tls, sctp, ws, wss
        /// Another one, see the text.
        case other
    }

    /// The value of `rport` (RFC 3581).
    public enum ResponsePort: Hashable, Sendable {
        /// `;rport` without a value: the client asks for it to be filled.
        case requested
        case filled(UInt16)
    }

    /// The whole hop as it is written.
    public let text: WireText
    public let transport: Transport
    /// False when the hop breaks the grammar; then only `text` means something.
    public let isWellFormed: Bool
    /// 0–65535; nil when none is written.
    public let port: UInt16?
    let transportSlot: Slot
    let hostSlot: Slot
    let parametersSlot: Slot
    let branchSlot: Slot

    /// Parses one hop.
    public init(_ text: WireText) {
        var index = text.range.lowerBound
        if let via = Via.parse(text.storage, &index, text.range.upperBound), index == text.range.upperBound {
            self = via
        } else {
            self = .malformed(text)
        }
    }

    /// A hop of our own. `branch` must start with `z9hG4bK` (§8.1.1.7); `asksForPort` adds `;rport`.
    public init(transport: Transport = .tls, host: WireText, port: UInt16?, branch: WireText, asksForPort: Bool = true) {
        var output: [UInt8] = []
        append("SIP/2.0/", to: &output)
        append(transport.spelling, to: &output)
        output.append(0x20)
        output.append(contentsOf: host.bytes)
        if let port { output.append(contentsOf: ":\(port)".utf8) }
        append(";branch=", to: &output)
        output.append(contentsOf: branch.bytes)
        if asksForPort { append(";rport", to: &output) }
        self.init(WireText(output))
    }

    /// As written; an IPv6 address keeps its brackets.
    public var host: WireText { hostSlot.text(in: text) ?? "" }
    public var transportName: WireText { transportSlot.text(in: text) ?? "" }
    /// Nil when there is none (an RFC 2543 client).
    public var branch: WireText? { branchSlot.text(in: text) }
    public var parameters: SIPParameters { SIPParameters(parametersSlot.text(in: text) ?? "") }
    public var received: WireText? { parameters.value("received") }

    public var responsePort: ResponsePort? {
        guard let value = parameters.value("rport") else { return nil }
        if value.isEmpty { return .requested }
        return UInt16(value.string).map { .filled($0) }
    }

    /// True when the branch promises RFC 3261's unique transaction id and holds one (§8.1.1.7).
    public var hasTransactionID: Bool {
        guard let branch, branch.count > 7 else { return false }
        return branch.slice(0..<7).equalsIgnoringCase("z9hG4bK")
    }

    /// As a server must mark the topmost hop: `received` when the sent-by host is not the address that the request came from
    /// (RFC 3261 §18.2.1) or `rport` was asked for; `rport` filled then (RFC 3581 §4).
    public func filled(from source: PeerAddress) -> Via {
        guard isWellFormed else { return self }
        let asked = responsePort == .requested
        let sentBy = Scan.address(host, port: 0)
        guard asked || sentBy?.bytes != source.bytes else { return self }
        var parameters = parameters.setting("received", to: WireText(source.hostText))
        if asked { parameters = parameters.setting("rport", to: WireText("\(source.port)")) }
        var output = Array(text.storage[text.range.lowerBound..<text.range.lowerBound + headLength])
        output.append(contentsOf: parameters.text.bytes)
        return Via(WireText(output))
    }

    private var headLength: Int { parametersSlot.isPresent ? Int(parametersSlot.start) : text.count }

    public static func == (a: Via, b: Via) -> Bool { a.text == b.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension Via.Transport {
    var spelling: StaticString {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls, .other: "TLS"
        case .sctp: "SCTP"
        case .ws: "WS"
        case .wss: "WSS"
        }
    }

    /// The transport that a token names, without case.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        func isName(_ name: StaticString) -> Bool { Scan.hasPrefix(bytes, range.lowerBound, range.upperBound, name) }
        switch range.count {
        case 3: self = isName("tls") ? .tls : isName("tcp") ? .tcp : isName("udp") ? .udp : isName("wss") ? .wss : .other
        case 2: self = isName("ws") ? .ws : .other
        case 4: self = isName("sctp") ? .sctp : .other
        default: self = .other
        }
    }
}

extension Via {
    static func malformed(_ text: WireText) -> Via {
        Via(
            text: text, transport: .other, isWellFormed: false, port: nil, transportSlot: .none, hostSlot: .none, parametersSlot: .none,
            branchSlot: .none)
    }

    private init(
        text: WireText, transport: Transport, isWellFormed: Bool, port: UInt16?, transportSlot: Slot, hostSlot: Slot, parametersSlot: Slot,
        branchSlot: Slot
    ) {
        self.text = text
        self.transport = transport
        self.isWellFormed = isWellFormed
        self.port = port
        self.transportSlot = transportSlot
        self.hostSlot = hostSlot
        self.parametersSlot = parametersSlot
        self.branchSlot = branchSlot
    }

    /// One via-parm from `index` on; stops before a comma or at `end`. Nil when it breaks the grammar.
    static func parse(_ storage: [UInt8], _ index: inout Int, _ end: Int) -> Via? {
        let bytes = storage.span
        Scan.skipSpace(bytes, &index, end)
        let start = index
        guard Scan.run(.token, bytes, &index, end), skipSlash(bytes, &index, end), Scan.run(.token, bytes, &index, end),
            skipSlash(bytes, &index, end)
        else { return nil }
        let transportStart = index
        guard Scan.run(.token, bytes, &index, end) else { return nil }
        let name = transportStart..<index
        let transport = Transport(bytes, name)
        guard index < end, bytes[index] == 0x20 || bytes[index] == 0x09 else { return nil }
        Scan.skipSpace(bytes, &index, end)
        let hostStart = index
        guard Scan.host(bytes, &index, end) else { return nil }
        let host = hostStart..<index
        var port: UInt16?
        // sent-protocol LWS sent-by: COLON allows white space around it.
        var at = index
        Scan.skipSpace(bytes, &at, end)
        if at < end, bytes[at] == 0x3A {
            at += 1
            Scan.skipSpace(bytes, &at, end)
            guard let value = Scan.decimal(bytes, &at, end, limit: 65535) else { return nil }
            port = UInt16(value)
            index = at
        }
        let parametersStart = index
        guard Scan.parameters(bytes, &index, end) else { return nil }
        let textEnd = index
        Scan.skipSpace(bytes, &index, end)
        guard index == end || bytes[index] == 0x2C, textEnd - start <= 8192 else { return nil }
        let branch = Scan.value(of: "branch", bytes, parametersStart, textEnd)
        return Via(
            text: WireText(storage, start..<textEnd), transport: transport, isWellFormed: true, port: port,
            transportSlot: Slot(name, from: start), hostSlot: Slot(host, from: start),
            parametersSlot: textEnd == parametersStart ? .none : Slot(parametersStart..<textEnd, from: start),
            branchSlot: branch.map { Slot($0, from: start) } ?? .none)
    }

    private static func skipSlash(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        Scan.skipSpace(bytes, &index, end)
        guard index < end, bytes[index] == 0x2F else { return false }
        index += 1
        Scan.skipSpace(bytes, &index, end)
        return true
    }
}
