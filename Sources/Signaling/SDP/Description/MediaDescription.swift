public import SottoBase

/// The transport of an `m=` line.
public enum MediaTransport: Hashable, Sendable {
    case rtpAVP, rtpAVPF, rtpSAVP, rtpSAVPF
    /// `UDP/TLS/RTP/SAVP` and `…F`: DTLS-SRTP (RFC 5764 §8).
    case dtlsSAVP, dtlsSAVPF
    /// Another one as written, such as `udptl`.
    case other(WireText)

    public init(_ text: WireText) {
        // The usual one first: comparing lengths leaves one or two names.
        for transport in [MediaTransport.rtpSAVP, .rtpAVP, .rtpAVPF, .rtpSAVPF, .dtlsSAVP, .dtlsSAVPF]
        where text.equalsIgnoringCase(transport.name) {
            self = transport
            return
        }
        self = .other(text)
    }

    /// RTP/SAVP or RTP/SAVPF: keyed by `a=crypto`.
    public var isSecureRTP: Bool { self == .rtpSAVP || self == .rtpSAVPF }
    /// Keyed by a DTLS handshake on the media path.
    public var isDTLS: Bool { self == .dtlsSAVP || self == .dtlsSAVPF }

    public var text: WireText {
        if case .other(let text) = self { return text }
        return WireText(name.description)
    }

    private var name: StaticString {
        switch self {
        case .rtpAVP: "RTP/AVP"
        case .rtpAVPF: "RTP/AVPF"
        case .rtpSAVP: "RTP/SAVP"
        case .rtpSAVPF: "RTP/SAVPF"
        case .dtlsSAVP: "UDP/TLS/RTP/SAVP"
        case .dtlsSAVPF: "UDP/TLS/RTP/SAVPF"
        case .other: ""
        }
    }
}

/// One `m=` line and the lines that belong to it.
public struct MediaDescription: Equatable, Sendable {
    /// `audio`, `video`, `image`, …
    public var kind: WireText
    /// 0: refused or disabled (RFC 3264 §6).
    public var port: UInt16
    /// From `port/count`; 1 as a rule.
    public var portCount: UInt16
    public var transport: MediaTransport
    /// Payload types, for RTP; other words as they are. In order of preference.
    public var formats: [WireText]
    public var connection: SDPConnection?
    /// In order, without `a=crypto`.
    public var attributes: [SDPAttribute]
    /// Usable `a=crypto` lines in order.
    public var cryptos: [CryptoAttribute]
    /// Why other `a=crypto` lines do not count.
    public var voidCryptos: [CryptoVoid]

    public init(
        kind: WireText, port: UInt16, portCount: UInt16 = 1, transport: MediaTransport, formats: [WireText],
        connection: SDPConnection? = nil, attributes: [SDPAttribute] = [], cryptos: [CryptoAttribute] = [], voidCryptos: [CryptoVoid] = []
    ) {
        self.kind = kind
        self.port = port
        self.portCount = portCount
        self.transport = transport
        self.formats = formats
        self.connection = connection
        self.attributes = attributes
        self.cryptos = cryptos
        self.voidCryptos = voidCryptos
    }

    public func attribute(_ name: StaticString) -> SDPAttribute? { attributes.first { $0.isExactly(name) } }

    /// True when there is any `a=crypto`, usable or not.
    public var hasCrypto: Bool { !cryptos.isEmpty || !voidCryptos.isEmpty }

    /// The RTP formats with their mapping, in order; words that are no payload type of 0–127 are left out.
    public var payloads: [PayloadFormat] {
        formats.compactMap { format in
            guard let number = Decimal.read(format, limit: 127) else { return nil }
            return PayloadFormat(payloadType: UInt8(number), attributes: attributes)
        }
    }

    /// Milliseconds of `a=ptime`; fractions are cut.
    public var packetTime: UInt16? { milliseconds("ptime") }
    public var maximumPacketTime: UInt16? { milliseconds("maxptime") }

    private func milliseconds(_ name: StaticString) -> UInt16? {
        guard let value = attribute(name)?.value else { return nil }
        let storage = value.storage
        var index = value.range.lowerBound
        return Decimal.read(storage.span, &index, value.range.upperBound, limit: 65535).map { UInt16($0) }
    }

    /// `a=rtcp-mux` (RFC 5761).
    public var multiplexesRTCP: Bool { attribute("rtcp-mux") != nil }

    /// `a=rtcp:port [IN IP4 address]` (RFC 3605).
    public var rtcp: (port: UInt16, connection: SDPConnection?)? {
        guard let value = attribute("rtcp")?.value else { return nil }
        let words = value.words
        guard let first = words.first, let port = Decimal.read(first, limit: 65535) else { return nil }
        guard words.count == 4, words[1].equalsIgnoringCase("IN") else { return (UInt16(port), nil) }
        return (UInt16(port), SDPConnection(addressType: words[2], address: words[3]))
    }
}

/// A payload type and what it means: from `a=rtpmap`, or static by RFC 3551 §6.
public struct PayloadFormat: Hashable, Sendable {
    public let payloadType: UInt8
    /// As written in `a=rtpmap`; empty when neither a map nor a static type tells.
    public let encoding: WireText
    /// Hz; 0 when unknown.
    public let clockRate: UInt32
    public let channels: UInt8
    /// The value of `a=fmtp` without the payload type.
    public let parameters: WireText?

    public init(payloadType: UInt8, encoding: WireText, clockRate: UInt32, channels: UInt8 = 1, parameters: WireText? = nil) {
        self.payloadType = payloadType
        self.encoding = encoding
        self.clockRate = clockRate
        self.channels = channels
        self.parameters = parameters
    }

    init(payloadType: UInt8, attributes: [SDPAttribute]) {
        var encoding: WireText = ""
        var clockRate: UInt32 = 0
        var channels: UInt8 = 1
        var hasMap = false
        var parameters: WireText?
        for attribute in attributes {
            if !hasMap, attribute.isExactly("rtpmap"), let rest = attribute.value.flatMap({ Self.value($0, after: payloadType) }) {
                let parts = rest.split(at: 0x2F)
                guard parts.count >= 2, let rate = Decimal.read(parts[1], limit: 1_000_000) else { continue }
                hasMap = true
                encoding = parts[0]
                clockRate = UInt32(rate)
                if parts.count > 2, let count = Decimal.read(parts[2], limit: 255) { channels = UInt8(count) }
            } else if parameters == nil, attribute.isExactly("fmtp"),
                let rest = attribute.value.flatMap({ Self.value($0, after: payloadType) })
            {
                parameters = rest
            }
        }
        if !hasMap, let fixed = Self.fixed(payloadType) { (encoding, clockRate) = fixed }
        self.init(payloadType: payloadType, encoding: encoding, clockRate: clockRate, channels: channels, parameters: parameters)
    }

    /// One parameter of `a=fmtp`, as `a=1;b=2` writes them.
    public func parameter(_ name: StaticString) -> WireText? {
        guard let parameters else { return nil }
        for part in parameters.split(at: 0x3B) {
            let pair = part.split(at: 0x3D, limit: 2)
            if pair[0].trimmed.equalsIgnoringCase(name) { return pair.count > 1 ? pair[1].trimmed : "" }
        }
        return nil
    }

    /// What follows `<payload type> `, when the value starts with this type.
    private static func value(_ text: WireText, after payloadType: UInt8) -> WireText? {
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        guard Decimal.read(bytes, &index, text.range.upperBound, limit: 127) == UInt64(payloadType), index < text.range.upperBound,
            bytes[index] == 0x20
        else { return nil }
        return WireText(storage, index..<text.range.upperBound).trimmed
    }

    /// RFC 3551 §6, the types that carriers still send without `a=rtpmap`.
    private static func fixed(_ payloadType: UInt8) -> (WireText, UInt32)? {
        switch payloadType {
        case 0: ("PCMU", 8000)
        case 3: ("GSM", 8000)
        case 4: ("G723", 8000)
        case 8: ("PCMA", 8000)
        case 9: ("G722", 8000)
        case 13: ("CN", 8000)
        case 18: ("G729", 8000)
        default: nil
        }
    }
}

extension WireText {
    /// Words between spaces and tabs.
    var words: [WireText] {
        let storage = storage
        let bytes = storage.span
        let end = range.upperBound
        var words: [WireText] = []
        words.reserveCapacity(8)
        var index = range.lowerBound
        while index < end {
            let wordEnd = bytes.firstIndex(of: 0x20, or: 0x09, from: index, to: end)
            if wordEnd > index { words.append(WireText(storage, index..<wordEnd)) }
            index = wordEnd + 1
        }
        return words
    }

    var trimmed: WireText {
        let storage = storage
        let bytes = storage.span
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower += 1 }
        while upper > lower, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 { upper -= 1 }
        return WireText(storage, lower..<upper)
    }

    /// What stands before the first `separator`; all of it when there is none.
    func head(before separator: UInt8) -> WireText {
        let storage = storage
        let end = storage.span.firstIndex(of: separator, or: separator, from: range.lowerBound, to: range.upperBound)
        return WireText(storage, range.lowerBound..<end)
    }

    func split(at separator: UInt8, limit: Int = .max) -> [WireText] { split(limit: limit) { $0 == separator } }

    /// At least one part; at most `limit`.
    private func split(limit: Int = .max, _ isSeparator: (UInt8) -> Bool) -> [WireText] {
        var parts: [WireText] = []
        var start = range.lowerBound
        for index in range where parts.count + 1 < limit && isSeparator(storage[index]) {
            parts.append(WireText(storage, start..<index))
            start = index + 1
        }
        parts.append(WireText(storage, start..<range.upperBound))
        return parts
    }
}
