import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

struct KeyChangeTests {
    private static let profile = SRTPProfile.aes128CMSHA1_80

    private func settings(_ harness: Harness, local: UInt8 = 1, remote: UInt8 = 2, terms: SRTPKeyTerms = SRTPKeyTerms()) -> MediaSettings {
        var settings = harness.peer.settings()
        settings.keying = .sdes(
            SDESKeys(
                profile: harness.peer.profile, localKey: key(harness.peer.profile, local), remoteKey: key(harness.peer.profile, remote),
                remoteTerms: terms))
        return settings
    }

    // MARK: - Our key

    /// With our key our SSRC changes as well, so that no peer has to guess whether our rollover counter was kept (RFC 3711 §3.3.1): both a
    /// receiver that starts anew and one that goes on open our packets, even when our numbers had wrapped.
    @Test(arguments: [SRTPProfile.aes128CMSHA1_80, .aeadAES256GCM], [true, false])
    func ourNewKeyComesWithANewSource(_ profile: SRTPProfile, _ peerKeepsCounters: Bool) throws {
        let harness = try Harness(profile: profile)
        try harness.open()
        let stream = try #require(harness.worker.streamForTests(harness.id))
        stream.pointee.rtp.skip(packets: 65_530 &- stream.pointee.rtp.sequence)
        try harness.talk(packets: 20)
        let old = try #require(harness.peer.headers.last)
        #expect(old.sequence < 100)
        let own = key(profile, 21)
        if peerKeepsCounters {
            let receiver = try SRTPReceiver(profile: profile, key: own, continuing: harness.peer.receiver, rollover: .keep)
            harness.peer.receiver = receiver
        } else {
            harness.peer.receiver = try SRTPReceiver(profile: profile, key: own)
        }
        harness.command(.update(harness.id, settings(harness, local: 21)))
        let before = harness.peer.headers.count
        try harness.talk(packets: 20)
        #expect(harness.peer.notOurs == 0)
        let new = harness.peer.headers[before...]
        #expect(new.count >= 19)
        #expect(new.allSatisfy { $0.ssrc != old.ssrc && $0.sequence < 0x8000 + 20 })
        #expect(Set(new.map(\.ssrc)).count == 1)
        #expect(new.first?.marker == true)
        // The clock goes on: the peer's jitter buffer needs no guess either.
        #expect((new.first?.timestamp ?? 0) &- old.timestamp <= 320)
    }

    // MARK: - The peer's key

    /// RFC 3711 §3.3.1: `keep`, `reset` and both tried, for peers that keep their counter and peers that reset it, on either side of the
    /// wrap of their numbers.
    @Test(
        arguments: [
            (RekeyRollover.automatic, true), (.automatic, false), (.keep, true), (.reset, false),
        ], [65_300, 65_520])
    func aPeersNewKeyIsFoundOnBothSidesOfTheWrap(_ way: (RekeyRollover, keeps: Bool), _ start: UInt16) throws {
        for wrapsBefore in [true, false] {
            let harness = try Harness(profile: Self.profile)
            try harness.open()
            harness.peer.rtp.skip(packets: start - harness.peer.rtp.sequence)
            try harness.talk(packets: wrapsBefore ? 65_560 - Int(start) : 10)
            var new = settings(harness, remote: 31)
            new.rekeyRollover = way.0
            harness.command(.update(harness.id, new))
            let ssrc = harness.peer.rtp.ssrc.value
            harness.peer.sender = try SRTPSender(profile: Self.profile, key: key(Self.profile, 31), ssrc: ssrc)
            if way.keeps, wrapsBefore {
                // A sender that keeps its counter: it sealed a round of numbers before.
                for sequence: UInt16 in [0, 30_000, 60_000, 65_535] {
                    _ = try harness.peer.seal(
                        RTPHeader(payloadType: PayloadType(96), sequence: sequence, timestamp: 0, ssrc: harness.peer.rtp.ssrc), [0xFF])
                }
            }
            let packets = wrapsBefore ? 60 : 65_560 - Int(start)
            try harness.talk(packets: packets)
            let statistics = try #require(harness.close())
            #expect(statistics.unauthenticated == 0)
            #expect(statistics.replayed == 0)
            #expect(statistics.packetsLost == 0)
        }
    }

    @Test(arguments: [(RekeyRollover.keep, false), (.reset, true)])
    func aSettingOtherThanThePeersIsSilent(_ way: (RekeyRollover, keeps: Bool)) throws {
        let harness = try Harness(profile: Self.profile)
        try harness.open()
        harness.peer.rtp.skip(packets: 65_520 - harness.peer.rtp.sequence)
        try harness.talk(packets: 40)
        var new = settings(harness, remote: 31)
        new.rekeyRollover = way.0
        harness.command(.update(harness.id, new))
        harness.peer.sender = try SRTPSender(profile: Self.profile, key: key(Self.profile, 31), ssrc: harness.peer.rtp.ssrc.value)
        if way.keeps {
            for sequence: UInt16 in [0, 30_000, 60_000, 65_535] {
                _ = try harness.peer.seal(
                    RTPHeader(payloadType: PayloadType(96), sequence: sequence, timestamp: 0, ssrc: harness.peer.rtp.ssrc), [0xFF])
            }
        }
        try harness.talk(packets: 20)
        let statistics = try #require(harness.close())
        #expect(statistics.packetsReceived == 40)
        #expect(statistics.unauthenticated == 20)
    }

    // MARK: - Terms of a key (RFC 4568 §6.1)

    /// RFC 3711 §3.1: the identifier stands before the tag.
    private func mark(_ packet: [UInt8]) -> [UInt8] { Array(packet.dropLast(10)) + [0, 0, 0, 5] + packet.suffix(10) }

    @Test func packetsWithTheAnnouncedIdentifierAreHeard() throws {
        let harness = try Harness(profile: Self.profile)
        let terms = SRTPKeyTerms(identifier: SRTPKeyIdentifier(value: 5, length: 4))
        try harness.open(settings(harness, terms: terms))
        for _ in 0..<10 {
            harness.peer.send(mark(try harness.peer.makePacket()))
            harness.pass(milliseconds: 20)
        }
        // A peer that announces it and does not send it (there are such) is heard as well.
        try harness.talk(packets: 10)
        // The same key without an identifier: numbers and replay list go on.
        let last = try harness.peer.makePacket()
        harness.peer.send(last)
        harness.command(.update(harness.id, settings(harness)))
        harness.peer.send(last)
        harness.peer.send(mark(try harness.peer.makePacket()))
        harness.turn()
        try harness.talk(packets: 5)
        let statistics = try #require(harness.close())
        #expect(statistics.packetsReceived == 26)
        #expect(statistics.replayed == 1)
        #expect(statistics.unauthenticated == 1)
    }

    @Test func aKeyBeyondItsLifetimeIsToldOnce() throws {
        let harness = try Harness(profile: Self.profile)
        try harness.open(settings(harness, terms: SRTPKeyTerms(lifetime: 20)))
        try harness.talk(packets: 30)
        #expect(harness.events.filter { $0 == .keyExhausted(harness.id) }.count == 1)
        // A new key serves again.
        harness.command(.update(harness.id, settings(harness, remote: 31)))
        harness.peer.sender = try SRTPSender(profile: Self.profile, key: key(Self.profile, 31), ssrc: harness.peer.rtp.ssrc.value)
        try harness.talk(packets: 10)
        #expect(harness.close()?.packetsReceived == 30)
    }

    // MARK: - Collisions (RFC 3550 §8.2)

    /// The peer has chosen our SSRC: BYE for it, and we go on under another.
    @Test(arguments: [false, true])
    func aCollisionMovesOurSourceAndSaysBye(_ byReport: Bool) throws {
        let harness = try Harness()
        try harness.open()
        harness.pass(milliseconds: 200)
        let ours = try #require(harness.peer.headers.last)
        harness.peer.rtp = RTPSender(ssrc: ours.ssrc, sequence: 5, timestamp: 7)
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 2), ssrc: ours.ssrc.value)
        if byReport { try harness.peer.sendReport() } else { try harness.peer.speak() }
        harness.turn()
        #expect(harness.peer.reportsHeard.last == "BYE")
        try harness.talk(packets: 20)
        let new = try #require(harness.peer.headers.last)
        #expect(new.ssrc != ours.ssrc)
        #expect(harness.peer.notOurs == 0)
        #expect(harness.peer.headers.suffix(19).allSatisfy { $0.ssrc == new.ssrc })
        #expect(harness.peer.headers.first { $0.ssrc == new.ssrc }?.marker == true)
        #expect(harness.close()?.unauthenticated == 0)
    }

    @Test func aPeerThatFollowsOurSourceMovesItSeldom() throws {
        let harness = try Harness()
        try harness.open()
        harness.pass(milliseconds: 100)
        var sources: Set<SSRC> = []
        for _ in 0..<100 {
            guard let ours = harness.peer.headers.last?.ssrc else { throw PeerFault() }
            sources.insert(ours)
            harness.peer.rtp = RTPSender(ssrc: ours, sequence: 5, timestamp: 7)
            harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 2), ssrc: ours.value)
            try harness.talk(packets: 5)
        }
        // Ten seconds.
        #expect((2...3).contains(sources.count))
        #expect(harness.peer.notOurs == 0)
    }

    /// Without our peer's key nobody moves it.
    @Test func aForgedCollisionMovesNothing() throws {
        let harness = try Harness()
        try harness.open()
        harness.pass(milliseconds: 200)
        let ours = try #require(harness.peer.headers.last)
        harness.peer.rtp = RTPSender(ssrc: ours.ssrc, sequence: 5, timestamp: 7)
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 99), ssrc: ours.ssrc.value)
        try harness.talk(packets: 10)
        try harness.peer.sendReport()
        harness.pass(milliseconds: 100)
        #expect(harness.peer.headers.last?.ssrc == ours.ssrc)
        #expect(!harness.peer.reportsHeard.contains("BYE"))
    }
}
