/// A master key identifier (RFC 3711 §3.1, RFC 4568 §6.1): bytes in each packet that name its key, `|value:length` in SDP.
///
/// It is not authenticated: it chooses a key and proves nothing.
public struct SRTPKeyIdentifier: Hashable, Sendable {
    public let value: UInt64
    /// Bytes that it takes in each packet, 1 to 128; a value of fewer bytes has zeros before it.
    public let length: Int

    /// nil when the length is not 1 to 128, or the value does not fit.
    public init?(value: UInt64, length: Int) {
        guard (1...128).contains(length), length >= 8 || value >> UInt64(length * 8) == 0 else { return nil }
        self.value = value
        self.length = length
    }

    /// The field lies before the packet's last `tag` bytes.
    func ends(_ packet: UnsafeRawBufferPointer, tag: Int) -> Bool {
        let start = packet.count - tag - length
        guard start >= 0 else { return false }
        for index in 0..<length where packet[start + index] != byte(index) { return false }
        return true
    }

    /// Moves the tag to the field's place. The caller has checked `ends`.
    func remove(from packet: UnsafeMutableRawBufferPointer, tag: Int) {
        let start = packet.count - tag - length
        for index in 0..<tag { packet[start + index] = packet[start + length + index] }
    }

    /// The byte at `index` of the field, network order.
    private func byte(_ index: Int) -> UInt8 {
        let fromEnd = length - 1 - index
        return fromEnd < 8 ? UInt8(truncatingIfNeeded: value >> UInt64(fromEnd * 8)) : 0
    }
}

/// What was agreed about a master key beside its bytes.
public struct SRTPKeyTerms: Equatable, Sendable {
    /// RFC 3711 §9.2: what one master key may protect, whatever was agreed.
    public static let mostRTPPackets: UInt64 = 1 << 48
    public static let mostRTCPPackets: UInt64 = 1 << 31

    /// RFC 4568 §6.1: packets that the key may protect, SRTP and SRTCP each; nil: the maximum of RFC 3711 §9.2.
    public var lifetime: UInt64?
    /// The peer marks its packets with it. Only for what is received: ours carry none, because we announce none.
    public var identifier: SRTPKeyIdentifier?

    public init(lifetime: UInt64? = nil, identifier: SRTPKeyIdentifier? = nil) {
        self.lifetime = lifetime
        self.identifier = identifier
    }

    var rtpPackets: UInt64 { min(lifetime ?? .max, Self.mostRTPPackets) }
    var rtcpPackets: UInt64 { min(lifetime ?? .max, Self.mostRTCPPackets) }
}

/// What becomes of an SSRC's rollover counter when its sender changes the key at the same address.
public enum SRTPRollover: Equatable, Sendable {
    /// RFC 3711 §3.3.1 keeps it, Teams and others reset it: both are tried, and the first authentic packet decides.
    case automatic
    case keep
    case reset
}
