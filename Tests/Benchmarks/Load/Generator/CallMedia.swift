import Audio
import CEpoll
import RTP
import SRTP
import SottoBase
import SottoTestPeer

/// The media of one call from one side: a packet each 20 ms, and a check of every packet that comes back. On the generator's thread alone
/// once it was added there.
final class CallMedia: @unchecked Sendable {  // proof: made and started by one side, then on the generator's thread alone
    /// What the line does to our packets.
    struct Impairment {
        /// Share of packets that never leave, 0 to 1.
        var loss = 0.0
        /// Each packet leaves this much later, in ms, and up to `jitter` ms more.
        var delay = 0
        var jitter = 0
    }

    let descriptor: Int32
    let port: UInt16
    let codec: AudioCodec
    var impairment = Impairment()
    /// What it says; an index into `Voice.tones`.
    var tone = 0
    /// What it should hear; nil: not judged.
    private(set) var expected: Int?
    private(set) var isMute = false
    private var payloadType = PayloadType(0)

    /// RTP as it is, for a peer that measures with one side open.
    private var isPlain = false
    private var sender: SRTPSender?
    private var receiver: SRTPReceiver?
    private var decoder: FrameDecoder?
    private var target = CallMedia.loopback(0)
    private let ssrc = UInt32.random(in: 1...UInt32.max)
    private var sequence: UInt16
    private var timestamp = UInt32.random(in: 0...UInt32.max)
    private var delayed: [(due: Int64, packet: [UInt8])] = []
    private var random: UInt64
    private var judgedFrom: Int64 = 0

    // What was measured.
    private(set) var sent = 0
    /// Packets that the impairment ate.
    private(set) var withheld = 0
    private(set) var received = 0
    /// Packets that our key does not open.
    private(set) var foreign = 0
    /// Frames in which the expected tone should be, and those in which it is.
    private(set) var judged = 0
    private(set) var right = 0
    private var stream: Stream?
    private var lostBefore = 0
    private var skippedBefore = 0
    /// When each packet came, in µs, less the time that its timestamp says.
    private(set) var offsets: [Int32] = []
    private var began: Int64 = 0
    private(set) var lastArrival: Int64 = 0
    /// What the daemon says of our packets (RTCP): those that it lost, and the last one that it has.
    private(set) var reportedLost: Int32?
    private(set) var reportedJitter: UInt32 = 0
    private var reportedSequence: UInt16?

    /// - Parameter wraps: the sequence number wraps within the first second.
    init(codec: AudioCodec = .pcmu, wraps: Bool = false) throws {
        self.codec = codec
        var address = Self.loopback(0)
        descriptor = sotto_udp_open(&address, 0)
        guard descriptor >= 0 else { throw PeerFault(description: "socket: errno \(-descriptor)") }
        port = sotto_udp_port(descriptor)
        sequence = wraps ? 65_500 : UInt16.random(in: 0...0x7FFF)
        random = UInt64(ssrc) | 1 << 40
    }

    deinit { sotto_close(descriptor) }

    static func loopback(_ port: UInt16) -> sotto_address {
        var address = sotto_address()
        address.high = UInt64(UInt32(0x7F00_0001).bigEndian)
        address.port = port
        return address
    }

    struct Keys {
        var profile: SRTPProfile
        var local: [UInt8]
        var remote: [UInt8]
    }

    private var keys: Keys?

    /// Begins, or takes over what a re-INVITE changed. A key that stays keeps its context, and so its rollover counter.
    func apply(_ next: Keys, payloadType: UInt8, remotePort: UInt16, expected packets: Int = 0) throws {
        if keys.map({ $0.local != next.local || $0.profile != next.profile }) ?? true {
            sender = try SRTPSender(profile: next.profile, key: SecretBytes(copying: next.local[...]), ssrc: ssrc)
        }
        if keys.map({ $0.remote != next.remote || $0.profile != next.profile }) ?? true {
            let key = SecretBytes(copying: next.remote[...])
            if receiver == nil {
                receiver = try SRTPReceiver(profile: next.profile, key: key)
            } else {
                try receiver?.rekey(
                    profile: next.profile, key: key, stragglersUntil: Instant(nanoseconds: sotto_monotonic() + 2_000_000_000))
            }
        }
        keys = next
        self.payloadType = PayloadType(payloadType)
        target = Self.loopback(remotePort)
        if decoder == nil { decoder = try FrameDecoder(codec: codec) }
        offsets.reserveCapacity(packets)
    }

    func applyPlain(payloadType: UInt8, remotePort: UInt16) throws {
        isPlain = true
        self.payloadType = PayloadType(payloadType)
        target = Self.loopback(remotePort)
        decoder = try FrameDecoder(codec: codec)
    }

    /// From now on, and after a moment for what is under way, `tone` is to be heard; nil: nothing is judged.
    func expect(_ tone: Int?, after milliseconds: Int64 = 700) {
        expected = tone
        judgedFrom = sotto_monotonic() + milliseconds * 1_000_000
    }

    func mute(_ isMute: Bool) { self.isMute = isMute }

    private func chance() -> Double {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(random >> 11) / Double(1 << 53)
    }

    func send(_ payload: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer, now: Int64) {
        defer { timestamp &+= UInt32(codec.clockRate / 50) }
        guard sender != nil || isPlain, !isMute else { return }
        let header = RTPHeader(marker: sent == 0, payloadType: payloadType, sequence: sequence, timestamp: timestamp, ssrc: SSRC(ssrc))
        sequence &+= 1
        guard (try? header.write(into: buffer)) != nil else { return }
        UnsafeMutableRawBufferPointer(rebasing: buffer[12...]).copyMemory(from: payload)
        var length = 12 + payload.count
        if !isPlain {
            guard case .protected(let sealed)? = sender?.protectRTP(buffer, length: length) else { return }
            length = sealed
        }
        sent += 1
        if impairment.loss > 0, chance() < impairment.loss {
            withheld += 1
        } else if impairment.delay + impairment.jitter > 0 {
            let wait = Double(impairment.delay) + Double(impairment.jitter) * chance()
            delayed.append((now + Int64(wait * 1e6), Array(buffer[..<length])))
        } else {
            transmit(UnsafeRawBufferPointer(rebasing: buffer[..<length]))
        }
    }

    private func transmit(_ packet: UnsafeRawBufferPointer) {
        if sotto_udp_send(descriptor, packet.baseAddress, packet.count, &target) != packet.count { withheld += 1 }
    }

    /// Sends what was held back and is due.
    func release(now: Int64) {
        guard delayed.contains(where: { $0.due <= now }) else { return }
        for entry in delayed.filter({ $0.due <= now }).sorted(by: { $0.due < $1.due }) { entry.packet.withUnsafeBytes { transmit($0) } }
        delayed.removeAll { $0.due <= now }
    }

    // MARK: - Receiving

    /// - Parameter isTimed: the packets' times count.
    func receive(_ buffer: UnsafeMutableRawBufferPointer, now: Int64, isTimed: Bool) {
        var source = sotto_address()
        while true {
            let count = sotto_udp_receive(descriptor, buffer.baseAddress, buffer.count, &source)
            guard count >= 12 else { return }
            let datagram = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(count, buffer.count)])
            if (200...207).contains(datagram[1]) { take(report: datagram, now) } else { take(packet: datagram, now, isTimed) }
        }
    }

    private func take(packet: UnsafeMutableRawBufferPointer, _ now: Int64, _ isTimed: Bool) {
        let length: Int
        switch isPlain ? .authenticated(length: packet.count) : receiver?.unprotectRTP(packet, now: Instant(nanoseconds: now)) {
        case .authenticated(let opened)?, .straggler(let opened)?: length = opened
        case nil: return
        default:
            foreign += 1
            return
        }
        let opened = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(packet)[..<length])
        guard let header = try? RTPHeader(parsing: opened) else {
            foreign += 1
            return
        }
        received += 1
        lastArrival = now
        judge(header.payload(of: opened), now)
        guard stream?.ssrc == header.ssrc.value else {
            // Another leg of the daemon speaks to us now: its numbers are its own.
            lostBefore += stream?.lost ?? 0
            skippedBefore += stream.map { $0.skipped(codec) } ?? 0
            stream = Stream(ssrc: header.ssrc.value, first: Int64(header.sequence), firstTimestamp: header.timestamp)
            began = now
            return
        }
        let lastTicks = stream?.take(header) ?? 0
        if isTimed { offsets.append(Int32(clamping: (now - began) / 1_000 - lastTicks * 1_000_000 / Int64(codec.clockRate))) }
    }

    private func judge(_ payload: UnsafeRawBufferPointer, _ now: Int64) {
        guard let expected, now >= judgedFrom else { return }
        withUnsafeTemporaryAllocation(of: Int16.self, capacity: FrameDecoder.maximumSamples) { samples in
            guard let count = decoder?.decode(payload, into: samples), count > 0 else { return }
            judged += 1
            if Voice.share(of: expected, in: UnsafeBufferPointer(rebasing: samples[..<count])) > 0.5 { right += 1 }
        }
    }

    private func take(report: UnsafeMutableRawBufferPointer, _ now: Int64) {
        let length: Int
        switch receiver?.unprotectRTCP(report, now: Instant(nanoseconds: now)) {
        case .authenticated(let opened)?, .straggler(let opened)?: length = opened
        default: return
        }
        guard var walk = try? RTCPCompound(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(report)[..<length])) else { return }
        while let packet = walk.next() {
            switch packet {
            case .senderReport(_, _, let blocks), .receiverReport(_, let blocks):
                guard let block = blocks.block(about: SSRC(ssrc)) else { continue }
                reportedLost = block.cumulativeLost
                reportedJitter = max(reportedJitter, block.jitter)
                reportedSequence = UInt16(truncatingIfNeeded: block.highestSequence)
            default: break
            }
        }
    }

    /// One SSRC's numbers.
    private struct Stream {
        let ssrc: UInt32
        let first: Int64
        let firstTimestamp: UInt32
        var highest: Int64
        var received = 1
        var ticks: Int64 = 0

        init(ssrc: UInt32, first: Int64, firstTimestamp: UInt32) {
            self.ssrc = ssrc
            self.first = first
            self.firstTimestamp = firstTimestamp
            highest = first
        }

        /// The ticks since the first packet.
        mutating func take(_ header: RTPHeader) -> Int64 {
            received += 1
            highest += max(0, Int64(Int16(bitPattern: header.sequence &- UInt16(truncatingIfNeeded: highest))))
            let ticks = Int64(Int32(bitPattern: header.timestamp &- firstTimestamp))
            self.ticks = max(self.ticks, ticks)
            return ticks
        }

        var lost: Int { Int(highest - first) + 1 - received }
        func skipped(_ codec: AudioCodec) -> Int { Int(ticks / Int64(codec.clockRate / 50) - (highest - first)) }
    }

    /// Packets of the daemon that never came.
    var lost: Int { lostBefore + (stream?.lost ?? 0) }
    /// Packet times that the daemon left out: its clock went on, its numbers did not.
    var skipped: Int { skippedBefore + (stream.map { $0.skipped(codec) } ?? 0) }
    /// The daemon has told about the last packet that we sent.
    var isReported: Bool { reportedSequence == sequence &- 1 }
    /// How late each packet was, in µs, measured from the usual: a virtual machine's clock wanders too much for the earliest to be a measure.
    var lateness: [Int32] {
        guard !offsets.isEmpty else { return [] }
        let usual = offsets.sorted()[offsets.count / 2]
        return offsets.map { $0 &- usual }
    }
}
