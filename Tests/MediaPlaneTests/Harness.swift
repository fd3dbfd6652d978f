import Audio
import RTP
import SRTP
import SottoBase

@testable import MediaPlane

/// A worker on a clock of the test's own, with one session and its peer on loopback sockets.
final class Harness {
    static let ports: ClosedRange<UInt16> = 20_000...59_999

    let worker: MediaWorker
    let peer: TestPeer
    let id = MediaSessionID(7)
    let owner: CallID
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var events: [MediaEvent] = []
    var ports = MediaPorts(range: 0, rtp: 0, rtcp: 0)

    init(
        profile: SRTPProfile = .aeadAES256GCM, codec: AudioCodec = .pcmu, isIPv6: Bool = false, rest: Duration = .seconds(30),
        range: ClosedRange<UInt16>? = nil, sessions: Int = 8
    ) throws {
        // Tests run side by side: each starts somewhere else, and a taken pair is skipped.
        let first = UInt16.random(in: 20_000...50_000)
        let range = range ?? first...(first + 9_000)
        worker = try MediaWorker(
            MediaPlaneConfiguration(
                threads: 1, sessionsPerThread: sessions,
                ranges: [
                    MediaPortRange(
                        bind: isIPv6 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] : [127, 0, 0, 1], first: range.lowerBound,
                        last: range.upperBound)
                ], portRest: rest), thread: 0)
        peer = try TestPeer(profile: profile, codec: codec, isIPv6: isIPv6)
        owner = CallID(high: UInt64.random(in: 0...UInt64.max), low: 1)
    }

    func command(_ command: MediaCommand) {
        _ = worker.mailbox.submit(command)
        turn()
    }

    func turn() {
        worker.turn(now: now)
        worker.events.drain(limit: .max) { events.append($0) }
        peer.listen()
    }

    /// Lets time pass in steps of 5 ms.
    func pass(milliseconds: Int) {
        for _ in 0..<(milliseconds / 5) {
            now = now + .milliseconds(5)
            turn()
        }
    }

    func reserve() throws {
        command(.reserve(id, range: 0))
        guard case .reserved(_, let ports)? = events.last else { throw PeerFault() }
        self.ports = ports
        peer.aim(at: ports)
    }

    func open(_ settings: MediaSettings? = nil, mode: MediaMode = .voice, rings: MediaRings = MediaRings(), timeout: Duration? = nil) throws {
        try reserve()
        command(
            .start(
                id, settings ?? peer.settings(),
                MediaSessionOptions(owner: owner, mode: mode, rings: rings, mediaTimeout: timeout, statisticsInterval: nil)))
        guard events.last == .started(id) else { throw PeerFault() }
    }

    /// The peer talks for so many packets, one each 20 ms.
    func talk(packets: Int, silent: Bool = false, elsewhere: Bool = false) throws {
        for _ in 0..<packets {
            try peer.speak(silent: silent, elsewhere: elsewhere)
            pass(milliseconds: 20)
        }
    }

    func close() -> MediaStatistics? {
        command(.close(id))
        for event in events.reversed() { if case .closed(_, let statistics) = event { return statistics } }
        return nil
    }

    func has(_ event: MediaEvent) -> Bool { events.contains(event) }

    var movedTo: [PeerAddress] {
        events.compactMap { if case .sourceMoved(_, let address) = $0 { address } else { nil } }
    }

    var digits: [Clear<DialledKey>] {
        events.compactMap { if case .digit(_, let key, _) = $0 { key } else { nil } }
    }

    var gauges: MediaGauges {
        var gauges = MediaGauges()
        worker.gauges.add(to: &gauges)
        return gauges
    }
}

/// Everything that waits in a ring.
struct HeardFrame {
    var header: AudioFrameHeader
    var samples: [Int16]
}

func readAll(_ ring: AudioRing) -> [HeardFrame] {
    var frames: [HeardFrame] = []
    while let frame = ring.read({ HeardFrame(header: $0, samples: Array($1)) }) { frames.append(frame) }
    return frames
}
