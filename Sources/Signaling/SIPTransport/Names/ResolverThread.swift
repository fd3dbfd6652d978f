internal import CAres
internal import Glibc
internal import NIOCore
internal import SottoBase
internal import Synchronization

/// The thread that owns the c-ares channel. Everybody else leaves questions in a mailbox and is woken with the answer.
final class ResolverThread: Sendable {
    private struct Waiter {
        let question: DNSQuestion
        let deadline: Instant
        let continuation: CheckedContinuation<DNSAnswer, Never>
    }

    private struct State {
        var cache: NameCache
        var waiters: [UInt64: Waiter] = [:]
        /// Numbers of callers that do not wait yet; `true`: cancelled already.
        var arriving: [UInt64: Bool] = [:]
        /// Who waits for each open question.
        var open: [DNSQuestion: Set<UInt64>] = [:]
        /// Open questions that were not sent yet.
        var unsent: [DNSQuestion] = []
        var sent = 0
        var asked: UInt64 = 0
        var lastWaiter: UInt64 = 0
        var isStopped = false
        var thread: pthread_t?
    }

    private static let maximumWaiters = 8_192

    private let configuration: NameResolver.Configuration
    private let state: Mutex<State>
    private let wake: Int32

    init(_ configuration: NameResolver.Configuration) {
        self.configuration = configuration
        state = Mutex(State(cache: NameCache(capacity: configuration.cachedAnswers)))
        wake = sotto_ares_wake_create()
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)  // proof: taken back by the thread, or below when there is none
        let code = sotto_ares_thread_start(
            &thread,
            { context in
                guard let context else { return nil }
                Unmanaged<ResolverThread>.fromOpaque(context).takeRetainedValue().run()  // proof: retained for this thread
                return nil
            }, context.toOpaque())
        if code == 0 {
            state.withLock { $0.thread = thread }
        } else {
            context.release()
            state.withLock { $0.isStopped = true }
        }
    }

    deinit { sotto_ares_wake_close(wake) }

    static var now: Instant { Instant(nanoseconds: Int64(truncatingIfNeeded: NIODeadline.now().uptimeNanoseconds)) }

    var gauges: NameResolver.Gauges {
        state.withLock { state in
            var gauges = NameResolver.Gauges()
            gauges.waiters = state.waiters.count
            gauges.questions = state.open.count
            gauges.cachedAnswers = state.cache.count
            gauges.asked = state.asked
            return gauges
        }
    }

    // MARK: - Callers

    func answer(to question: DNSQuestion, before deadline: Instant) async -> DNSAnswer {
        let id = state.withLock { state in
            state.lastWaiter += 1
            state.arriving[state.lastWaiter] = false
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                wait(id, Waiter(question: question, deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func wait(_ id: UInt64, _ waiter: Waiter) {
        let now = Self.now
        let answer: DNSAnswer? = state.withLock { state in
            if state.arriving.removeValue(forKey: id) == true { return .failed(.cancelled) }
            if state.isStopped { return .failed(.stopped) }
            if let cached = state.cache.answer(to: waiter.question, now: now) { return cached }
            if waiter.deadline <= now { return .failed(.timedOut) }
            let isNew = state.open[waiter.question] == nil
            guard state.waiters.count < Self.maximumWaiters, !isNew || state.open.count < configuration.questionsInFlight * 9 else {
                return .failed(.overloaded)
            }
            state.waiters[id] = waiter
            state.open[waiter.question, default: []].insert(id)
            if isNew { state.unsent.append(waiter.question) }
            return nil
        }
        if let answer { waiter.continuation.resume(returning: answer) } else { sotto_ares_wake(wake) }
    }

    /// The question stays on its way: its answer goes into the cache.
    private func cancel(_ id: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            if state.arriving[id] != nil { state.arriving[id] = true }
            return Self.remove(id, &state)
        }
        waiter?.continuation.resume(returning: .failed(.cancelled))
    }

    private static func remove(_ id: UInt64, _ state: inout State) -> Waiter? {
        guard let waiter = state.waiters.removeValue(forKey: id) else { return nil }
        state.open[waiter.question]?.remove(id)
        return waiter
    }

    func stop(waits: Bool) {
        let thread = state.withLock { state in
            defer { state.thread = nil }
            state.isStopped = true
            return state.thread
        }
        sotto_ares_wake(wake)
        guard let thread else { return }
        if waits { sotto_ares_thread_join(thread) } else { pthread_detach(thread) }
    }

    // MARK: - The thread

    /// What c-ares gives back with an answer.
    private final class Asked {
        let thread: ResolverThread
        let question: DNSQuestion

        init(_ thread: ResolverThread, _ question: DNSQuestion) {
            self.thread = thread
            self.question = question
        }
    }

    private func run() {
        var channel: ares_channel?
        let servers = configuration.servers.map { "\($0.hostReference):\($0.port)" }.joined(separator: ",")
        let timeout = Int32(clamping: max(10, Int64(configuration.attemptTimeout / .milliseconds(1))))
        let status = sotto_ares_open(&channel, timeout, Int32(clamping: max(1, configuration.attempts)), servers.isEmpty ? nil : servers)
        if status == ARES_SUCCESS, let channel {
            while !state.withLock({ $0.isStopped }) {
                send(channel)
                sotto_ares_turn(channel, wake, milliseconds(untilNext: expire()))
            }
            sotto_ares_close(channel)  // answers every open question
        }
        endAll(status == ARES_SUCCESS ? .stopped : .serverFailed)
    }

    private func send(_ channel: ares_channel) {
        while true {
            let question = state.withLock { state -> DNSQuestion? in
                guard state.sent < configuration.questionsInFlight, !state.unsent.isEmpty else { return nil }
                state.sent += 1
                state.asked += 1
                return state.unsent.removeFirst()
            }
            guard let question else { return }
            let asked = Unmanaged.passRetained(Asked(self, question))  // proof: c-ares calls back exactly once
            ares_query(
                channel, question.name, 1, Int32(question.kind.rawValue),
                { context, status, _, bytes, count in
                    guard let context else { return }
                    let asked = Unmanaged<Asked>.fromOpaque(context).takeRetainedValue()  // proof: retained for this call
                    let message = bytes.map { Array(UnsafeBufferPointer(start: $0, count: Int(max(0, count)))) }
                    asked.thread.answered(asked.question, status, message)
                }, asked.toOpaque())
        }
    }

    private func answered(_ question: DNSQuestion, _ status: Int32, _ message: [UInt8]?) {
        let answer = read(question, status, message)
        let now = Self.now
        let waiters = state.withLock { state -> [Waiter] in
            state.sent -= 1
            state.cache.keep(answer, for: question, now: now)
            return (state.open.removeValue(forKey: question) ?? []).compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in waiters { waiter.continuation.resume(returning: answer) }
    }

    /// The message decides where there is one; c-ares' status tells only why there is none.
    private func read(_ question: DNSQuestion, _ status: Int32, _ bytes: [UInt8]?) -> DNSAnswer {
        switch status {
        case ARES_EDESTRUCTION, ARES_ECANCELLED: return .failed(.stopped)
        case ARES_ETIMEOUT: return .failed(.timedOut)
        default: break
        }
        guard let bytes, let message = DNSMessage(bytes) else { return .failed(.serverFailed) }
        switch message.code {
        case 0, 3:
            if message.code == 0, let (records, lifetime) = message.answer(to: question) {
                let bounded = min(max(.seconds(Int64(lifetime)), configuration.minimumLifetime), configuration.maximumLifetime)
                return .records(records, lifetime: bounded)
            }
            let lifetime = message.negativeLifetime.map { Duration.seconds(Int64($0)) } ?? configuration.maximumNegativeLifetime
            return .none(lifetime: min(max(lifetime, configuration.minimumLifetime), configuration.maximumNegativeLifetime))
        default:
            return .failed(.serverFailed)
        }
    }

    /// Lets those go whose time is over; when the next one's is.
    private func expire() -> Instant? {
        let now = Self.now
        let (late, next) = state.withLock { state in
            let late = state.waiters.filter { $0.value.deadline <= now }.keys.compactMap { Self.remove($0, &state) }
            return (late, state.waiters.values.map(\.deadline).min())
        }
        for waiter in late { waiter.continuation.resume(returning: .failed(.timedOut)) }
        return next
    }

    private func milliseconds(untilNext next: Instant?) -> Int32 {
        guard let next else { return 1_000 }
        return Int32(clamping: min(1_000, max(1, Int64((next - Self.now) / .milliseconds(1)) + 1)))
    }

    private func endAll(_ failure: NameFailure) {
        let waiters = state.withLock { state in
            defer { (state.waiters, state.open, state.unsent) = ([:], [:], []) }
            state.isStopped = true
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failed(failure)) }
    }
}
