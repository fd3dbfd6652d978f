import Audio
import RTP
import SRTP
import SottoBase

@testable import MediaPlane

/// A worker with two sessions and their peers, on a clock of the test's own.
final class BridgeHarness {
    let worker: MediaWorker
    let left: TestPeer
    let right: TestPeer
    let leftID = MediaSessionID(1)
    let rightID = MediaSessionID(2)
    let owner = CallID(high: UInt64.random(in: 0...UInt64.max), low: 2)
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var events: [MediaEvent] = []

    init(
        left leftProfile: SRTPProfile = .aeadAES256GCM, right rightProfile: SRTPProfile = .aes128CMSHA1_80, leftCodec: AudioCodec = .pcmu,
        rightCodec: AudioCodec = .pcmu
    ) throws {
        let first = UInt16.random(in: 20_000...50_000)
        worker = try MediaWorker(
            MediaPlaneConfiguration(
                threads: 1, sessionsPerThread: 8, ranges: [MediaPortRange(bind: [127, 0, 0, 1], first: first, last: first + 9_000)]),
            thread: 0)
        left = try TestPeer(profile: leftProfile, codec: leftCodec, ssrc: 0x1111_0001)
        right = try TestPeer(profile: rightProfile, codec: rightCodec, ssrc: 0x2222_0002)
        right.tone = ToneGenerator(2_000)
    }

    func command(_ command: MediaCommand) {
        _ = worker.mailbox.submit(command)
        turn()
    }

    func turn() {
        worker.turn(now: now)
        worker.events.drain(limit: .max) { events.append($0) }
        left.listen()
        right.listen()
    }

    func pass(milliseconds: Int) {
        for _ in 0..<(milliseconds / 5) {
            now = now + .milliseconds(5)
            turn()
        }
    }

    func open(
        leftSettings: MediaSettings? = nil, rightSettings: MediaSettings? = nil, leftRings: MediaRings = MediaRings(),
        rightRings: MediaRings = MediaRings(), timeout: Duration? = nil
    ) throws {
        for (id, peer, settings, rings) in [
            (leftID, left, leftSettings ?? left.settings(), leftRings), (rightID, right, rightSettings ?? right.settings(), rightRings),
        ] {
            command(.reserve(id, range: 0))
            guard case .reserved(_, let ports)? = events.last else { throw PeerFault() }
            peer.aim(at: ports)
            command(
                .start(
                    id, settings,
                    MediaSessionOptions(owner: owner, rings: rings, mediaTimeout: timeout, statisticsInterval: nil)))
            guard events.last == .started(id) else { throw PeerFault() }
        }
    }

    func bridge(_ bridge: MediaBridge = MediaBridge()) {
        command(.bridge(leftID, with: rightID, bridge))
    }

    /// Both talk, a packet each 20 ms.
    func talk(packets: Int, leftTalks: Bool = true, rightTalks: Bool = true) throws {
        for _ in 0..<packets {
            if leftTalks { try left.speak() }
            pass(milliseconds: 10)
            if rightTalks { try right.speak() }
            pass(milliseconds: 10)
        }
    }

    func close(_ id: MediaSessionID) -> MediaStatistics? {
        command(.close(id))
        for event in events.reversed() { if case .closed(id, let statistics) = event { return statistics } }
        return nil
    }

    func stream(_ id: MediaSessionID) -> UnsafeMutablePointer<MediaStream>? { worker.streamForTests(id) }

    /// The peer presses a key: events that grow, and three ends.
    func press(_ event: UInt8, _ peer: TestPeer) throws {
        let start = peer.rtp.timestamp
        for step in 1...5 {
            try peer.sendEvent(event, start: start, duration: UInt16(step * 160), isEnd: false, marker: step == 1)
            pass(milliseconds: 20)
        }
        for _ in 0..<3 { try peer.sendEvent(event, start: start, duration: 960, isEnd: true, marker: false) }
        peer.rtp.skip(ticks: 960)
        pass(milliseconds: 20)
    }
}

/// The keys that a peer was sent, as events: number, packets, ends, whether one timestamp served them all, and the longest duration.
struct HeardKey: Equatable {
    var event: UInt8
    var packets: Int
    var ends: Int
    var duration: UInt16
}
