internal import CProviderProcess
internal import Foundation
internal import Synchronization
public import SottoBase

/// Something that a pump serves: a program and what is carried to and from it.
public protocol PumpedProcess: AnyObject, Sendable {
    /// Carries what can be carried now, without waiting. Called on the pump's thread alone.
    func turn(now: Instant) -> PumpTurn
    /// The pump ends: let go of the program, say nothing more. Called on the pump's thread.
    func abandon()
}

/// What a pump shall do after a turn.
public enum PumpTurn: Equatable, Sendable {
    /// Drop it; it is never turned again.
    case over
    /// Turn again when the program wrote something, when it can take something (if that is wanted), or after so many milliseconds.
    case wait(PumpWait)
}

public struct PumpWait: Equatable, Sendable {
    let output: CInt
    let input: CInt?
    let milliseconds: Int

    public init(for child: borrowing ChildProcess, wantsToWrite: Bool, milliseconds: Int) {
        let descriptors = child.descriptors
        output = descriptors.output
        input = wantsToWrite ? descriptors.input : nil
        self.milliseconds = milliseconds
    }
}

/// One thread that carries bytes between this process and a provider's programs, so that none of them costs a call's thread its time.
public final class ProcessPump: Sendable {
    private struct State {
        var processes: [any PumpedProcess] = []
        var hasEnded = false
    }

    private let state: Arc<State>
    private let wake: Arc<WakePipe>

    public init(name: String) {
        let state = Arc(State())
        let wake = Arc(WakePipe())
        self.state = state
        self.wake = wake
        let thread = Thread { Self.run(state, wake) }
        thread.name = name
        thread.start()
    }

    deinit { end() }

    /// Processes being served: a gauge that returns to zero.
    public var count: Int { state.value.withLock { $0.processes.count } }

    public func add(_ process: any PumpedProcess) {
        state.value.withLock { $0.processes.append(process) }
        wakeUp()
    }

    /// Takes a turn soon: something is to be written, or to be stopped.
    public func wakeUp() { wake.value.withLock { $0.signal() } }

    /// Ends the thread and every program.
    public func end() {
        state.value.withLock { $0.hasEnded = true }
        wakeUp()
    }

    /// Shared between the pump and its thread, which outlives it by one turn.
    private final class Arc<Value: ~Copyable & Sendable>: Sendable {
        let value: Mutex<Value>
        init(_ value: consuming sending Value) { self.value = Mutex(value) }
    }

    private static func run(_ state: Arc<State>, _ wake: Arc<WakePipe>) {
        sotto_child_block_signals()
        var polled: [pollfd] = []
        while true {
            let (processes, hasEnded) = state.value.withLock { state in
                defer { if state.hasEnded { state.processes = [] } }
                return (state.processes, state.hasEnded)
            }
            if hasEnded {
                for process in processes { process.abandon() }
                break
            }
            polled.removeAll(keepingCapacity: true)
            polled.append(pollfd(fd: wake.value.withLock { $0.reader }, events: Int16(POLLIN), revents: 0))
            // A wake-up cannot come without the pipe; then the thread looks by itself.
            let idle: Int = polled[0].fd < 0 ? 250 : -1
            var timeout = ChildReaper.shared.collect() ? idle : 20
            var over: [ObjectIdentifier] = []
            let now = Instant(nanoseconds: sotto_child_monotonic())
            for process in processes {
                switch process.turn(now: now) {
                case .over:
                    over.append(ObjectIdentifier(process))
                case .wait(let wait):
                    polled.append(pollfd(fd: wait.output, events: Int16(POLLIN), revents: 0))
                    if let input = wait.input { polled.append(pollfd(fd: input, events: Int16(POLLOUT), revents: 0)) }
                    let milliseconds = min(60_000, max(1, wait.milliseconds))
                    timeout = timeout < 0 ? milliseconds : min(timeout, milliseconds)
                }
            }
            if !over.isEmpty {
                state.value.withLock { $0.processes.removeAll { over.contains(ObjectIdentifier($0)) } }
                continue
            }
            _ = poll(&polled, nfds_t(polled.count), Int32(timeout))
            wake.value.withLock { $0.clear() }
        }
        // What was killed is gone in a moment; a second is plenty, and a process that the kernel holds is left to init.
        for _ in 0..<100 where !ChildReaper.shared.collect() { usleep(10_000) }
    }
}

/// Wakes a thread out of `poll`.
private struct WakePipe: ~Copyable, Sendable {
    let reader: CInt
    private let writer: CInt

    init() {
        var ends: [CInt] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC | O_NONBLOCK) == 0 else {
            // Without descriptors no program can be started either; the thread then sleeps until its deadlines.
            (reader, writer) = (-1, -1)
            return
        }
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        if reader >= 0 { close(reader) }
        if writer >= 0 { close(writer) }
    }

    func signal() {
        var one: UInt8 = 1
        _ = sotto_child_write(writer, &one, 1)
    }

    func clear() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { bytes in
            while let start = bytes.baseAddress, sotto_child_read(reader, start, bytes.count) == bytes.count {}
        }
    }
}

func monotonic() -> Int64 { sotto_child_monotonic() }
