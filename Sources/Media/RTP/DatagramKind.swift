/// What a datagram on a media port is, told by its first bytes (RFC 7983 §7, RFC 5761 §4).
public enum DatagramKind: Equatable, Sendable {
    case stun
    case zrtp
    case dtls
    case turnChannel
    case rtp
    case rtcp
    /// None of the above, too short, or a payload type that must not be used on a shared port.
    case other

    /// - Parameter multiplexed: both sides agreed to `rtcp-mux`. Then RTP payload types 64 to 95 cannot be told from RTCP and are
    ///   `.other` without the marker, `.rtcp` with it. On a port of its own only the reports that RFC 3550 names are RTCP.
    @inlinable
    public static func classify(_ datagram: UnsafeRawBufferPointer, multiplexed: Bool) -> DatagramKind {
        guard datagram.count >= 2 else { return .other }
        switch datagram[0] {
        case 0...3: return .stun
        case 16...19: return .zrtp
        case 20...63: return .dtls
        case 64...79: return .turnChannel
        case 128...191:
            let second = datagram[1]
            if multiplexed {
                if (192...223).contains(second) { return datagram.count >= 8 ? .rtcp : .other }
                if (64...95).contains(second) { return .other }
            } else if (200...207).contains(second) {
                return datagram.count >= 8 ? .rtcp : .other
            }
            return datagram.count >= RTPHeader.fixedSize ? .rtp : .other
        default: return .other
        }
    }
}
