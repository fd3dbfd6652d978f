internal import SottoBase

/// What a thread lends to its streams: scratch memory, the event ring, the way to the handshakes.
struct MediaTools: ~Copyable {
    static let datagramSize = 2_048

    let events: EventRing
    /// The datagram that came in. Aligned, as libsrtp2 wants it.
    let datagram: UnsafeMutableRawBufferPointer
    /// The datagram that is being made.
    let packet: UnsafeMutableRawBufferPointer
    /// 20 ms of samples.
    let frame: UnsafeMutableBufferPointer<Int16>
    /// A packet's worth of samples: 60 ms.
    let speech: UnsafeMutableBufferPointer<Int16>
    /// 20 ms of zeros.
    let zeros: UnsafeBufferPointer<Int16>
    let counters: UnsafeMutablePointer<PlaneCounters>
    /// Where datagrams of DTLS handshakes go.
    let handshakes: HandshakePost

    private let bytes: UnsafeMutableRawBufferPointer
    private let samples: UnsafeMutableBufferPointer<Int16>

    init(events: EventRing, handshakes: HandshakePost) {
        self.events = events
        self.handshakes = handshakes
        bytes = .allocate(byteCount: Self.datagramSize * 2, alignment: 64)
        datagram = UnsafeMutableRawBufferPointer(rebasing: bytes[0..<Self.datagramSize])
        packet = UnsafeMutableRawBufferPointer(rebasing: bytes[Self.datagramSize...])
        let frameCount = MediaStream.frameSamples
        samples = .allocate(capacity: frameCount * 2 + MediaStream.maximumPacketSamples)
        samples.initialize(repeating: 0)
        frame = UnsafeMutableBufferPointer(rebasing: samples[0..<frameCount])
        zeros = UnsafeBufferPointer(rebasing: samples[frameCount..<frameCount * 2])
        speech = UnsafeMutableBufferPointer(rebasing: samples[(frameCount * 2)...])
        counters = .allocate(capacity: 1)
        counters.initialize(to: PlaneCounters())
    }

    /// Forgets the audio and the packets of the session at hand.
    func wipeScratch() {
        if let start = samples.baseAddress { wipe(UnsafeMutableRawPointer(start), count: samples.count * 2) }
        if let start = bytes.baseAddress { wipe(start, count: bytes.count) }
    }

    deinit {
        wipeScratch()
        bytes.deallocate()
        samples.deallocate()
        counters.deallocate()
    }
}

/// Counters of one thread, published once a turn.
struct PlaneCounters {
    var packetsReceived: UInt64 = 0
    var packetsSent: UInt64 = 0
    var unauthenticated: UInt64 = 0
    var replayed: UInt64 = 0
    var malformed: UInt64 = 0
    var dtlsIgnored: UInt64 = 0
    var sendFailures: UInt64 = 0
    var framesRefused: UInt64 = 0
    /// The worst lateness of a deadline since it was last published, in nanoseconds.
    var worstLateness: Int64 = 0
}
