internal import CEpoll
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// The worker that DTLS handshakes run on, so that none of them delays a packet. It sleeps until an order or a deadline.
///
/// proof of Sendable: the desk is touched by the thread alone from start to join
final class HandshakeThread: @unchecked Sendable {
    private let desk: HandshakeDesk
    private let epoll: Int32
    private let wakeDescriptor: Int32
    private let mustStop = Atomic<Bool>(false)
    private let underWay = Atomic<Int>(0)
    private var thread = pthread_t()

    init(identity: DTLSIdentity, posts: [HandshakePost]) throws(MediaPlaneError) {
        let epoll = sotto_epoll_create()
        guard epoll >= 0 else { throw .system(call: "epoll_create1", errno: -epoll) }
        let wake = sotto_eventfd_create()
        guard wake >= 0, sotto_epoll_add(epoll, wake, 0) == 0 else {
            sotto_close(epoll)
            if wake >= 0 { sotto_close(wake) }
            throw .system(call: "eventfd", errno: wake < 0 ? -wake : 0)
        }
        self.epoll = epoll
        wakeDescriptor = wake
        desk = HandshakeDesk(identity: identity, posts: posts)
        for post in posts { post.attach(workerDescriptor: wake) }
        let context = Unmanaged.passRetained(self)  // proof: released by the thread, or below when there is none
        let status = sotto_thread_start(
            &thread, "dtls",
            { context in
                guard let context else { return nil }
                Unmanaged<HandshakeThread>.fromOpaque(context).takeRetainedValue().run()  // proof: the retained self of `init`
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            throw .system(call: "pthread_create", errno: -status)
        }
    }

    deinit {
        sotto_close(wakeDescriptor)
        sotto_close(epoll)
    }

    /// Handshakes under way, as of its last turn.
    var handshakes: Int { underWay.load(ordering: .relaxed) }

    /// Ends and joins the thread; the media threads must have ended before, or order nothing more.
    func stop() {
        mustStop.store(true, ordering: .releasing)
        sotto_eventfd_signal(wakeDescriptor)
        sotto_thread_join(thread)
    }

    private func run() {
        var token: UInt64 = 0
        while !mustStop.load(ordering: .acquiring) {
            desk.turn(now: MediaClock.now)
            underWay.store(desk.underWay, ordering: .relaxed)
            if sotto_epoll_wait(epoll, &token, 1, milliseconds()) > 0 { sotto_eventfd_clear(wakeDescriptor) }
        }
    }

    /// Never idle for more than a second: a result that found a full ring is tried again.
    private func milliseconds() -> Int32 {
        guard let deadline = desk.nextDeadline else { return 1_000 }
        let left = deadline.nanoseconds &- MediaClock.now.nanoseconds
        return left <= 0 ? 1 : Int32(min(1_000, (left &+ 999_999) / 1_000_000))
    }
}
