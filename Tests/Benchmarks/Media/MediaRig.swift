import Audio
import CEpoll
import Glibc
import MediaPlane
import SRTP
import SottoBase

/// A UDP socket on 127.0.0.1.
final class LoopbackSocket {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        var address = Self.address(0)
        descriptor = sotto_udp_open(&address, 0)
        guard descriptor >= 0 else { throw BenchmarkFault(description: "socket: errno \(-descriptor)") }
        port = sotto_udp_port(descriptor)
    }

    deinit { sotto_close(descriptor) }

    static func address(_ port: UInt16) -> sotto_address {
        var address = sotto_address()
        address.high = UInt64(UInt32(0x7F00_0001).bigEndian)
        address.port = port
        return address
    }

    func send(_ packet: [UInt8], to port: UInt16) {
        var address = Self.address(port)
        packet.withUnsafeBytes { _ = sotto_udp_send(descriptor, $0.baseAddress, $0.count, &address) }
    }

    /// Throws away what waits.
    func drain(_ scratch: UnsafeMutableRawBufferPointer) {
        var source = sotto_address()
        while sotto_udp_receive(descriptor, scratch.baseAddress, scratch.count, &source) >= 0 {}
    }
}

/// CPU time of this thread, in nanoseconds.
func threadTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// A media plane on virtual time with many sessions, whose peers say what a script says. The sessions are spread over the 20 ms, as they
/// are in life: each turn of 1 ms serves a twentieth of them.
final class MediaRig {
    struct Shape {
        var sessions: Int
        var profile: SRTPProfile
        var codec: AudioCodec
        var direction = MediaDirection.sendReceive
        /// Our side speaks, with pauses; else it sends silence.
        var speaks = true
        var isRecorded = false
        /// Each session is bridged to another with this suite, whose peer says nothing; nobody else listens.
        var bridgedTo: SRTPProfile?
        /// How often the plane turns: a divisor of 20.
        var turnMilliseconds = 1
    }

    private struct Session {
        var id: MediaSessionID
        var owner: CallID
        var port: UInt16 = 0
        var recognizer: AudioRing
        var playout: AudioRing
        var recording: RecordingRing?
    }

    let shape: Shape
    private let plane: ManualMediaPlane
    private let peer: LoopbackSocket
    private var sessions: [Session] = []
    private var now = Instant(nanoseconds: 1_000_000_000_000)
    private var speech = [Int16](repeating: 0, count: AudioRing.samplesPerFrame)
    private var slot = 0
    private var phases = 20
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)
    private(set) var digits = 0
    private(set) var promptsPlayed = 0
    private(set) var unexpected: [String] = []
    /// CPU time of all turns, in nanoseconds.
    private(set) var time: Int64 = 0
    private(set) var final = MediaStatistics()

    init(_ shape: Shape) throws {
        self.shape = shape
        let first = UInt16.random(in: 10_000...40_000)
        plane = try ManualMediaPlane(
            configuration: MediaPlaneConfiguration(
                threads: 1, sessionsPerThread: shape.sessions * 2, ranges: [MediaPortRange(bind: [127, 0, 0, 1], first: first, last: first + 20_000)]
            ))
        peer = try LoopbackSocket()
        var tone = ToneGenerator(500, 1_100)
        speech.withUnsafeMutableBufferPointer { tone.fill($0) }
        for index in 0..<shape.sessions {
            sessions.append(
                Session(
                    id: MediaSessionID(UInt64(index)), owner: CallID(high: 1, low: UInt64(index)),
                    recognizer: AudioRing(content: .clear, capacity: 16), playout: AudioRing(content: .own, capacity: 16),
                    recording: shape.isRecorded ? RecordingRing(capacity: 16_384) : nil))
            order(.reserve(sessions[index].id, range: 0))
        }
        guard let remote = PeerAddress(host: "127.0.0.1", port: peer.port) else { throw BenchmarkFault(description: "no address") }
        let profile = shape.profile
        let settings = MediaSettings(
            remote: remote, rtcpMux: true, direction: shape.direction, codec: shape.codec, payloadType: PacketScript.payloadType,
            telephoneEvent: PacketScript.telephoneEvent, telephoneEventClockRate: shape.codec.clockRate, profile: profile,
            localKey: profile.key(PacketScript.ourKey), remoteKey: profile.key(PacketScript.peerKey))
        let step = shape.turnMilliseconds
        phases = 20 / step
        for phase in 0..<phases {
            now = now + .milliseconds(Int64(step))
            for index in stride(from: phase, to: sessions.count, by: phases) {
                let session = sessions[index]
                order(
                    .start(
                        session.id, settings,
                        MediaSessionOptions(
                            owner: session.owner,
                            rings: MediaRings(recognizer: session.recognizer, playout: session.playout, recording: session.recording))))
            }
        }
        if let far = shape.bridgedTo { bridge(settings, to: far) }
        guard unexpected.isEmpty else { throw BenchmarkFault(description: "no session: \(unexpected)") }
    }

    deinit { scratch.deallocate() }

    private func bridge(_ settings: MediaSettings, to far: SRTPProfile) {
        var settings = settings
        settings.direction = .sendOnly
        settings.keying = .sdes(
            SDESKeys(profile: far, localKey: far.key(PacketScript.ourKey), remoteKey: far.key(PacketScript.peerKey)))
        for session in sessions {
            let other = MediaSessionID(session.id.value + UInt64(sessions.count))
            order(.reserve(other, range: 0))
            order(.start(other, settings, MediaSessionOptions(owner: session.owner)))
            order(.setRecognizer(session.id, nil))
            order(.bridge(session.id, with: other))
        }
    }

    private func order(_ command: MediaCommand) {
        _ = plane.submit(command)
        plane.turn(now: now)
        takeEvents()
    }

    /// Plays a script's slots, 20 ms each. `around` runs each turn, so that it can be measured or watched.
    func play(_ slots: ArraySlice<[[UInt8]]>, around: (() -> Void) -> Void = { $0() }) {
        for packets in slots {
            for phase in 0..<phases {
                for index in stride(from: phase, to: sessions.count, by: phases) {
                    if shape.speaks { speak(index) }
                    for packet in packets { peer.send(packet, to: sessions[index].port) }
                }
                now = now + .milliseconds(Int64(shape.turnMilliseconds))
                around {
                    let begin = threadTime()
                    plane.turn(now: now)
                    time += threadTime() - begin
                }
                consume(phase)
            }
            slot += 1
        }
    }

    func forgetTime() { time = 0 }

    /// Prompts of 1.6 s with 0.4 s between them.
    private func speak(_ index: Int) {
        let place = slot % 100
        guard place < 80 else { return }
        speech.withUnsafeBufferPointer { samples in
            _ = sessions[index].playout.push(
                AudioFrameHeader(position: .zero, flags: place == 79 ? .last : [], tag: UInt32(slot)), samples)
        }
    }

    private func consume(_ phase: Int) {
        takeEvents()
        for index in stride(from: phase, to: sessions.count, by: phases) {
            sessions[index].recognizer.flush()
            if let recording = sessions[index].recording {
                while recording.take(.caller, { _, _ in }) != nil {}
                while recording.take(.agent, { _, _ in }) != nil {}
            }
        }
        peer.drain(scratch)
    }

    private func takeEvents() {
        plane.drainEvents { event in
            switch event {
            case .reserved(let id, let ports) where id.value >= UInt64(sessions.count) && !sessions.isEmpty: _ = ports
            case .reserved(let id, let ports): sessions[Int(id.value)].port = ports.rtp
            case .digit(let id, _, _):
                digits += 1
                _ = ClearArena.keys.discard(ownedBy: sessions[Int(id.value)].owner)
            case .promptPlayed: promptsPlayed += 1
            case .closed(_, let statistics):
                final.packetsReceived += statistics.packetsReceived
                final.framesConcealed += statistics.framesConcealed
                final.framesCut += statistics.framesCut
                final.replayed += statistics.replayed
                final.unauthenticated += statistics.unauthenticated
            case .started, .updated, .bridged, .unbridged, .firstAuthenticatedPacket, .statistics, .peerSaidBye: break
            default: unexpected.append("\(event)")
            }
        }
    }

    var refusedFrames: UInt64 { plane.gauges.framesRefused }

    /// Ends all sessions; `final` is their sum.
    func close() {
        for session in sessions { order(.close(session.id)) }
    }
}
