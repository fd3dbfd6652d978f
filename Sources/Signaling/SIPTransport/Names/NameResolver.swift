public import SottoBase

/// Finds SIP servers by NAPTR, SRV and address records (RFC 3263), off every loop: c-ares runs on a thread of its own.
///
/// Bounded in every direction: questions on their way, those that wait, waiters, cached answers, and each plan's time.
public final class NameResolver: Sendable {
    public struct Configuration: Sendable, Hashable {
        /// Name servers; empty: those of /etc/resolv.conf.
        public var servers: [PeerAddress] = []
        /// Until a question is asked again, and how often it is asked at all.
        public var attemptTimeout = Duration.seconds(2)
        public var attempts = 2
        /// For a whole plan.
        public var deadline = Duration.seconds(8)
        /// Questions on their way; eight times as many may wait.
        public var questionsInFlight = 64
        public var cachedAnswers = 4_096
        /// Bounds for what records say of their lifetime.
        public var minimumLifetime = Duration.seconds(5)
        public var maximumLifetime = Duration.seconds(3_600)
        /// For "there is no such record", when the zone says nothing or more.
        public var maximumNegativeLifetime = Duration.seconds(60)
        /// Which of a server's addresses come first.
        public var prefersIPv6 = false

        public init() {}
    }

    /// What the resolver holds; the first two return to zero.
    public struct Gauges: Hashable, Sendable {
        public internal(set) var waiters = 0
        public internal(set) var questions = 0
        public internal(set) var cachedAnswers = 0
        /// Questions that were sent, since the start.
        public internal(set) var asked: UInt64 = 0
    }

    private let configuration: Configuration
    private let worker: ResolverThread

    public init(_ configuration: Configuration = .init()) {
        self.configuration = configuration
        worker = ResolverThread(configuration)
    }

    deinit { worker.stop(waits: false) }

    public var gauges: Gauges { worker.gauges }

    /// Where to connect for `target`. Cancelling the task ends the wait with `.cancelled`.
    public func plan(_ target: HopTarget) async -> Result<HopPlan, NameFailure> {
        var planner = HopPlanner(target, prefersIPv6: configuration.prefersIPv6)
        var entropy = SystemRandomNumberGenerator()
        let deadline = ResolverThread.now + configuration.deadline
        var step = planner.start()
        while true {
            switch step {
            case .done(let result):
                return result
            case .ask(let questions):
                var answers: [DNSQuestion: DNSAnswer] = [:]
                await withTaskGroup(of: (DNSQuestion, DNSAnswer).self) { [worker] group in
                    for question in questions {
                        group.addTask { (question, await worker.answer(to: question, before: deadline)) }
                    }
                    for await (question, answer) in group { answers[question] = answer }
                }
                if Task.isCancelled { return .failure(.cancelled) }
                step = planner.answered(answers, entropy: &entropy)
            }
        }
    }

    /// Ends the thread; everything that is open fails with `.stopped`.
    public func stop() async { worker.stop(waits: true) }
}
