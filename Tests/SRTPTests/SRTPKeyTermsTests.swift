import SottoBase
import Testing

@testable import SRTP

/// Key identifiers, lifetimes, changed sources: RFC 3711 §3.1, §9.2, RFC 4568 §6.1, RFC 3550 §8.2.
struct SRTPKeyTermsTests {
    // MARK: - Identifiers

    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func anIdentifierIsStripped(_ profile: SRTPProfile, _ kind: Kind) throws {
        for (value, length) in [(UInt64(1), 1), (0x0102_0304, 4), (7, 12), (9, 128)] {
            let identifier = try #require(SRTPKeyIdentifier(value: value, length: length))
            var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
            var receiver = try SRTPReceiver(profile: profile, key: testKey(profile), terms: SRTPKeyTerms(identifier: identifier))
            let packet = kind == .rtp ? rtpPacket(sequence: 5) : rtcpPacket()
            let marked = mark(sender.sealed(packet, kind), value, length, profile, kind)
            #expect(receiver.opened(marked, kind) == packet)
            #expect(receiver.result(marked, kind) == .replayed)
        }
    }

    @Test(arguments: SRTPProfile.allCases)
    func anotherIdentifierIsRefused(_ profile: SRTPProfile) throws {
        let identifier = try #require(SRTPKeyIdentifier(value: 3, length: 2))
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile), terms: SRTPKeyTerms(identifier: identifier))
        let marked = mark(sender.sealed(rtpPacket(sequence: 5)), 4, 2, profile, .rtp)
        #expect(receiver.result(marked) == .unauthenticated)
        var plain = try SRTPReceiver(profile: profile, key: testKey(profile))
        #expect(plain.result(marked) == .unauthenticated)
    }

    /// Some peers announce one and send none; then its bytes are there by chance once in 256 packets.
    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func aPeerThatSendsNoneIsUnderstood(_ profile: SRTPProfile, _ kind: Kind) throws {
        let identifier = try #require(SRTPKeyIdentifier(value: 1, length: 1))
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile), terms: SRTPKeyTerms(identifier: identifier))
        for sequence: UInt16 in 1...1_000 {
            let packet = kind == .rtp ? rtpPacket(sequence: sequence, payload: 20) : rtcpPacket()
            guard receiver.opened(sender.sealed(packet, kind), kind) == packet else {
                Issue.record("lost at \(sequence)")
                return
            }
        }
    }

    /// An answer may change a key's terms and keep the key: counters and replay list are the key's.
    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func otherTermsForTheSameKeyKeepItsState(_ profile: SRTPProfile, _ kind: Kind) throws {
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile))
        func next(_ sequence: UInt16) -> [UInt8] { kind == .rtp ? rtpPacket(sequence: sequence) : rtcpPacket() }
        let first = sender.sealed(next(5), kind)
        #expect(receiver.opened(first, kind) == next(5))
        receiver.adopt(SRTPKeyTerms(lifetime: 1, identifier: SRTPKeyIdentifier(value: 0x4455, length: 2)))
        #expect(receiver.result(first, kind) == .replayed)
        #expect(receiver.opened(mark(sender.sealed(next(6), kind), 0x4455, 2, profile, kind), kind) == next(6))
        #expect(receiver.result(sender.sealed(next(7), kind), kind) == .keyExhausted)
        // A longer life is not given to a key that has ended.
        receiver.adopt(SRTPKeyTerms())
        #expect(receiver.result(sender.sealed(next(8), kind), kind) == .keyExhausted)
    }

    @Test func identifiersOfImpossibleLengthsAreNone() {
        #expect(SRTPKeyIdentifier(value: 1, length: 0) == nil)
        #expect(SRTPKeyIdentifier(value: 1, length: 129) == nil)
        #expect(SRTPKeyIdentifier(value: 256, length: 1) == nil)
        #expect(SRTPKeyIdentifier(value: .max, length: 8) != nil)
    }

    private func mark(_ sealed: [UInt8], _ value: UInt64, _ length: Int, _ profile: SRTPProfile, _ kind: Kind) -> [UInt8] {
        let field = (0..<length).map { index in
            length - 1 - index < 8 ? UInt8(truncatingIfNeeded: value >> UInt64((length - 1 - index) * 8)) : 0
        }
        let tag: Int
        switch profile {
        case .aeadAES256GCM, .aeadAES128GCM: tag = 0
        case .aes256CMSHA1_80, .aes128CMSHA1_80: tag = 10
        case .aes128CMSHA1_32: tag = kind == .rtp ? 4 : 10
        }
        return Array(sealed.dropLast(tag)) + field + Array(sealed.suffix(tag))
    }

    // MARK: - Lifetimes

    /// RFC 4568 §6.1: SRTP and SRTCP each.
    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func aKeyEndsAfterItsLifetime(_ profile: SRTPProfile, _ kind: Kind) throws {
        let terms = SRTPKeyTerms(lifetime: 3)
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE, terms: terms)
        var free = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile), terms: terms)
        for sequence: UInt16 in 1...3 {
            let packet = kind == .rtp ? rtpPacket(sequence: sequence) : rtcpPacket()
            #expect(receiver.result([UInt8](repeating: 0x80, count: 60), kind) != .keyExhausted)  // what is forged uses nothing up
            _ = free.sealed(packet, kind)
            #expect(receiver.opened(sender.sealed(packet, kind), kind) == packet)
        }
        let next = kind == .rtp ? rtpPacket(sequence: 4) : rtcpPacket()
        #expect(sender.protect(next, kind).0 == .keyExhausted)
        #expect(receiver.result(free.sealed(next, kind), kind) == .keyExhausted)
        let other: Kind = kind == .rtp ? .rtcp : .rtp
        #expect(!sender.sealed(other == .rtp ? rtpPacket(sequence: 4) : rtcpPacket(), other).isEmpty)
    }

    /// RFC 3711 §9.2.
    @Test func noAgreementGoesBeyondTheStandard() {
        #expect(SRTPKeyTerms(lifetime: .max).rtpPackets == 1 << 48)
        #expect(SRTPKeyTerms().rtcpPackets == 1 << 31)
        #expect(SRTPKeyTerms(lifetime: 1 << 20).rtcpPackets == 1 << 20)
    }

    // MARK: - Another SSRC

    @Test(arguments: SRTPProfile.allCases)
    func aCollisionGivesANewSource(_ profile: SRTPProfile) throws {
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 1)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile))
        sender.advance(to: 65_537)
        #expect(sender.rolloverCounter == 1)
        let isChanged = sender.changeSource(to: 2)
        #expect(isChanged)
        #expect(sender.ssrc == 2 && sender.rolloverCounter == 0)
        let packet = rtpPacket(sequence: 9, ssrc: 2)
        #expect(receiver.opened(sender.sealed(packet)) == packet)
        #expect(sender.protect(rtpPacket(sequence: 2, ssrc: 1)).0 == .malformed)
        let isBack = sender.changeSource(to: 1)
        #expect(!isBack)  // its indices are used up under this key
        for ssrc: UInt32 in 3...99 { _ = sender.changeSource(to: ssrc) }
        #expect(sender.ssrc == UInt32(SRTPSender.maximumSources))
    }

    // MARK: - The index

    /// RFC 3711 §3.3.1: of the three nearest rounds, the one whose index is nearest.
    @Test func indicesAreTheNearest() {
        var state: UInt64 = 7
        var wrong = 0
        for _ in 0..<50_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let last = state >> 20 & 0x3_FFFF
            let sequence = UInt16(truncatingIfNeeded: state >> 45)
            let found = SRTPReceivingKey.index(of: sequence, near: last)
            if UInt16(truncatingIfNeeded: found) != sequence { wrong += 1 }
            if last > 0x8000 ? abs(Int64(found) - Int64(last)) > 0x8000 : found >> 16 != 0 { wrong += 1 }
        }
        #expect(wrong == 0)
        #expect(SRTPReceivingKey.index(of: 0, near: 0xFFFF_FFFF_FFFF) == 0)  // the last round: the key's lifetime ends before
    }

    // MARK: - Hostile bytes

    @Test(arguments: SRTPProfile.allCases)
    func damagedPacketsNeverTrapWhileKeysChange(_ profile: SRTPProfile) throws {
        var state: UInt64 = 99
        func random() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
        let identifier = SRTPKeyIdentifier(value: 1, length: 1)
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile), terms: SRTPKeyTerms(identifier: identifier))
        var authentic = 0
        for round in 0..<3_000 {
            let now = Instant(nanoseconds: Int64(round) * 20_000_000)
            if round % 200 == 100 {
                let key = testKey(profile, seed: UInt8(round / 200))
                try receiver.rekey(
                    profile: profile, key: key, terms: SRTPKeyTerms(identifier: identifier), stragglersUntil: now + .seconds(1))
                sender = try SRTPSender(profile: profile, key: key, ssrc: 0xCAFE_BABE)
            }
            let kind: Kind = random() % 4 == 0 ? .rtcp : .rtp
            var packet = sender.sealed(kind == .rtp ? rtpPacket(sequence: UInt16(truncatingIfNeeded: round)) : rtcpPacket(), kind)
            switch random() % 4 {
            case 0: packet = Array(packet.prefix(random() % (packet.count + 1)))
            case 1 where !packet.isEmpty: packet[random() % packet.count] ^= UInt8(1 << (random() % 8))
            case 2: packet = (0..<random() % 2_100).map { _ in UInt8(truncatingIfNeeded: random()) }
            default: break
            }
            if case .authenticated = receiver.result(packet, kind, now: now) { authentic += 1 }
        }
        #expect(authentic > 500 && receiver.sourceCount <= 1)
    }
}
