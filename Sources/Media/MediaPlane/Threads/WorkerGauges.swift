internal import Synchronization

/// A thread's gauges as others may read them: written once a turn by the thread, read by anybody.
final class WorkerGauges: Sendable {
    let sessions = Atomic<Int>(0)
    let sockets = Atomic<Int>(0)
    let portPairsInUse = Atomic<Int>(0)
    let portPairsResting = Atomic<Int>(0)
    let packetsReceived = Atomic<UInt64>(0)
    let packetsSent = Atomic<UInt64>(0)
    let unauthenticated = Atomic<UInt64>(0)
    let replayed = Atomic<UInt64>(0)
    let malformed = Atomic<UInt64>(0)
    let dtlsIgnored = Atomic<UInt64>(0)
    let sendFailures = Atomic<UInt64>(0)
    let framesRefused = Atomic<UInt64>(0)
    let turns = Atomic<UInt64>(0)
    /// Nanoseconds, over the last half second.
    let worstLateness = Atomic<Int>(0)

    func publish(_ counters: PlaneCounters) {
        packetsReceived.store(counters.packetsReceived, ordering: .relaxed)
        packetsSent.store(counters.packetsSent, ordering: .relaxed)
        unauthenticated.store(counters.unauthenticated, ordering: .relaxed)
        replayed.store(counters.replayed, ordering: .relaxed)
        malformed.store(counters.malformed, ordering: .relaxed)
        dtlsIgnored.store(counters.dtlsIgnored, ordering: .relaxed)
        sendFailures.store(counters.sendFailures, ordering: .relaxed)
        framesRefused.store(counters.framesRefused, ordering: .relaxed)
        turns.store(turns.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    func add(to sum: inout MediaGauges) {
        sum.sessions += sessions.load(ordering: .relaxed)
        sum.sockets += sockets.load(ordering: .relaxed)
        sum.portPairsInUse += portPairsInUse.load(ordering: .relaxed)
        sum.portPairsResting += portPairsResting.load(ordering: .relaxed)
        sum.packetsReceived &+= packetsReceived.load(ordering: .relaxed)
        sum.packetsSent &+= packetsSent.load(ordering: .relaxed)
        sum.unauthenticated &+= unauthenticated.load(ordering: .relaxed)
        sum.replayed &+= replayed.load(ordering: .relaxed)
        sum.malformed &+= malformed.load(ordering: .relaxed)
        sum.dtlsIgnored &+= dtlsIgnored.load(ordering: .relaxed)
        sum.sendFailures &+= sendFailures.load(ordering: .relaxed)
        sum.framesRefused &+= framesRefused.load(ordering: .relaxed)
        sum.worstLatenessMicroseconds = max(sum.worstLatenessMicroseconds, worstLateness.load(ordering: .relaxed) / 1_000)
    }
}
