import SIPMessages
import SottoBase

/// One connection between the gateway and a phone: a framer at each end.
struct Wire {
    let phone: Int
    private var atGateway = SIPStreamFramer()
    private var atPhone = SIPStreamFramer(role: .opened)
    private(set) var deliveries = 0

    init(phone: Int) { self.phone = phone }

    var hasPartialMessage: Bool { atGateway.hasPartialMessage || atPhone.hasPartialMessage }

    /// What bytes make whole, and whether the stream is lost after it.
    mutating func take(_ bytes: [UInt8], toGateway: Bool) -> (events: [SIPStreamFramer.Event], isFaulty: Bool) {
        deliveries += 1
        return toGateway ? Self.take(bytes, &atGateway) : Self.take(bytes, &atPhone)
    }

    private static func take(_ bytes: [UInt8], _ framer: inout SIPStreamFramer) -> ([SIPStreamFramer.Event], Bool) {
        framer.append(bytes)
        var events: [SIPStreamFramer.Event] = []
        do throws(SIPFramingFault) {
            while let event = try framer.next(parsedBy: SIPMessageParser()) { events.append(event) }
        } catch {
            return (events, true)
        }
        return (events, false)
    }
}

/// Who sent which SDES keys. The gateway makes a key of its own for each leg: none that it sends was ever sent by a phone, or by itself to
/// another phone (RFC 4568 §7.1.4; and a bridge never hands a key on).
final class KeyWatch {
    enum Sender: Hashable {
        case phone(Int)
        case gateway(to: Int)
    }

    private var senders: [[UInt8]: Set<Sender>] = [:]
    private(set) var count = 0

    func sent(_ bytes: [UInt8], by sender: Sender) {
        for key in Self.keys(in: bytes) {
            count += 1
            senders[key, default: []].insert(sender)
        }
    }

    /// Keys that more than one side sent.
    var shared: Int {
        senders.values.count { senders in
            senders.contains { if case .gateway = $0 { true } else { false } } && senders.count > 1
        }
    }

    func isNamed(in text: String) -> Bool {
        let bytes = Array(text.utf8)
        return senders.keys.contains { bytes.firstRange(of: $0) != nil }
    }

    private static func keys(in bytes: [UInt8]) -> [[UInt8]] {
        let prefix = Array("inline:".utf8)
        var keys: [[UInt8]] = []
        var rest = bytes[...]
        while let found = rest.firstRange(of: prefix) {
            rest = rest[found.upperBound...]
            let key = rest.prefix { ![0x7C, 0x20, 0x0D, 0x0A].contains($0) }
            if key.count >= 40 { keys.append(Array(key)) }
        }
        return keys
    }
}

/// A repeatable stand-in for chance (SplitMix64).
struct Chance: RandomNumberGenerator, Sendable {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
