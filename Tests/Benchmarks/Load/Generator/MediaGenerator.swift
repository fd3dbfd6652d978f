import Audio
import CEpoll
import Foundation
import SottoTestPeer
import Synchronization

/// One thread that plays all callers: each millisecond it sends for a twentieth of them and takes what came for all.
final class MediaGenerator: @unchecked Sendable {  // proof: calls belong to its thread while it runs; what others order waits in a mutex
    private var calls: [Int: CallMedia] = [:]
    /// Which calls send at each of the twenty milliseconds.
    private var phases = [[Int]](repeating: [], count: 20)
    private var numbers: [ObjectIdentifier: Int] = [:]
    private var nextNumber = 0
    private var loops: [Int: [[UInt8]]] = [:]
    private let orders = Mutex<[@Sendable (MediaGenerator) -> Void]>([])
    private let sending = Atomic<Bool>(true)
    private let running = Atomic<Bool>(true)
    private let reported = Atomic<Bool>(false)
    private let ended = Atomic<Bool>(false)
    private let epoll = sotto_epoll_create()
    /// How late this thread itself woke, in µs: what the daemon's lateness is to be compared with.
    private(set) var ownLateness: [Int32] = []
    /// Packets' times count.
    private let timed = Atomic<Bool>(false)

    deinit { sotto_close(epoll) }

    /// Runs on its thread, between two milliseconds.
    func order(_ body: @escaping @Sendable (MediaGenerator) -> Void) { orders.withLock { $0.append(body) } }

    /// The same, waited for.
    func ask<Answer: Sendable>(_ body: @escaping @Sendable (MediaGenerator) -> Answer) async -> Answer {
        await withCheckedContinuation { continuation in order { continuation.resume(returning: body($0)) } }
    }

    func start() {
        let thread = Thread { self.run() }
        thread.stackSize = 1 << 20
        thread.start()
    }

    func stopSending() { sending.store(false, ordering: .releasing) }
    func beginTiming() { timed.store(true, ordering: .releasing) }
    /// All calls have the daemon's word about their last packet.
    var isReported: Bool { reported.load(ordering: .acquiring) }

    func stop() async throws {
        running.store(false, ordering: .releasing)
        while !ended.load(ordering: .acquiring) { try await Task.sleep(for: .milliseconds(5)) }
    }

    // MARK: - On its thread

    func add(_ call: CallMedia) {
        let number = nextNumber
        nextNumber += 1
        calls[number] = call
        numbers[ObjectIdentifier(call)] = number
        phases[number % 20].append(number)
        _ = sotto_epoll_add(epoll, call.descriptor, UInt64(number))
    }

    /// Its socket leaves the epoll when it is closed.
    func remove(_ call: CallMedia) {
        guard let number = numbers.removeValue(forKey: ObjectIdentifier(call)) else { return }
        calls[number] = nil
        phases[number % 20].removeAll { $0 == number }
    }

    var all: [CallMedia] { Array(calls.values) }

    private func loop(_ call: CallMedia) -> [[UInt8]] {
        let key = call.tone % Voice.tones.count * 16 + Int(call.codec.rawValue)
        if let loop = loops[key] { return loop }
        let loop = (try? Voice.loop(call.tone, call.codec)) ?? [[UInt8](repeating: 0xFF, count: 160)]
        loops[key] = loop
        return loop
    }

    private func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)
        defer { buffer.deallocate() }
        var tokens = [UInt64](repeating: 0, count: 256)
        var planned = sotto_monotonic()
        var tick = 0
        ownLateness.reserveCapacity(200_000)
        while running.load(ordering: .acquiring) {
            planned += 1_000_000
            sotto_sleep_until(planned)
            let now = sotto_monotonic()
            for order in orders.withLock({ waiting in exchange(&waiting, []) }) { order(self) }
            let isTimed = timed.load(ordering: .acquiring)
            if isTimed, ownLateness.count < 200_000 { ownLateness.append(Int32(clamping: (now - planned) / 1_000)) }
            let mayTalk = sending.load(ordering: .acquiring)
            // A thread that was held up sends what is due, as a hundred callers would.
            for number in phases[tick % 20] where mayTalk {
                guard let call = calls[number] else { continue }
                let payloads = loop(call)
                payloads[tick / 20 % payloads.count].withUnsafeBytes { call.send($0, buffer, now: now) }
            }
            for call in calls.values where call.impairment.delay + call.impairment.jitter > 0 { call.release(now: now) }
            tick += 1
            let count = Int(sotto_epoll_wait(epoll, &tokens, 256, 0))
            for index in 0..<max(count, 0) { calls[Int(tokens[index])]?.receive(buffer, now: now, isTimed: isTimed) }
            if !mayTalk, tick % 20 == 0 { reported.store(calls.values.allSatisfy(\.isReported), ordering: .releasing) }
        }
        ended.store(true, ordering: .releasing)
    }

    private func exchange<Value>(_ place: inout Value, _ new: Value) -> Value {
        defer { place = new }
        return place
    }
}
