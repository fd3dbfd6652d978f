/// Counters of one session since its start.
public struct MediaStatistics: Equatable, Sendable {
    /// Authentic RTP packets.
    public var packetsReceived: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var packetsSent: UInt64 = 0
    public var bytesSent: UInt64 = 0
    /// Packets that were not ours: not authentic, malformed, of unknown payload type.
    public var unauthenticated: UInt64 = 0
    public var replayed: UInt64 = 0
    public var malformed: UInt64 = 0
    /// Packets that the network lost or that came too late (RFC 3550 §6.4.1), as far as we can tell.
    public var packetsLost: Int64 = 0
    public var packetsLate: UInt64 = 0
    /// 20 ms frames that concealment had to invent.
    public var framesConcealed: UInt64 = 0
    /// 20 ms frames that the DTMF guard or payment mode cut.
    public var framesCut: UInt64 = 0
    public var digits: UInt64 = 0
    /// Interarrival jitter in microseconds (RFC 3550 §6.4.1).
    public var jitterMicroseconds: UInt32 = 0
    /// The jitter buffer's depth now.
    public var jitterBufferMilliseconds: UInt32 = 0
    /// Round trip by RTCP, 0 when unknown.
    public var roundTripMicroseconds: UInt32 = 0
    /// What the peer reports of our stream: lost packets and jitter (its own clock's units turned into microseconds).
    public var remotePacketsLost: Int64 = 0
    public var remoteJitterMicroseconds: UInt32 = 0
    /// Play-out deadlines that the thread met too late to catch up on.
    public var framesSkipped: UInt64 = 0

    /// The delay that the jitter buffer aims at.
    public var jitterTargetMilliseconds: UInt32 = 0
    /// E-model estimate of what we hear (ITU-T G.107), 100 × MOS: 100 to 450; 0 while unknown.
    public var mosHundredths: UInt32 = 0
    /// Payloads passed to the far leg of a bridge, transcoded or not.
    public var packetsBridged: UInt64 = 0
    /// DTLS datagrams that were not taken: from elsewhere than the peer's address, without DTLS keys agreed on, or too many.
    public var dtlsIgnored: UInt64 = 0

    public init() {}
}
