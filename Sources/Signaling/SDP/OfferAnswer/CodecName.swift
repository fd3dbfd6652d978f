/// Codecs that can be negotiated here.
public enum CodecName: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case pcmu, pcma, opus, g722

    /// As `a=rtpmap` writes it.
    public var encoding: StaticString {
        switch self {
        case .pcmu: "PCMU"
        case .pcma: "PCMA"
        case .opus: "opus"
        case .g722: "G722"
        }
    }

    /// Hz of the RTP clock. Opus is always 48,000 (RFC 7587 §4.1); G.722 samples at 16 kHz and counts 8,000 (RFC 3551 §4.5.2).
    public var clockRate: UInt32 { self == .opus ? 48000 : 8000 }
    /// In `a=rtpmap`. Opus is always written as 2 (RFC 7587 §7), whatever is sent.
    public var channels: UInt8 { self == .opus ? 2 : 1 }
    /// The static type (RFC 3551 §6); Opus has none, and we offer 96 for it.
    public var offeredPayloadType: UInt8 {
        switch self {
        case .pcmu: 0
        case .pcma: 8
        case .opus: 96
        case .g722: 9
        }
    }

    public var description: String { encoding.description }
}
