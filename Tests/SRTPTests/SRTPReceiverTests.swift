import SRTP
import SottoBase
import Testing

struct SRTPReceiverTests {
    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func opensWhatTheSenderSealed(_ profile: SRTPProfile, _ kind: Kind) throws {
        var sender = try makeSender(profile)
        var receiver = try makeReceiver(profile)
        let packet = kind == .rtp ? rtpPacket(sequence: 1) : rtcpPacket()
        let sealed = sender.sealed(packet, kind)
        #expect(sealed.count == packet.count + (kind == .rtp ? profile.rtpOverhead : profile.rtcpOverhead))
        #expect(receiver.opened(sealed, kind) == packet)
    }

    /// RFC 3711 §3.3.2.
    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func secondCopyIsAReplay(_ profile: SRTPProfile, _ kind: Kind) throws {
        var sender = try makeSender(profile)
        var receiver = try makeReceiver(profile)
        let sealed = sender.sealed(kind == .rtp ? rtpPacket(sequence: 1) : rtcpPacket(), kind)
        #expect(receiver.result(sealed, kind) != .replayed)
        #expect(receiver.result(sealed, kind) == .replayed)
    }

    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func everyTamperedByteIsRefusedAndChangesNothing(_ profile: SRTPProfile, _ kind: Kind) throws {
        var sender = try makeSender(profile)
        var receiver = try makeReceiver(profile)
        let packet = kind == .rtp ? rtpPacket(sequence: 500, payload: 20) : rtcpPacket()
        let sealed = sender.sealed(packet, kind)
        for index in sealed.indices {
            for bit: UInt8 in [0x01, 0x80] {
                var tampered = sealed
                tampered[index] ^= bit
                if case .authenticated = receiver.result(tampered, kind) { Issue.record("byte \(index) is not protected") }
            }
        }
        #expect(receiver.sourceCount == 0)
        #expect(receiver.opened(sealed, kind) == packet)
    }

    @Test(arguments: SRTPProfile.allCases)
    func anotherKeyOpensNothing(_ profile: SRTPProfile) throws {
        var sender = try SRTPSender(profile: profile, key: testKey(profile, seed: 2), ssrc: 0xCAFE_BABE)
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile))
        #expect(receiver.result(sender.sealed(rtpPacket(sequence: 1))) == .unauthenticated)
        #expect(receiver.result(sender.sealed(rtcpPacket(), .rtcp), .rtcp) == .unauthenticated)
    }

    /// RFC 3711 §4.3.1: labels 0–2 for SRTP, 3–5 for SRTCP, so that one cannot pass as the other.
    @Test(arguments: SRTPProfile.allCases)
    func rtcpIsNotSealedWithTheKeysOfRTP(_ profile: SRTPProfile) throws {
        var sender = try makeSender(profile)
        var receiver = try makeReceiver(profile)
        #expect(receiver.result(sender.sealed(rtcpPacket() + [UInt8](repeating: 0, count: 24), .rtcp), .rtp) == .unauthenticated)
        #expect(receiver.result(sender.sealed(rtpPacket(sequence: 1), .rtp), .rtcp) == .unauthenticated)
    }

    // MARK: - The wrap

    /// RFC 3711 §3.3.1: at 50 packets/s the sequence number wraps within 22 minutes; the counter must follow on both sides.
    @Test(arguments: SRTPProfile.allCases)
    func audioGoesOnOverTheWrapTwice(_ profile: SRTPProfile) throws {
        var sender = try makeSender(profile)
        var receiver = try makeReceiver(profile)
        var index: UInt32 = 65_000
        while index < 3 * 65_536 + 100 {
            let packet = rtpPacket(sequence: UInt16(truncatingIfNeeded: index), payload: 20)
            guard receiver.opened(sender.sealed(packet)) == packet else {
                Issue.record("lost at index \(index)")
                return
            }
            index += index % 65_536 > 500 && index % 65_536 < 65_000 ? 97 : 1
        }
        #expect(receiver.rolloverCounter(of: 0xCAFE_BABE) == 3)
        #expect(sender.rolloverCounter == 3)
    }

    @Test(arguments: SRTPProfile.allCases)
    func packetsOvertakeEachOtherAcrossTheWrap(_ profile: SRTPProfile) throws {
        var sender = try makeSender(profile)
        var receiver = try makeReceiver(profile)
        let sealed = (UInt32(65_530)..<65_542).map { sender.sealed(rtpPacket(sequence: UInt16(truncatingIfNeeded: $0))) }
        for index in [0, 7, 5, 6, 1, 11, 2, 3, 4, 10, 9, 8] {
            #expect(receiver.opened(sealed[index]).count == 172, "packet \(index)")
        }
        for packet in sealed { #expect(receiver.result(packet) == .replayed) }
    }

    @Test func forgedPacketsAcrossTheWrapDoNotMoveTheCounter() throws {
        var sender = try makeSender(.aeadAES256GCM)
        var receiver = try makeReceiver(.aeadAES256GCM)
        _ = receiver.opened(sender.sealed(rtpPacket(sequence: 65_000)))
        for sequence in stride(from: UInt16(0), to: 65_000, by: 97) {
            #expect(receiver.result(rtpPacket(sequence: sequence)) != .authenticated(length: 156))
        }
        #expect(receiver.rolloverCounter(of: 0xCAFE_BABE) == 0)
        #expect(receiver.opened(sender.sealed(rtpPacket(sequence: 65_001))).count == 172)
    }

    // MARK: - The window

    /// RFC 3711 §3.3.2: at least 64; ours holds `replayWindow`.
    @Test func latePacketsAreTakenWithinTheWindowAndRefusedBehindIt() throws {
        var sender = try makeSender(.aeadAES128GCM)
        var receiver = try makeReceiver(.aeadAES128GCM)
        let window = UInt16(SRTPReceiver.replayWindow)
        let tooOld = sender.sealed(rtpPacket(sequence: 1))
        let justInside = sender.sealed(rtpPacket(sequence: 2))
        let newest = sender.sealed(rtpPacket(sequence: window + 1))
        #expect(receiver.opened(newest).count == 172)
        #expect(receiver.result(tooOld) == .replayed)
        #expect(receiver.opened(justInside).count == 172)
        #expect(receiver.result(justInside) == .replayed)
    }

    // MARK: - Sources

    @Test func eachSourceHasItsOwnCounterAndReplayList() throws {
        let key = testKey(.aeadAES256GCM)
        var receiver = try SRTPReceiver(profile: .aeadAES256GCM, key: key)
        var first = try SRTPSender(profile: .aeadAES256GCM, key: key, ssrc: 1)
        var second = try SRTPSender(profile: .aeadAES256GCM, key: key, ssrc: 2)
        #expect(receiver.opened(first.sealed(rtpPacket(sequence: 65_535, ssrc: 1))).count == 172)
        #expect(receiver.opened(first.sealed(rtpPacket(sequence: 0, ssrc: 1))).count == 172)
        #expect(receiver.opened(second.sealed(rtpPacket(sequence: 0, ssrc: 2))).count == 172)
        #expect(receiver.rolloverCounter(of: 1) == 1)
        #expect(receiver.rolloverCounter(of: 2) == 0)
    }

    @Test func aPeerCannotOpenSourcesWithoutEnd() throws {
        let key = testKey(.aeadAES256GCM)
        var receiver = try SRTPReceiver(profile: .aeadAES256GCM, key: key)
        for ssrc in 1...UInt32(SRTPReceiver.maximumSources) {
            var sender = try SRTPSender(profile: .aeadAES256GCM, key: key, ssrc: ssrc)
            #expect(receiver.opened(sender.sealed(rtpPacket(sequence: 1, ssrc: ssrc))).count == 172)
        }
        var late = try SRTPSender(profile: .aeadAES256GCM, key: key, ssrc: 99)
        #expect(receiver.result(late.sealed(rtpPacket(sequence: 1, ssrc: 99))) == .tooManySources)
        #expect(receiver.result(late.sealed(rtcpPacket(ssrc: 99), .rtcp), .rtcp) == .tooManySources)
        #expect(receiver.sourceCount == SRTPReceiver.maximumSources)
        var known = try SRTPSender(profile: .aeadAES256GCM, key: key, ssrc: 1)
        #expect(receiver.opened(known.sealed(rtpPacket(sequence: 2, ssrc: 1))).count == 172)
    }

    @Test func forgedSourcesAreNotLearnt() throws {
        var receiver = try SRTPReceiver(profile: .aes128CMSHA1_80, key: testKey(.aes128CMSHA1_80))
        for ssrc in 1...UInt32(100) { #expect(receiver.result(rtpPacket(sequence: 1, ssrc: ssrc)) == .unauthenticated) }
        #expect(receiver.sourceCount == 0)
    }

    // MARK: - Hostile bytes

    @Test(arguments: SRTPProfile.allCases, Kind.allCases)
    func everyLengthOfEveryFirstByteIsHandled(_ profile: SRTPProfile, _ kind: Kind) throws {
        var receiver = try SRTPReceiver(profile: profile, key: testKey(profile))
        for first in UInt8.min...UInt8.max {
            for length in [0, 1, 2, 4, 7, 8, 11, 12, 13, 15, 16, 27, 28, 29, 72, 76, 80, 200] {
                let bytes = (0..<length).map { $0 == 0 ? first : 0xFF }
                if case .authenticated = receiver.result(bytes, kind) { Issue.record("authentic out of nothing") }
            }
        }
        #expect(receiver.result([UInt8](repeating: 0x80, count: 3_000), kind) == .malformed)
    }

    @Test func aHeaderExtensionLongerThanThePacketIsMalformed() throws {
        var receiver = try SRTPReceiver(profile: .aes128CMSHA1_80, key: testKey(.aes128CMSHA1_80))
        var packet = rtpPacket(sequence: 1)
        packet[0] = 0x90
        packet[14] = 0xFF
        packet[15] = 0xFF
        #expect(receiver.result(packet) == .malformed)
    }

    // MARK: - Keys

    @Test(arguments: SRTPProfile.allCases)
    func aKeyOfAnotherLengthIsRefused(_ profile: SRTPProfile) {
        for length in [0, profile.keyAndSaltLength - 1, profile.keyAndSaltLength + 1] {
            let key = secret([UInt8](repeating: 1, count: length))
            let fault = SRTPError.keyLength(expected: profile.keyAndSaltLength, actual: length)
            #expect(throws: fault) { _ = try SRTPReceiver(profile: profile, key: key) }
            #expect(throws: fault) { _ = try SRTPSender(profile: profile, key: key, ssrc: 1) }
        }
    }

    private func makeSender(_ profile: SRTPProfile) throws -> SRTPSender {
        try SRTPSender(profile: profile, key: testKey(profile), ssrc: 0xCAFE_BABE)
    }

    private func makeReceiver(_ profile: SRTPProfile) throws -> SRTPReceiver {
        try SRTPReceiver(profile: profile, key: testKey(profile))
    }
}
