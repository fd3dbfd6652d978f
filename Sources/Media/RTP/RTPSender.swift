/// Numbers the packets of one outbound stream and counts them for sender reports.
public struct RTPSender: Equatable, Sendable {
    public private(set) var ssrc: SSRC
    public private(set) var sequence: UInt16
    /// The timestamp of the next frame.
    public private(set) var timestamp: UInt32
    /// Packets and payload octets sent since the start; both wrap (RFC 3550 §6.4.1).
    public private(set) var packetCount: UInt32 = 0
    public private(set) var octetCount: UInt32 = 0

    /// The start values are random (RFC 3550 §5.1). The sequence number starts below 2^15, so that a receiver that misses the first
    /// packets around a wrap does not guess a wrong SRTP rollover counter (RFC 3711 §3.3.1).
    public init(ssrc: SSRC, sequence: UInt16, timestamp: UInt32) {
        self.ssrc = ssrc
        self.sequence = sequence & 0x7FFF
        self.timestamp = timestamp
    }

    /// The next packet's header. The clock moves on by `ticks`, the duration of this frame.
    public mutating func next(payloadType: PayloadType, marker: Bool, payloadCount: Int, ticks: UInt32) -> RTPHeader {
        let header = RTPHeader(marker: marker, payloadType: payloadType, sequence: sequence, timestamp: timestamp, ssrc: ssrc)
        sequence &+= 1
        timestamp &+= ticks
        packetCount &+= 1
        octetCount &+= UInt32(truncatingIfNeeded: payloadCount)
        return header
    }

    /// Time passed without a packet (a pause): the next packet carries the marker.
    public mutating func skip(ticks: UInt32) { timestamp &+= ticks }

    /// Leaves numbers out: what is passed on from another stream has lost so many packets on its way.
    public mutating func skip(packets: UInt16) { sequence &+= packets }

    /// Another source has our number (RFC 3550 §8.2): goes on under a new one, after a BYE for the old one. Counts start again.
    public mutating func changeSource(to new: SSRC, sequence: UInt16) {
        self = RTPSender(ssrc: new, sequence: sequence, timestamp: timestamp)
    }
}
