import Audio
import SRTP
import SottoBase
import Synchronization
import Testing

@testable import MediaPlane

/// The real threads on the real clock: bounds are generous, and every wait is for an event.
struct PlaneTests {
    private func configuration(threads: Int) -> MediaPlaneConfiguration {
        let first = UInt16.random(in: 20_000...50_000)
        return MediaPlaneConfiguration(
            threads: threads, sessionsPerThread: 16,
            ranges: [MediaPortRange(bind: [127, 0, 0, 1], first: first, last: first + 9_000)], wakePerPacketSessions: 2)
    }

    /// Drains until `isEnough` or ten seconds have passed.
    private func collect(_ plane: MediaThreads, into events: inout [MediaEvent], until isEnough: ([MediaEvent]) -> Bool) async throws {
        for _ in 0..<2_000 {
            var fresh: [MediaEvent] = []
            plane.drainEvents { fresh.append($0) }
            events += fresh
            if isEnough(events) { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("the events did not come")
    }

    @Test func sessionsOnSeveralThreadsAnswerAndEnd() async throws {
        let wakes = Atomic<Int>(0)
        let count = 12
        let plane = try MediaThreads(configuration: configuration(threads: 2)) { wakes.wrappingAdd(1, ordering: .relaxed) }
        var events: [MediaEvent] = []
        let ids = (0..<count).map { MediaSessionID(UInt64($0)) }
        for id in ids { #expect(plane.submit(.reserve(id, range: 0))) }
        try await collect(plane, into: &events) { $0.count == count }
        var peers: [MediaSessionID: TestPeer] = [:]
        var ports: Set<UInt16> = []
        for event in events {
            guard case .reserved(let id, let pair) = event else { continue }
            let peer = try TestPeer(profile: .aes128CMSHA1_80, ssrc: UInt32(id.value + 1))
            peer.aim(at: pair)
            ports.insert(pair.rtp)
            peers[id] = peer
            let options = MediaSessionOptions(
                owner: CallID(high: 1, low: id.value), mode: .echo, mediaTimeout: nil, statisticsInterval: .milliseconds(200))
            #expect(plane.submit(.start(id, peer.settings(), options)))
        }
        #expect(peers.count == count)
        #expect(ports.count == count)
        try await collect(plane, into: &events) { seen in
            ids.allSatisfy { id in seen.contains(.started(id)) }
        }
        for _ in 0..<25 {
            for peer in peers.values { try peer.speak() }
            try await Task.sleep(for: .milliseconds(20))
        }
        try await collect(plane, into: &events) { seen in
            ids.allSatisfy { id in
                seen.contains { if case .statistics(id, let statistics) = $0 { statistics.packetsReceived == 25 } else { false } }
            }
        }
        for id in ids { #expect(plane.submit(.close(id))) }
        try await collect(plane, into: &events) { seen in
            ids.allSatisfy { id in seen.contains { if case .closed(id, _) = $0 { true } else { false } } }
        }
        for peer in peers.values {
            peer.listen()
            #expect(peer.packetsHome > 10)
            #expect(peer.notOurs == 0)
            #expect(peer.reportsHeard.last == "BYE")
        }
        #expect(wakes.load(ordering: .relaxed) > 0)
        plane.stop()
        let gauges = plane.gauges
        #expect(gauges.sessions == 0 && gauges.sockets == 0 && gauges.portPairsInUse == 0 && gauges.mailboxDepth == 0)
        #expect(gauges.eventsLost == 0)
        #expect(gauges.packetsReceived == UInt64(count * 25))
    }

    @Test func stoppingClosesWhatIsOpenAndTellsSo() async throws {
        let plane = try MediaThreads(configuration: configuration(threads: 2)) {}
        var events: [MediaEvent] = []
        for number: UInt64 in 0..<6 { #expect(plane.submit(.reserve(MediaSessionID(number), range: 0))) }
        try await collect(plane, into: &events) { $0.count == 6 }
        plane.stop()
        plane.stop()
        plane.drainEvents { events.append($0) }
        #expect(events.filter { if case .closed = $0 { true } else { false } }.count == 6)
        #expect(plane.gauges.sessions == 0)
    }

    @Test func anIdlePlaneTurnsForTheWatchdog() async throws {
        let plane = try MediaThreads(configuration: configuration(threads: 1)) {}
        let before = plane.turns
        for _ in 0..<100 where plane.turns[0] < before[0] + 2 { try await Task.sleep(for: .milliseconds(50)) }
        #expect(plane.turns[0] >= before[0] + 2)
        plane.stop()
    }

    @Test func unsoundConfigurationsAreRefused() {
        func refused(_ change: (inout MediaPlaneConfiguration) -> Void) -> Bool {
            var changed = configuration(threads: 1)
            change(&changed)
            do {
                _ = try MediaThreads(configuration: changed) {}
                return false
            } catch {
                if case .configuration = error { return true }
                return false
            }
        }
        #expect(refused { $0.threads = 0 })
        #expect(refused { $0.sessionsPerThread = 0 })
        #expect(refused { $0.ranges = [] })
        #expect(refused { $0.ranges[0].bind = [1, 2, 3] })
        #expect(refused { $0.ranges[0].last = $0.ranges[0].first })
        #expect(refused { $0.ranges[0].first = 80 })
        #expect(refused { $0.ranges[0].dscp = 64 })
    }

    // MARK: - Rings between threads

    @Test func reservationsAreRefusedBeforeRoomForOpenSessionsIsGone() {
        let mailbox = Mailbox(sessions: 4, wakeDescriptor: -1)
        var reserved = 0
        while mailbox.submit(.reserve(MediaSessionID(UInt64(reserved)), range: 0)) { reserved += 1 }
        #expect(reserved == 64)
        for number: UInt64 in 0..<16 { #expect(mailbox.submit(.close(MediaSessionID(number)))) }
        #expect(!mailbox.submit(.close(MediaSessionID(1))))
        #expect(mailbox.depth == 80)
        while mailbox.take() != nil {}
        #expect(mailbox.depth == 0)
        #expect(mailbox.submit(.close(MediaSessionID(1))))
    }

    @Test func statisticsGiveWayToWhatACallNeeds() {
        let ring = EventRing(sessions: 1)
        let id = MediaSessionID(1)
        for _ in 0..<1_000 { ring.pushStatistics(id, MediaStatistics()) }
        #expect(ring.statisticsDropped == 1_000 - 256)
        for _ in 0..<256 { ring.push(.mediaTimedOut(id)) }
        #expect(ring.lost == 0)
        ring.push(.mediaTimedOut(id))
        #expect(ring.lost == 1)
        #expect(ring.mustAnnounce())
        #expect(!ring.mustAnnounce())
        #expect(ring.drain(limit: .max) { _ in } == 512)
        #expect(!ring.mustAnnounce())
        ring.push(.mediaTimedOut(id))
        #expect(ring.mustAnnounce())
    }
}
