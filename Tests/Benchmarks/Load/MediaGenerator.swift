import Audio
import CEpoll
import RTP
import SRTP
import SottoBase
import SottoTestPeer
import Synchronization

/// The media of one call from the caller's side: a PCMU packet each 20 ms, and a check of every packet that comes back.
final class CallMedia {
    let descriptor: Int32
    let port: UInt16
    private var sender: SRTPSender?
    private var receiver: SRTPReceiver?
    private var target = sotto_address()
    private let ssrc = UInt32.random(in: 1...UInt32.max)
    private var sequence = UInt16.random(in: 0...0x7FFF)
    private var timestamp = UInt32.random(in: 0...UInt32.max)

    // What was measured.
    private(set) var sent = 0
    private(set) var received = 0
    /// Packets that our key does not open.
    private(set) var foreign = 0
    private var firstSequence: Int64?
    private var highestSequence: Int64 = 0
    private var firstTimestamp: UInt32 = 0
    /// When each packet came, in µs, less the time that its timestamp says.
    private(set) var offsets: [Int32] = []
    private var began: Int64 = 0
    private var lastTicks: Int64 = 0
    /// What the daemon says of our packets (RTCP): those that it lost, and the last one that it has.
    private(set) var reportedLost: Int32?
    private(set) var reportedJitter: UInt32 = 0
    private var reportedSequence: UInt16?

    init() throws {
        var address = Self.loopback(0)
        descriptor = sotto_udp_open(&address, 0)
        guard descriptor >= 0 else { throw PeerFault(description: "socket: errno \(-descriptor)") }
        port = sotto_udp_port(descriptor)
    }

    deinit { sotto_close(descriptor) }

    private static func loopback(_ port: UInt16) -> sotto_address {
        var address = sotto_address()
        address.high = UInt64(UInt32(0x7F00_0001).bigEndian)
        address.port = port
        return address
    }

    func start(profile: SRTPProfile, localKey: [UInt8], remoteKey: [UInt8], remotePort: UInt16, expected: Int) throws {
        sender = try SRTPSender(profile: profile, key: SecretBytes(copying: localKey[...]), ssrc: ssrc)
        receiver = try SRTPReceiver(profile: profile, key: SecretBytes(copying: remoteKey[...]))
        target = Self.loopback(remotePort)
        offsets.reserveCapacity(expected)
    }

    func send(_ payload: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer) {
        let header = RTPHeader(
            marker: sent == 0, payloadType: PayloadType(0), sequence: sequence, timestamp: timestamp, ssrc: SSRC(ssrc))
        sequence &+= 1
        timestamp &+= 160
        guard (try? header.write(into: buffer)) != nil else { return }
        UnsafeMutableRawBufferPointer(rebasing: buffer[12...]).copyMemory(from: payload)
        guard case .protected(let length)? = sender?.protectRTP(buffer, length: 12 + payload.count) else { return }
        if sotto_udp_send(descriptor, buffer.baseAddress, length, &target) == length { sent += 1 }
    }

    /// - Parameter isTimed: the packets' times count.
    func receive(_ buffer: UnsafeMutableRawBufferPointer, now: Int64, isTimed: Bool) {
        var source = sotto_address()
        while true {
            let count = sotto_udp_receive(descriptor, buffer.baseAddress, buffer.count, &source)
            guard count >= 12 else { return }
            let datagram = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(count, buffer.count)])
            if (200...207).contains(datagram[1]) { take(report: datagram) } else { take(packet: datagram, now, isTimed) }
        }
    }

    private func take(packet: UnsafeMutableRawBufferPointer, _ now: Int64, _ isTimed: Bool) {
        guard case .authenticated(let length)? = receiver?.unprotectRTP(packet),
            let header = try? RTPHeader(parsing: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(packet)[..<length]))
        else {
            foreign += 1
            return
        }
        received += 1
        guard firstSequence != nil else {
            firstSequence = Int64(header.sequence)
            highestSequence = Int64(header.sequence)
            firstTimestamp = header.timestamp
            began = now
            return
        }
        // A loopback does not reorder: only a wrap makes the number smaller.
        highestSequence += Int64(header.sequence &- UInt16(truncatingIfNeeded: highestSequence))
        lastTicks = Int64(header.timestamp &- firstTimestamp)
        if isTimed { offsets.append(Int32(clamping: (now - began) / 1_000 - lastTicks * 125)) }
    }

    private func take(report: UnsafeMutableRawBufferPointer) {
        guard case .authenticated(let length)? = receiver?.unprotectRTCP(report),
            var walk = try? RTCPCompound(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(report)[..<length]))
        else {
            foreign += 1
            return
        }
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

    /// Packets of the daemon that never came.
    var lost: Int { firstSequence.map { Int(highestSequence - $0) + 1 - received } ?? 0 }
    /// Packet times that the daemon left out: its clock went on, its numbers did not.
    var skipped: Int { firstSequence.map { Int(lastTicks / 160 - (highestSequence - $0)) } ?? 0 }
    /// The daemon has told about the last packet that we sent.
    var isReported: Bool { reportedSequence == sequence &- 1 }
    /// How late each packet was, in µs, measured from the usual: a virtual machine's clock wanders too much for the earliest to be a measure.
    var lateness: [Int32] {
        guard !offsets.isEmpty else { return [] }
        let usual = offsets.sorted()[offsets.count / 2]
        return offsets.map { $0 &- usual }
    }
}

/// One thread that plays all callers: each millisecond it sends for a twentieth of them and takes what came for all.
final class MediaGenerator: @unchecked Sendable {  // proof: `calls` belongs to the thread from `run` until it returns; the rest is atomic
    var calls: [CallMedia] = []
    private let sending = Atomic<Bool>(true)
    private let running = Atomic<Bool>(true)
    /// How late this thread itself woke, in µs: what the daemon's lateness is to be compared with.
    private(set) var ownLateness: [Int32] = []
    private let reported = Atomic<Bool>(false)

    func stopSending() { sending.store(false, ordering: .releasing) }
    func stop() { running.store(false, ordering: .releasing) }
    /// All calls have the daemon's word about their last packet.
    var isReported: Bool { reported.load(ordering: .acquiring) }

    func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)
        defer { buffer.deallocate() }
        var payload = [UInt8](repeating: 0, count: 160)
        // A sawtooth of small amplitude: not silence.
        for index in payload.indices { payload[index] = 0xC0 | UInt8(index % 32) }
        let epoll = sotto_epoll_create()
        for (index, call) in calls.enumerated() { _ = sotto_epoll_add(epoll, call.descriptor, UInt64(index)) }
        defer { sotto_close(epoll) }
        var tokens = [UInt64](repeating: 0, count: 256)
        var planned = sotto_monotonic()
        var tick = 0
        ownLateness.reserveCapacity(200_000)
        payload.withUnsafeBytes { payload in
            while running.load(ordering: .acquiring) {
                planned += 1_000_000
                sotto_sleep_until(planned)
                let now = sotto_monotonic()
                if tick > 2_000, ownLateness.count < 200_000 { ownLateness.append(Int32(clamping: (now - planned) / 1_000)) }
                let mayTalk = sending.load(ordering: .acquiring)
                // A thread that was held up sends what is due, as a hundred callers would.
                if mayTalk { for index in stride(from: tick % 20, to: calls.count, by: 20) { calls[index].send(payload, buffer) } }
                tick += 1
                let count = Int(sotto_epoll_wait(epoll, &tokens, 256, 0))
                // What waited while the calls were set up says nothing about the daemon: the first two seconds are not timed.
                // What waited while the calls were set up says nothing about the daemon: the first two seconds are not timed.
                for index in 0..<max(count, 0) { calls[Int(tokens[index])].receive(buffer, now: now, isTimed: tick > 2_000) }
                if !mayTalk, tick % 20 == 0 { reported.store(calls.allSatisfy(\.isReported), ordering: .releasing) }
            }
        }
    }
}
