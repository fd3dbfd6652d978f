import SRTP
import SottoBase
import Testing

/// RFC 3711 §3.3.1 and what peers make of it.
struct SRTPRekeyTests {
    private static let ssrc: UInt32 = 0xCAFE_BABE
    private let start = Instant(nanoseconds: 1_000_000_000)
    private var ssrc: UInt32 { Self.ssrc }

    /// The last index under the old key, and the next one under the new: before, over and after a wrap.
    static let places: [(last: UInt32, next: UInt32)] = [
        (100, 101), (40_000, 40_001), (65_530, 65_531), (65_535, 65_536), (65_530, 65_540), (65_540, 65_541), (65_541, 65_539),
        (65_538, 65_534), (131_071, 131_072), (131_060, 131_100), (200_000, 200_001), (262_143, 262_150),
    ]

    // MARK: - Counters

    @Test(arguments: SRTPProfile.allCases, places)
    func aKeptCounterIsFound(_ profile: SRTPProfile, _ place: (last: UInt32, next: UInt32)) throws {
        for rollover in [SRTPRollover.automatic, .keep] {
            var receiver = try heard(profile, at: place.last)
            try receiver.rekey(profile: profile, key: newKey(profile), rollover: rollover, stragglersUntil: start)
            var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
            sender.advance(to: place.next)
            expectAudio(&receiver, &sender, from: place.next, counter: place.next >> 16)
        }
    }

    @Test(arguments: SRTPProfile.allCases, places)
    func aResetCounterIsFound(_ profile: SRTPProfile, _ place: (last: UInt32, next: UInt32)) throws {
        for rollover in [SRTPRollover.automatic, .reset] {
            var receiver = try heard(profile, at: place.last)
            try receiver.rekey(profile: profile, key: newKey(profile), rollover: rollover, stragglersUntil: start)
            var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
            let next = place.next & 0xFFFF
            sender.advance(to: next)
            expectAudio(&receiver, &sender, from: next, counter: 0)
        }
    }

    /// A reset at 65,534, and the packets up to the wrap are lost: the first one that arrives has counter 1.
    @Test(arguments: SRTPProfile.allCases)
    func aResetCounterThatWrapsAtOnceIsFound(_ profile: SRTPProfile) throws {
        for last: UInt32 in [65_533, 3 * 65_536 + 65_533] {
            var receiver = try heard(profile, at: last)
            try receiver.rekey(profile: profile, key: newKey(profile), stragglersUntil: start)
            var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
            sender.advance(to: 65_538)
            expectAudio(&receiver, &sender, from: 65_538, counter: 1)
        }
    }

    @Test func aSettingOtherThanThePeersRefuses() throws {
        for (setting, next) in [(SRTPRollover.keep, UInt32(5)), (.reset, 65_541)] {
            var receiver = try heard(.aeadAES256GCM, at: 65_540)
            try receiver.rekey(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), rollover: setting, stragglersUntil: start)
            var sender = try SRTPSender(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), ssrc: ssrc)
            sender.advance(to: next)
            #expect(receiver.result(sender.sealed(rtpPacket(sequence: UInt16(next & 0xFFFF)))) == .unauthenticated)
        }
    }

    /// The first authentic packet decides: afterwards the other reading is not tried.
    @Test(arguments: SRTPProfile.allCases)
    func theReceiverLocksToWhatAuthenticates(_ profile: SRTPProfile) throws {
        var receiver = try heard(profile, at: 65_600)
        try receiver.rekey(profile: profile, key: newKey(profile), stragglersUntil: start)
        var resetting = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
        var keeping = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
        keeping.advance(to: 65_700)
        resetting.advance(to: 100)
        #expect(receiver.opened(resetting.sealed(rtpPacket(sequence: 100))).count == 172)
        #expect(receiver.result(keeping.sealed(rtpPacket(sequence: 164))) == .unauthenticated)
        #expect(receiver.rolloverCounter(of: ssrc) == 0)
    }

    /// RFC 3711 §3.3, steps 5–7: what is not authentic leaves no trace, in any of the guesses.
    @Test(arguments: SRTPProfile.allCases)
    func forgedPacketsDecideNothing(_ profile: SRTPProfile) throws {
        var receiver = try heard(profile, at: 65_540)
        try receiver.rekey(profile: profile, key: newKey(profile), stragglersUntil: start)
        for sequence in stride(from: UInt16(0), to: 65_000, by: 997) {
            #expect(receiver.result(rtpPacket(sequence: sequence)) == .unauthenticated)
        }
        #expect(receiver.sourceCount == 0)
        #expect(receiver.rolloverCounter(of: ssrc) == nil)
        var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
        sender.advance(to: 65_541)
        expectAudio(&receiver, &sender, from: 65_541, counter: 1)
    }

    /// Each SSRC decides for itself (RFC 3711 §3.2.3: a cryptographic context each).
    @Test func everySourceKeepsItsOwnCounter() throws {
        let profile = SRTPProfile.aes128CMSHA1_80
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile))
        for (source, index) in [(UInt32(1), UInt32(65_536)), (2, 3 * 65_536), (3, 7)] {
            var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: source)
            feed(&receiver, &sender, to: index)
        }
        try receiver.rekey(profile: profile, key: newKey(profile), rollover: .keep, stragglersUntil: start)
        for (source, index) in [(UInt32(1), UInt32(65_537)), (2, 3 * 65_536 + 1), (3, 8), (4, 0)] {
            var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: source)
            sender.advance(to: index)
            let packet = rtpPacket(sequence: UInt16(index & 0xFFFF), ssrc: source)
            #expect(receiver.opened(sender.sealed(packet)) == packet, "source \(source)")
            #expect(receiver.rolloverCounter(of: source) == index >> 16)
        }
    }

    /// The SRTCP index is on the wire: kept or reset, it is understood before any RTP has decided.
    @Test func reportsComeBeforeAudio() throws {
        for kept in [true, false] {
            var receiver = try heard(.aeadAES256GCM, at: 65_600)
            var old = try spoken(.aeadAES256GCM, at: 65_600)
            for _ in 0..<5 { #expect(receiver.opened(old.sealed(rtcpPacket(), .rtcp), .rtcp) == rtcpPacket()) }
            try receiver.rekey(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), stragglersUntil: start)
            var sender = try SRTPSender(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), ssrc: ssrc)
            if kept { for _ in 0..<5 { _ = sender.sealed(rtcpPacket(), .rtcp) } }
            let report = sender.sealed(rtcpPacket(), .rtcp)
            #expect(receiver.opened(report, .rtcp) == rtcpPacket())
            #expect(receiver.result(report, .rtcp) == .replayed)
            sender.advance(to: 65_601)
            expectAudio(&receiver, &sender, from: 65_601, counter: 1)
        }
    }

    /// RFC 4568 §7.1.4: a changed address or port starts from zero.
    @Test(arguments: SRTPProfile.allCases)
    func aChangedAddressStartsFromZero(_ profile: SRTPProfile) throws {
        var receiver = try heard(profile, at: 65_600)
        try receiver.restart(profile: profile, key: newKey(profile), stragglersUntil: start)
        var keeping = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
        keeping.advance(to: 65_601)
        #expect(receiver.result(keeping.sealed(rtpPacket(sequence: 65))) == .unauthenticated)
        var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
        sender.advance(to: 40)
        expectAudio(&receiver, &sender, from: 40, counter: 0)
    }

    @Test func twoKeysInARowKeepTheCounter() throws {
        let profile = SRTPProfile.aes256CMSHA1_80
        var receiver = try heard(profile, at: 65_600)
        try receiver.rekey(profile: profile, key: testKey(profile, seed: 50), stragglersUntil: start)
        try receiver.rekey(profile: profile, key: newKey(profile), stragglersUntil: start)
        var sender = try SRTPSender(profile: profile, key: newKey(profile), ssrc: ssrc)
        sender.advance(to: 65_650)
        expectAudio(&receiver, &sender, from: 65_650, counter: 1)
    }

    @Test func aKeyOfAnotherLengthChangesNothing() throws {
        var receiver = try heard(.aeadAES256GCM, at: 70_000)
        var old = try spoken(.aeadAES256GCM, at: 70_000)
        let short = secret([1, 2, 3])
        do {
            try receiver.rekey(profile: .aeadAES256GCM, key: short, stragglersUntil: start)
            Issue.record("a short key was taken")
        } catch {
            #expect(error == .keyLength(expected: 44, actual: 3))
        }
        expectAudio(&receiver, &old, from: 70_001, counter: 1)
    }

    // MARK: - Stragglers

    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func packetsUnderTheOldKeyAreToldForAWhile(_ profile: SRTPProfile, _ kind: Kind) throws {
        var receiver = try heard(profile, at: 65_600)
        var old = try spoken(profile, at: 65_600)
        let late = (1...4).map { old.sealed(kind == .rtp ? rtpPacket(sequence: 64 + $0) : rtcpPacket(), kind) }
        try receiver.rekey(
            profile: .aeadAES128GCM, key: newKey(.aeadAES128GCM), stragglersUntil: start + SRTPReceiver.usualStragglerTime)
        let (result, packet) = receiver.unprotect(late[0], kind, now: start)
        #expect(result == .straggler(length: packet.count))
        #expect(packet == (kind == .rtp ? rtpPacket(sequence: 65) : rtcpPacket()))
        #expect(receiver.result(late[0], kind, now: start) != .straggler(length: packet.count))  // once only

        // The new key is in use, and a packet was overtaken.
        var sender = try SRTPSender(profile: .aeadAES128GCM, key: newKey(.aeadAES128GCM), ssrc: ssrc)
        sender.advance(to: 65_604)
        let fresh = rtpPacket(sequence: 68)
        #expect(receiver.unprotect(sender.sealed(fresh), now: start) == (.authenticated(length: fresh.count), fresh))
        #expect(receiver.result(late[1], kind, now: start + .seconds(1)) == .straggler(length: packet.count))
        #expect(receiver.rolloverCounter(of: ssrc) == 1 && receiver.sourceCount == 1)

        // Their time is over, for good.
        #expect(receiver.unprotect(late[2], kind, now: start + .seconds(2)).1.isEmpty)
        #expect(receiver.unprotect(late[3], kind, now: start).1.isEmpty)
    }

    /// Late packets are opened with the old replay list and touch nothing of the new key's.
    @Test func stragglersTouchNoState() throws {
        var receiver = try heard(.aeadAES256GCM, at: 65_600)
        var old = try spoken(.aeadAES256GCM, at: 65_600)
        let late = (0..<50).map { old.sealed(rtpPacket(sequence: UInt16(65 + $0))) }
        try receiver.rekey(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), stragglersUntil: start + .seconds(2))
        for packet in late { #expect(receiver.result(packet, now: start) == .straggler(length: 172)) }
        #expect(receiver.sourceCount == 0 && receiver.rolloverCounter(of: ssrc) == nil)
        var sender = try SRTPSender(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), ssrc: ssrc)
        sender.advance(to: 10)  // the peer has reset its counter and its numbers
        expectAudio(&receiver, &sender, from: 10, counter: 0)
    }

    @Test func theOldKeyOpensNoNewSource() throws {
        var receiver = try heard(.aeadAES256GCM, at: 100)
        var stranger = try SRTPSender(profile: .aeadAES256GCM, key: testKey(.aeadAES256GCM), ssrc: 7)
        try receiver.rekey(profile: .aeadAES256GCM, key: newKey(.aeadAES256GCM), stragglersUntil: start + .seconds(2))
        #expect(receiver.result(stranger.sealed(rtpPacket(sequence: 1, ssrc: 7)), now: start) == .unauthenticated)
        #expect(receiver.result(stranger.sealed(rtcpPacket(ssrc: 7), .rtcp), .rtcp, now: start) == .unauthenticated)
    }

    @Test func theSameKeyKeepsItsCounterOverTheWrap() throws {
        // A re-INVITE with the same key leaves the receiver alone: minute 22, and 44.
        var receiver = try heard(.aes128CMSHA1_80, at: 65_500)
        var sender = try spoken(.aes128CMSHA1_80, at: 65_500)
        for index: UInt32 in stride(from: 65_501, to: 131_200, by: 7) {
            let packet = rtpPacket(sequence: UInt16(index & 0xFFFF), payload: 20)
            guard receiver.opened(sender.sealed(packet)) == packet else {
                Issue.record("lost at \(index)")
                return
            }
        }
        #expect(receiver.rolloverCounter(of: ssrc) == 2)
    }

    // MARK: - Support

    private func newKey(_ profile: SRTPProfile) -> SecretBytes { testKey(profile, seed: 9) }

    /// A receiver that heard the source up to `last`.
    private func heard(_ profile: SRTPProfile, at last: UInt32) throws -> SRTPReceiver {
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: ssrc)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile))
        feed(&receiver, &sender, to: last)
        return receiver
    }

    /// The source, after `last`.
    private func spoken(_ profile: SRTPProfile, at last: UInt32) throws -> SRTPSender {
        var sender = try SRTPSender(profile: profile, key: testKey(profile), ssrc: ssrc)
        sender.advance(to: last + 1)
        return sender
    }

    private func feed(_ receiver: inout SRTPReceiver, _ sender: inout SRTPSender, to last: UInt32) {
        var index: UInt32 = 0
        while true {
            let packet = rtpPacket(sequence: UInt16(index & 0xFFFF), ssrc: sender.ssrc, payload: 4)
            #expect(receiver.opened(sender.sealed(packet)) == packet)
            if index == last { return }
            index = min(index + 0x6000, last)
        }
    }

    private func expectAudio(_ receiver: inout SRTPReceiver, _ sender: inout SRTPSender, from first: UInt32, counter: UInt32) {
        for index in first..<first + 5 {
            let packet = rtpPacket(sequence: UInt16(index & 0xFFFF))
            let sealed = sender.sealed(packet)
            #expect(receiver.opened(sealed) == packet, "index \(index)")
            #expect(receiver.result(sealed) == .replayed)
        }
        #expect(receiver.rolloverCounter(of: ssrc) == (first + 4) >> 16)
        #expect(counter == first >> 16)
    }
}
