import Calls
import MediaPlane
import SIPMessages
import SIPSessions
import SottoBase
import SottoTLS

/// A gateway and the phones of its trunks: endpoints, calls, session descriptions, SRTP and timers together, on virtual time. Messages
/// travel as bytes over wires that break; some are changed, doubled, or brought back on another wire on their way.
///
/// The same seed makes the same exchange with SWIFT_DETERMINISTIC_HASHING=1, but for keys and SSRCs that the media planes draw themselves.
final class Exchange {
    struct Plan: Sendable {
        /// Of 1,000 messages: changed on the way.
        var changed: UInt64 = 0
        /// Of 1,000 messages: followed by one that was sent before, on whatever wire.
        var repeated: UInt64 = 0
        /// Wires that break.
        var breaks = 0
        var calls = 3
        /// Of 10 phones: keys by DTLS.
        var handshakes: UInt64 = 2
        /// nil: echo, the agent or another trunk, as chance has it.
        var number: String?
    }

    private struct Step {
        let at: Instant
        let order: Int
        let action: (Exchange) -> Void
    }

    let plan: Plan
    var chance: Chance
    private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
    private(set) var turns = 0
    private var steps: [Step] = []
    private var order = 0
    private let start: Instant

    private(set) var gateway: Gateway
    private(set) var phones: [Phone] = []
    private(set) var wires: [UInt64: Wire] = [:]
    private var nextWire: UInt64 = 1
    /// Messages as they were sent, the latest last.
    private var history: [[UInt8]] = []
    private(set) var messages = 0
    let keys = KeyWatch()
    var faults: [String] = []
    /// What the exchange reached.
    var seen: Set<String> = []

    /// When everybody hangs up; nothing is changed or repeated after `quiet`.
    static let hangUp = Duration.seconds(9)
    static let quiet = Duration.seconds(14)

    init(_ plan: Plan, seed: UInt64, identity: DTLSIdentity) throws {
        self.plan = plan
        chance = Chance(seed)
        start = now
        gateway = try Gateway(seed: seed, identity: identity)
        let plane = try Gateway.plane(identity: identity, sessions: 64)
        let ports = Phone.Ports()
        for index in 0..<3 {
            let isByHandshake = chance.next() % 10 < plan.handshakes
            phones.append(
                Phone(index, plane: plane, ports: ports, identity: isByHandshake ? identity : nil, seed: seed &+ UInt64(index) + 1))
        }
        for index in phones.indices { openWire(of: index) }
        for _ in 0..<plan.calls { after(.milliseconds(roll(5_000))) { exchange in exchange.phones[0].call(exchange) } }
        for _ in 0..<plan.breaks {
            after(.milliseconds(roll(9_000))) { exchange in
                if let wire = exchange.wires.keys.sorted().randomElement(using: &exchange.chance) { exchange.cut(wire) }
            }
        }
        after(Self.hangUp) { exchange in
            exchange.gateway.tell(.drain(retryAfter: 5), exchange)
            for phone in exchange.phones { phone.hangUpAll(exchange) }
            exchange.gateway.tell(.endAll, exchange)
        }
    }

    func roll(_ sides: Int) -> Int { Int(chance.next() % UInt64(sides)) }

    func after(_ delay: Duration, _ action: @escaping (Exchange) -> Void) {
        order += 1
        steps.append(Step(at: now + delay, order: order, action: action))
    }

    // MARK: - The drive

    /// Until nothing is left to happen. False when `limit` turns were not enough.
    func run(limit: Int = 60_000) -> Bool {
        while turns < limit {
            turns += 1
            var times = steps.map(\.at) + phones.compactMap(\.endpoint.nextDeadline)
            times += [gateway.endpoint.nextDeadline, gateway.table.nextDeadline].compactMap { $0 }
            let isMediaLive = gateway.isMediaLive || phones[0].isMediaLive
            if isMediaLive { times.append(now + .milliseconds(10)) }
            guard let next = times.min() else { return true }
            now = max(now, next)
            while let index = steps.indices.filter({ steps[$0].at <= now }).min(by: { steps[$0].order < steps[$1].order }) {
                steps.remove(at: index).action(self)
            }
            gateway.wake(self)
            for phone in phones { phone.wake(self) }
            if isMediaLive {
                gateway.turnMedia(self)
                phones[0].turnMedia(self)
            }
        }
        return false
    }

    private var isQuiet: Bool { now >= start + Self.quiet }

    // MARK: - Wires

    private func openWire(of phone: Int) {
        let number = nextWire
        nextWire += 1
        wires[number] = Wire(phone: phone)
        gateway.opened(number, phone: phone, self)
        phones[phone].opened(number, self)
    }

    func openWire(ofPhone phone: Int) -> UInt64? { wires.filter { $0.value.phone == phone }.keys.max() }

    func cut(_ number: UInt64) {
        guard let wire = wires.removeValue(forKey: number) else { return }
        seen.insert("wire cut")
        gateway.closed(number, self)
        phones[wire.phone].closed(number, self)
        after(.milliseconds(50 + roll(2_000))) { $0.openWire(of: wire.phone) }
    }

    func transmit(_ message: SIPMessage, on number: UInt64, toGateway: Bool) {
        guard let wire = wires[number] else { return }
        messages += 1
        var bytes: [UInt8] = []
        message.serialize(into: &bytes)
        keys.sent(bytes, by: toGateway ? .phone(wire.phone) : .gateway(to: wire.phone))
        history = history.suffix(30) + [bytes]
        if !isQuiet, chance.next() % 1_000 < plan.changed {
            var mutator = Mutations(state: chance.next())
            bytes = mutator.change(bytes, with: history[roll(history.count)])
            seen.insert("changed")
        }
        deliver(bytes, on: number, toGateway: toGateway)
        if !isQuiet, chance.next() % 1_000 < plan.repeated {
            seen.insert("repeated")
            let other = wires.keys.sorted()[roll(wires.count)]
            deliver(history[roll(history.count)], on: other, toGateway: roll(3) > 0)
        }
    }

    /// In order: one delay for all.
    private func deliver(_ bytes: [UInt8], on number: UInt64, toGateway: Bool) {
        after(.milliseconds(20)) { $0.arrived(bytes, on: number, toGateway: toGateway) }
    }

    private func arrived(_ bytes: [UInt8], on number: UInt64, toGateway: Bool) {
        guard let (events, isFaulty) = wires[number]?.take(bytes, toGateway: toGateway) else { return }
        for event in events {
            guard case .message(let message) = event, let wire = wires[number] else { continue }
            if toGateway {
                gateway.receive(message, on: number, self)
            } else {
                phones[wire.phone].receive(message, on: number, self)
            }
        }
        if isFaulty { return cut(number) }
        // What never becomes whole does not wait for ever.
        guard let wire = wires[number], wire.hasPartialMessage else { return }
        let deliveries = wire.deliveries
        after(.seconds(4)) { exchange in
            if exchange.wires[number]?.deliveries == deliveries { exchange.cut(number) }
        }
    }

    func fault(_ what: String) { if faults.count < 20 { faults.append(what) } }
}
