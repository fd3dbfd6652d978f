import Foundation
import SottoBase
import SottoTLS
import Testing

/// Whole calls, bridged ones among them, with everything that can go wrong on their wires. What must hold always: nothing traps, all come
/// to rest, every gauge returns to zero, each call is recorded once, outputs are bounded, and no key is sent to anybody but its peer.
///
/// `SOTTO_FUZZ_SEEDS` asks for more than the few seeds of an ordinary run.
@Suite(.serialized) struct WholeDialogTests {
    private static let more = ProcessInfo.processInfo.environment["SOTTO_FUZZ_SEEDS"].flatMap { UInt64($0) }

    private static func seeds(_ first: UInt64, _ few: UInt64) -> Range<UInt64> { first..<(first + (more.map { $0 * few } ?? few)) }

    private func run(_ plan: Exchange.Plan, _ seeds: Range<UInt64>) throws -> Set<String> {
        let identity = try DTLSIdentity.selfSigned(now: WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)))
        var seen: Set<String> = []
        for seed in seeds {
            let exchange = try Exchange(plan, seed: seed, identity: identity)
            let rested = exchange.run()
            #expect(rested, "seed \(seed): never comes to rest")
            #expect(exchange.faults == [], "seed \(seed)")
            #expect(exchange.gateway.remains == [], "seed \(seed)")
            for phone in exchange.phones { #expect(phone.remains == [], "seed \(seed)") }
            #expect(exchange.keys.shared == 0, "seed \(seed): a key was sent on")
            #expect(exchange.messages < 6_000, "seed \(seed): \(exchange.messages) messages")
            seen.formUnion(exchange.seen)
        }
        return seen
    }

    @Test func undisturbedCallsComeToTheirEnds() throws {
        let seen = try run(.init(calls: 4), Self.seeds(0, 10))
        #expect(Set(["phone talks", "heard", "phone heard", "media bridged", "gone", "leg", "transferAsked"]).subtracting(seen) == [])
    }

    @Test func callsWhoseKeysComeByHandshakeComeToTheirEnds() throws {
        let seen = try run(.init(repeated: 60, calls: 6, handshakes: 10, number: "+49301"), Self.seeds(500, 5))
        // Not always "handshake": the library repeats lost flights by its own clock, which virtual time leaves behind.
        #expect(seen.isSuperset(of: ["answered", "repeated", "gone"]))
    }

    @Test func agentsCallsAreHandedOver() throws {
        let seen = try run(.init(changed: 20, breaks: 1, calls: 4, number: "+49302"), Self.seeds(700, 8))
        #expect(Set(["handOver", "consentGranted", "payment", "gone"]).subtracting(seen) == [])
    }

    @Test func callsOverWiresThatBreakComeToTheirEnds() throws {
        let seen = try run(.init(breaks: 5, calls: 4), Self.seeds(1_000, 8))
        #expect(seen.isSuperset(of: ["wire cut", "gone", "heard"]))
    }

    @Test func changedMessagesEndNothingButTheirCalls() throws {
        let seen = try run(.init(changed: 120, calls: 4), Self.seeds(2_000, 12))
        #expect(seen.isSuperset(of: ["changed", "gone", "heard"]))
    }

    @Test func repeatedMessagesOfAnybodyChangeNothing() throws {
        let seen = try run(.init(repeated: 250, calls: 4), Self.seeds(3_000, 8))
        #expect(seen.isSuperset(of: ["repeated", "gone", "heard"]))
    }

    @Test func everythingAtOnce() throws {
        let seen = try run(.init(changed: 80, repeated: 120, breaks: 3, calls: 5, handshakes: 4), Self.seeds(4_000, 12))
        #expect(seen.isSuperset(of: ["changed", "repeated", "wire cut", "gone"]))
    }
}
