internal import CEpoll
internal import SottoBase
internal import Synchronization

/// A plain thread that turns one worker.
///
/// With few sessions it sleeps until a packet or a deadline; with many it wakes once a millisecond, because wake-ups are what costs. In
/// neither case does it turn more often than once a millisecond: a flood cannot make it spin.
///
/// proof of Sendable: the worker is touched by the thread alone from start to join; what others touch is its mailbox, ring and gauges
final class MediaThread: @unchecked Sendable {
    private static let tick: Int64 = 1_000_000

    let mailbox: Mailbox
    let events: EventRing
    let gauges: WorkerGauges
    let handshakes: HandshakePost
    private let worker: MediaWorker
    private let wake: @Sendable () -> Void
    private let mustStop = Atomic<Bool>(false)
    private var thread = pthread_t()

    init(_ configuration: MediaPlaneConfiguration, number: Int, wake: @escaping @Sendable () -> Void) throws(MediaPlaneError) {
        worker = try MediaWorker(configuration, thread: number)
        mailbox = worker.mailbox
        events = worker.events
        gauges = worker.gauges
        handshakes = worker.handshakes
        self.wake = wake
        let context = Unmanaged.passRetained(self)  // proof: released by the thread, or below when there is none
        let status = sotto_thread_start(
            &thread, "media-\(number)",
            { context in
                guard let context else { return nil }
                Unmanaged<MediaThread>.fromOpaque(context).takeRetainedValue().run()  // proof: the retained self of `init`
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            throw .system(call: "pthread_create", errno: -status)
        }
    }

    /// Closes all sessions, then ends and joins the thread.
    func stop() {
        mustStop.store(true, ordering: .releasing)
        sotto_eventfd_signal(mailbox.wakeDescriptor)
        sotto_thread_join(thread)
    }

    private func run() {
        sotto_thread_take_realtime()
        let busySessions = worker.configuration.wakePerPacketSessions
        while !mustStop.load(ordering: .acquiring) {
            let start = MediaClock.now
            worker.turn(now: start)
            if events.mustAnnounce() { wake() }
            if worker.hasSessions { sotto_sleep_until(start.nanoseconds &+ Self.tick) }
            if worker.streams <= busySessions { worker.wait(milliseconds: millisecondsToDeadline()) }
        }
        worker.closeAll(now: MediaClock.now)
        if events.mustAnnounce() { wake() }
    }

    /// Rounded up; a second at most, so that the watchdog sees an idle thread turn.
    private func millisecondsToDeadline() -> Int32 {
        guard let deadline = worker.nextDeadline else { return 1_000 }
        let left = deadline.nanoseconds &- MediaClock.now.nanoseconds
        return left <= 0 ? 0 : Int32(min(1_000, (left &+ 999_999) / 1_000_000))
    }
}
