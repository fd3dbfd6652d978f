internal import NIOCore
public import SIPMessages
public import SIPSessions
internal import SottoBase

/// Runs one `SIPEndpoint` on the call loop: feeds it what the transport brings and what the application commands, sends what it wants
/// sent, tells the application what it says, and keeps its single wake-up.
///
/// The application's closure is called on the call loop, between two turns of the endpoint; what it commands is carried out afterwards,
/// in order.
public final class SIPEndpointDriver: SIPTransportDelegate {
    /// What the endpoint holds; each returns to zero.
    public struct Gauges: Hashable, Sendable {
        public let transactions: Int
        public let dialogs: Int
        public let connections: Int
        public let deadlines: Int
    }

    private final class Machine {
        var endpoint: SIPEndpoint
        var inputs = CircularBuffer<SIPEndpointInput>()
        var isRunning = false
        var wakeUp: (at: Instant, task: Scheduled<Void>)?

        init(_ endpoint: SIPEndpoint) { self.endpoint = endpoint }
    }

    /// Turns of the endpoint before other work of the loop gets its turn.
    private static let turnsPerRun = 1_000

    private let transport: SIPConnections
    private let callLoop: any EventLoop
    private let machine: NIOLoopBoundBox<Machine>
    private let onEvent: @Sendable (SIPEndpointEvent) -> Void
    private let onConnection: @Sendable (SIPConnectionEvent) -> Void
    private let onMessage: @Sendable (SIPMessage, SIPMessageDirection) -> Void

    /// Attaches itself to `transport`. All closures are called on the call loop.
    ///
    /// - Parameter onMessage: every message that the endpoint takes or gives, before it does: for a trace. It is full of personal data and
    ///   keys, and must not be kept as it is.
    public init(
        transport: SIPConnections, configuration: SIPEndpointConfiguration = SIPEndpointConfiguration(),
        onConnection: @escaping @Sendable (SIPConnectionEvent) -> Void = { _ in },
        onMessage: @escaping @Sendable (SIPMessage, SIPMessageDirection) -> Void = { _, _ in },
        onEvent: @escaping @Sendable (SIPEndpointEvent) -> Void
    ) async {
        self.transport = transport
        callLoop = transport.callLoop
        machine = .makeBoxSendingValue(Machine(SIPEndpoint(configuration: configuration)), eventLoop: transport.callLoop)
        self.onEvent = onEvent
        self.onConnection = onConnection
        self.onMessage = onMessage
        await transport.deliver(to: self)
    }

    /// Carries a command out: now when called on the call loop outside of a turn, else as soon as possible. From any thread; commands of
    /// one thread keep their order.
    public func perform(_ command: SIPEndpointCommand) {
        if callLoop.inEventLoop {
            run(.command(command))
        } else {
            callLoop.execute { self.run(.command(command)) }
        }
    }

    public func gauges() async -> Gauges {
        let read = callLoop.submit { [machine] in
            let endpoint = machine.value.endpoint
            return Gauges(
                transactions: endpoint.transactionCount, dialogs: endpoint.dialogCount, connections: endpoint.connectionCount,
                deadlines: endpoint.deadlineCount)
        }
        return (try? await read.get()) ?? Gauges(transactions: 0, dialogs: 0, connections: 0, deadlines: 0)
    }

    // MARK: - From the transport

    public func connectionOpened(_ connection: ConnectionID, _ info: PeerInfo, as peer: PeerID) {
        onConnection(.opened(connection, info, peer))
        run(.connectionOpened(connection, info.profile(as: peer)))
    }

    public func messagesReceived(_ messages: [SIPMessage], on connection: ConnectionID) {
        let machine = machine.value
        for message in messages { machine.inputs.append(.received(message, on: connection)) }
        run(machine)
    }

    public func connectionClosed(_ connection: ConnectionID, _ ending: ConnectionEnding) {
        run(.connectionClosed(connection))
        onConnection(.closed(connection, ending))
    }

    public func undeliverable(_ message: SIPMessage) { run(.sendFailed(message)) }

    // MARK: - Turns

    private var now: Instant { Instant(nanoseconds: Int64(truncatingIfNeeded: callLoop.now.uptimeNanoseconds)) }

    private func run(_ input: SIPEndpointInput) {
        let machine = machine.value
        machine.inputs.append(input)
        run(machine)
    }

    /// Works off the inputs. A call that comes in from inside a turn leaves its input to the outer one.
    private func run(_ machine: Machine) {
        if machine.isRunning { return }
        machine.isRunning = true
        var entropy = SystemRandomNumberGenerator()
        var turns = 0
        while turns < Self.turnsPerRun, let input = machine.inputs.popFirst() {
            turns += 1
            if case .received(let message, _) = input { onMessage(message, .received) }
            for output in machine.endpoint.handle(input, now: now, entropy: &entropy) {
                switch output {
                case .send(let message, let target):
                    onMessage(message, .sent)
                    if !transport.send(message, to: target) { machine.inputs.append(.sendFailed(message)) }
                case .event(let event):
                    onEvent(event)
                }
            }
        }
        transport.flush()
        machine.isRunning = false
        if !machine.inputs.isEmpty {
            callLoop.execute { self.run(self.machine.value) }
        }
        arm(machine)
    }

    /// One wake-up, for the earliest deadline. When the deadline has moved later, the wake-up comes early, which the endpoint permits.
    private func arm(_ machine: Machine) {
        guard let next = machine.endpoint.nextDeadline else {
            machine.wakeUp?.task.cancel()
            machine.wakeUp = nil
            return
        }
        if let wakeUp = machine.wakeUp {
            if wakeUp.at <= next { return }
            wakeUp.task.cancel()
        }
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(max(0, next.nanoseconds)))
        let task = callLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            self.machine.value.wakeUp = nil
            self.run(.timerDue)
        }
        machine.wakeUp = (next, task)
    }
}

/// Which way a message went, as we see it.
public enum SIPMessageDirection: Hashable, Sendable {
    case received, sent
}

/// For the operator: which connections live.
public enum SIPConnectionEvent: Hashable, Sendable {
    case opened(ConnectionID, PeerInfo, PeerID)
    case closed(ConnectionID, ConnectionEnding)
}
