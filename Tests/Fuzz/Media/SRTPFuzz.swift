public import FuzzKit
import SRTP
import SottoBase

/// A sender, a network that loses, doubles, reorders and forges, and a receiver, through re-keyings: whatever is authentic was sent, as it
/// was sent, and comes out once.
public func fuzzSRTP(_ bytes: [UInt8]) -> FuzzFinding? {
    var chance = ByteChance(bytes)
    guard var pair = SRTPPair(&chance) else { return FuzzFinding(property: "keys fit their profile") }
    var turns = 0
    while !chance.isSpent, turns < 400 {
        turns += 1
        if let finding = pair.step(&chance) { return finding }
    }
    return nil
}

private struct SRTPPair: ~Copyable {
    private struct Flying {
        let wire: [UInt8]
        let plain: [UInt8]
        let isRTCP: Bool
        var isDelivered = false
    }

    private var profile: SRTPProfile
    private var sender: SRTPSender
    private var receiver: SRTPReceiver
    private var flying: [Flying] = []
    private var now = Instant(nanoseconds: 0)
    private var sequence: UInt16
    private var ssrc: UInt32 = 0x1234_5678
    private var generation: UInt8 = 0

    init?(_ chance: inout ByteChance) {
        profile = SRTPProfile.allCases[chance.below(SRTPProfile.allCases.count)]
        let key = Self.key(profile, 0)
        guard let sender = try? SRTPSender(profile: profile, key: key, ssrc: 0x1234_5678),
            let receiver = try? SRTPReceiver(profile: profile, key: key)
        else { return nil }
        self.sender = sender
        self.receiver = receiver
        sequence = UInt16(truncatingIfNeeded: chance.word())
    }

    private static func key(_ profile: SRTPProfile, _ generation: UInt8) -> SecretBytes {
        SecretBytes(copying: (0..<profile.keyAndSaltLength).map { UInt8(truncatingIfNeeded: $0) &* 7 ^ generation }[...])
    }

    mutating func step(_ chance: inout ByteChance) -> FuzzFinding? {
        switch chance.below(16) {
        case 0...5: return send(&chance)
        case 6...8:
            guard !flying.isEmpty else { return nil }
            return deliver(chance.below(flying.count))
        case 9...11:
            guard !flying.isEmpty else { return nil }
            return forge(chance.below(flying.count), &chance)
        case 12:
            now = now + .milliseconds(Int64(chance.below(3_000)))
            return nil
        case 13: return rekey(&chance)
        case 14:
            let noise = chance.take(chance.below(256))
            return open(noise, isRTCP: chance.isOne(of: 2)) == nil ? nil : FuzzFinding(property: "noise is never authentic")
        default:
            ssrc &+= 1
            if !sender.changeSource(to: ssrc) { ssrc = sender.ssrc }
            return nil
        }
    }

    private mutating func send(_ chance: inout ByteChance) -> FuzzFinding? {
        let isRTCP = chance.isOne(of: 4)
        if chance.isOne(of: 8) { sequence &+= UInt16(chance.below(60_000)) }
        sequence &+= 1
        let words = 1 + chance.below(40)
        var plain: [UInt8]
        if isRTCP {
            plain = [0x80, 201, 0, 1, UInt8(ssrc >> 24), UInt8(ssrc >> 16 & 255), UInt8(ssrc >> 8 & 255), UInt8(ssrc & 255)]
        } else {
            plain = [0x80, 0, UInt8(sequence >> 8), UInt8(sequence & 255), 0, 0, 0, 1]
            plain += [UInt8(ssrc >> 24), UInt8(ssrc >> 16 & 255), UInt8(ssrc >> 8 & 255), UInt8(ssrc & 255)]
            plain += (0..<words * 4).map { UInt8(truncatingIfNeeded: $0 + words) }
        }
        var wire = plain + [UInt8](repeating: 0, count: 64)
        let length = plain.count
        let result = wire.withUnsafeMutableBytes {
            isRTCP ? sender.protectRTCP($0, length: length) : sender.protectRTP($0, length: length)
        }
        guard case .protected(let protected) = result else {
            return result == .indexReused ? nil : FuzzFinding(property: "a packet can be protected: \(result)")
        }
        if flying.count == 64 { flying.removeFirst() }
        flying.append(Flying(wire: Array(wire[..<protected]), plain: plain, isRTCP: isRTCP))
        return chance.isOne(of: 3) ? nil : deliver(flying.count - 1)
    }

    private mutating func deliver(_ index: Int) -> FuzzFinding? {
        let packet = flying[index]
        guard let plain = open(packet.wire, isRTCP: packet.isRTCP) else { return nil }
        guard plain == packet.plain else { return FuzzFinding(property: "what is authentic is what was sent") }
        guard !packet.isDelivered else { return FuzzFinding(property: "no packet is authentic twice") }
        flying[index].isDelivered = true
        return nil
    }

    private mutating func forge(_ index: Int, _ chance: inout ByteChance) -> FuzzFinding? {
        let packet = flying[index]
        var wire = packet.wire
        switch chance.below(4) {
        case 0: wire = Array(wire.prefix(chance.below(wire.count + 1)))
        case 1: wire.append(chance.byte())
        case 2: wire[chance.below(wire.count)] ^= 1 << UInt8(chance.below(8))
        default: for _ in 0..<3 { wire[chance.below(wire.count)] = chance.byte() }
        }
        let isRTCP = chance.isOne(of: 8) ? !packet.isRTCP : packet.isRTCP
        guard wire != packet.wire || isRTCP != packet.isRTCP else { return nil }
        return open(wire, isRTCP: isRTCP) == nil ? nil : FuzzFinding(property: "a forged packet is never authentic")
    }

    private mutating func rekey(_ chance: inout ByteChance) -> FuzzFinding? {
        generation &+= 1
        guard generation < 200 else { return nil }
        if chance.isOne(of: 4) { profile = SRTPProfile.allCases[chance.below(SRTPProfile.allCases.count)] }
        let key = Self.key(profile, generation)
        let until = now + .milliseconds(Int64(chance.below(2_500)))
        do throws(SRTPError) {
            if chance.isOne(of: 3) {
                try receiver.restart(profile: profile, key: key, stragglersUntil: until)
            } else {
                let rollover = [SRTPRollover.automatic, .keep, .reset][chance.below(3)]
                try receiver.rekey(profile: profile, key: key, rollover: rollover, stragglersUntil: until)
            }
            sender = try SRTPSender(profile: profile, key: key, ssrc: ssrc)
        } catch {
            return FuzzFinding(property: "a key can be changed")
        }
        return nil
    }

    /// The plain packet, when it was authentic.
    private mutating func open(_ wire: [UInt8], isRTCP: Bool) -> [UInt8]? {
        var copy = wire
        let now = now
        let result = copy.withUnsafeMutableBytes {
            isRTCP ? receiver.unprotectRTCP($0, now: now) : receiver.unprotectRTP($0, now: now)
        }
        precondition(receiver.sourceCount <= SRTPReceiver.maximumSources, "sources are bounded")
        switch result {
        case .authenticated(let length), .straggler(let length): return Array(copy[..<length])
        default: return nil
        }
    }
}
