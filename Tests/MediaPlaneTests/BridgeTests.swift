import Audio
import DTMF
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

struct BridgeTests {
    @Test(arguments: SRTPProfile.allCases, SRTPProfile.allCases)
    func eachHearsTheOtherUnderKeysOfItsOwn(_ left: SRTPProfile, _ right: SRTPProfile) throws {
        let harness = try BridgeHarness(left: left, right: right)
        try harness.open()
        harness.bridge()
        #expect(harness.events.contains(.bridged(harness.leftID, with: harness.rightID)))
        #expect(harness.events.contains(.bridged(harness.rightID, with: harness.leftID)))
        try harness.talk(packets: 50)
        #expect(harness.left.notOurs == 0 && harness.right.notOurs == 0)
        #expect(share(of: 2_000, in: harness.left.heard.suffix(8_000)) > 0.9)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.9)
    }

    /// No transcoding: the very payloads, under another SSRC, numbers and clock, one step per packet.
    @Test func equalCodecsPassAsTheyAre() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 5)
        let before = harness.right.payloadsHeard.count
        var sent: [[UInt8]] = []
        for number in 0..<20 {
            let payload = [UInt8](repeating: UInt8(number), count: 160)
            sent.append(payload)
            harness.left.send(try harness.left.protect(payload, type: 96, ticks: 160))
            harness.pass(milliseconds: 20)
        }
        #expect(Array(harness.right.payloadsHeard[before...]) == sent)
        let headers = harness.right.headers.suffix(20)
        for (a, b) in zip(headers, headers.dropFirst()) {
            #expect(b.sequence == a.sequence &+ 1)
            #expect(b.timestamp == a.timestamp &+ 160)
            #expect(b.ssrc == a.ssrc)
        }
        #expect(headers.last?.ssrc != harness.left.rtp.ssrc)
        // Nobody listens: nothing is decoded.
        #expect(harness.stream(harness.leftID)?.pointee.isHearing == false)
    }

    @Test func aLossStaysALossAndDisorderStaysDisorder() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 5, rightTalks: false)
        let before = harness.right.headers.count
        let packets = try (0..<6).map { _ in try harness.left.makePacket() }
        for index in [0, 3, 2, 5] {  // 1 and 4 are lost
            harness.left.send(packets[index])
            harness.pass(milliseconds: 5)
        }
        let headers = harness.right.headers[before...]
        let first = try #require(headers.first)
        #expect(headers.map { $0.sequence &- first.sequence } == [0, 3, 2, 5])
        #expect(headers.map { $0.timestamp &- first.timestamp } == [0, 480, 320, 800])
    }

    @Test(arguments: [(AudioCodec.opus, AudioCodec.pcmu), (.pcma, .pcmu), (.pcmu, .opus)])
    func otherCodecsAreEncodedAgain(_ codecs: (AudioCodec, AudioCodec)) throws {
        let harness = try BridgeHarness(leftCodec: codecs.0, rightCodec: codecs.1)
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 80)
        #expect(harness.left.notOurs == 0 && harness.right.notOurs == 0)
        #expect(share(of: 2_000, in: harness.left.heard.suffix(8_000)) > 0.85)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.85)
    }

    @Test func anotherPacketTimeIsEncodedAgain() throws {
        let harness = try BridgeHarness()
        try harness.open(rightSettings: harness.right.settings(ptime: 40))
        harness.bridge()
        try harness.talk(packets: 80)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.9)
        let headers = harness.right.headers.suffix(20)
        #expect(Set(zip(headers, headers.dropFirst()).map { $1.timestamp &- $0.timestamp }) == [320])
    }

    /// A peer that keeps to another packet time than it was asked for.
    @Test func aPeersOwnPacketTimeIsEncodedAgain() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        for _ in 0..<40 {
            try harness.left.speak(samples: 640)
            harness.pass(milliseconds: 40)
        }
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.9)
        let headers = harness.right.headers.suffix(10)
        #expect(Set(zip(headers, headers.dropFirst()).map { $1.timestamp &- $0.timestamp }) == [160])
    }

    @Test func aGuardedBridgePassesWhatTheGuardLets() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge(MediaBridge(isGuarded: true))
        try harness.talk(packets: 50)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.9)
        #expect(harness.right.notOurs == 0)
    }

    // MARK: - Keys

    /// RFC 4733 events never pass as they are: the key is told, and sent anew with three ends.
    @Test(arguments: [false, true])
    func aKeyIsToldAndSentAnewToTheFarLeg(_ isGuarded: Bool) throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge(MediaBridge(isGuarded: isGuarded))
        try harness.talk(packets: 20)
        try harness.press(7, harness.left)
        try harness.talk(packets: 30)
        #expect(harness.events.filter { if case .digit(harness.leftID, _, _) = $0 { true } else { false } }.count == 1)
        #expect(harness.right.keysHeard.count == 1)
        let key = try #require(harness.right.keysHeard.first?.key)
        #expect(key.event == 7 && key.ends == 3 && key.duration == 960)
        #expect(harness.left.keysHeard.isEmpty)
        #expect(harness.right.notOurs == 0)
        // The voice goes on.
        #expect(share(of: 1_000, in: harness.right.heard.suffix(3_200)) > 0.9)
        #expect(ClearArena.keys.discard(ownedBy: harness.owner) == 1)
        let sequences = harness.right.headers.map(\.sequence)
        #expect(Set(sequences).count == sequences.count)
    }

    @Test func aLegWithoutEventsHearsTheKeysTone() throws {
        let harness = try BridgeHarness()
        var settings = harness.right.settings()
        settings.telephoneEvent = nil
        try harness.open(rightSettings: settings)
        harness.bridge()
        try harness.talk(packets: 10, leftTalks: false)
        let before = harness.right.heard.count
        try harness.press(5, harness.left)
        harness.pass(milliseconds: 400)
        let tones = harness.right.heard[before...]
        let loud = tones.filter { abs(Int($0)) > 500 }.count
        #expect(loud > 16 * 40)
        #expect(harness.right.keysHeard.isEmpty)
        ClearArena.keys.discard(ownedBy: harness.owner)
    }

    @Test func keysAreNotSentAnewWhenNotWanted() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge(MediaBridge(regeneratesDigits: false))
        try harness.talk(packets: 10)
        try harness.press(7, harness.left)
        try harness.talk(packets: 20)
        #expect(harness.right.keysHeard.isEmpty)
        ClearArena.keys.discard(ownedBy: harness.owner)
    }

    /// Payment mode: the far leg hears silence of the same length, and no key; the keys come as events. The other way goes on.
    @Test(arguments: [MediaBridge(), MediaBridge(isGuarded: true)], [AudioCodec.pcmu, .opus])
    func aProtectedLegIsSilentForTheFarLeg(_ bridge: MediaBridge, _ codec: AudioCodec) throws {
        let harness = try BridgeHarness(rightCodec: codec)
        try harness.open()
        harness.bridge(bridge)
        try harness.talk(packets: 20)
        harness.command(.protect(harness.leftID, on: true))
        try harness.talk(packets: 15)
        let before = harness.right.heard.count
        let headers = harness.right.headers.count
        try harness.talk(packets: 10)
        for digit: UInt8 in 1...4 {
            try harness.press(digit, harness.left)
            try harness.talk(packets: 3)
        }
        #expect(energy(harness.right.heard[before...]) < 100)
        #expect(harness.right.headers.count > headers + 20)
        #expect(harness.right.keysHeard.isEmpty)
        #expect(harness.events.filter { if case .digit(harness.leftID, _, _) = $0 { true } else { false } }.count == 4)
        try harness.talk(packets: 40)
        // The keys took the far leg's time: what waited meanwhile is played a little faster.
        #expect(shareNear(2_000, in: harness.left.heard.suffix(3_200)) > 0.85)
        harness.command(.protect(harness.leftID, on: false))
        try harness.talk(packets: 100)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.85)
        #expect(harness.right.keysHeard.isEmpty)
        ClearArena.keys.discard(ownedBy: harness.owner)
    }

    @Test func digitsByCommandReachThePeer() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.command(.sendDigits(harness.leftID, SecretBytes(copying: Array("12#".utf8)[...]), milliseconds: 100))
        harness.pass(milliseconds: 1_000)
        #expect(harness.left.keysHeard.map(\.key.event) == [1, 2, 11])
        #expect(harness.left.keysHeard.allSatisfy { $0.key.ends == 3 && $0.key.duration == 800 })
        #expect(harness.events.contains(.digitsSent(harness.leftID)))
        harness.command(.sendDigits(harness.leftID, SecretBytes(copying: Array("1x".utf8)[...])))
        #expect(harness.events.last == .failed(harness.leftID, .digitsRefused))
        // On a bridge, too, while the far leg talks.
        harness.bridge()
        try harness.talk(packets: 10)
        harness.command(.sendDigits(harness.rightID, SecretBytes(copying: Array("9".utf8)[...]), milliseconds: 80))
        try harness.talk(packets: 30)
        #expect(harness.right.keysHeard.map(\.key.event) == [9])
        #expect(harness.right.notOurs == 0)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(3_200)) > 0.9)
    }

    // MARK: - Changes

    /// Another key, another codec, another address in a re-INVITE of one leg: the other leg does not notice.
    @Test func eitherLegMayBeUpdated() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 20)
        var settings = harness.right.settings()
        settings.localKey = key(.aes128CMSHA1_80, 21)
        settings.remoteKey = key(.aes128CMSHA1_80, 22)
        harness.right.receiver = try SRTPReceiver(profile: .aes128CMSHA1_80, key: key(.aes128CMSHA1_80, 21))
        harness.right.sender = try SRTPSender(
            profile: .aes128CMSHA1_80, key: key(.aes128CMSHA1_80, 22), ssrc: harness.right.rtp.ssrc.value)
        harness.command(.update(harness.rightID, settings))
        let others = harness.left.headers.count
        try harness.talk(packets: 40)
        #expect(harness.right.notOurs == 0)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(6_400)) > 0.9)
        #expect(share(of: 2_000, in: harness.left.heard.suffix(6_400)) > 0.9)
        let headers = harness.left.headers[others...]
        #expect(Set(headers.map(\.ssrc)).count == 1)
    }

    @Test func holdAndResumeOnOneLeg() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 20)
        // The right leg is held by its peer: it neither hears nor is heard, and the left leg gets music.
        harness.command(.update(harness.rightID, harness.right.settings(direction: .inactive)))
        harness.command(.fill(harness.leftID, .holdMusic))
        let held = harness.right.headers.count
        harness.pass(milliseconds: 100)
        try harness.talk(packets: 10, rightTalks: false)
        let music = harness.left.heard.count
        try harness.talk(packets: 50, rightTalks: false)
        #expect(harness.right.headers.count == held)
        #expect(energy(harness.left.heard[music...]) > 10_000)
        let headers = harness.left.headers.suffix(40)
        #expect(Set(zip(headers, headers.dropFirst()).map { $1.timestamp &- $0.timestamp }) == [160])
        harness.command(.update(harness.rightID, harness.right.settings()))
        harness.command(.fill(harness.leftID, .silence))
        try harness.talk(packets: 40)
        #expect(share(of: 2_000, in: harness.left.heard.suffix(6_400)) > 0.9)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(6_400)) > 0.9)
    }

    /// Our clock towards a peer never goes back, whatever the far leg does.
    @Test func theClockOnlyGoesForwardThroughPausesAndRestarts() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 10)
        harness.pass(milliseconds: 900)  // a pause: we fill it
        try harness.talk(packets: 10)
        harness.left.rtp = RTPSender(ssrc: harness.left.rtp.ssrc, sequence: harness.left.rtp.sequence, timestamp: 4_000_000_000)
        try harness.talk(packets: 10)
        for (a, b) in zip(harness.right.headers, harness.right.headers.dropFirst()) {
            #expect(Int32(bitPattern: b.timestamp &- a.timestamp) > 0)
            #expect(Int32(bitPattern: b.timestamp &- a.timestamp) < 8_000)
            #expect(b.sequence == a.sequence &+ 1)
        }
    }

    @Test func aSilentLegsPeerStillGetsPackets() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 50, rightTalks: false)
        #expect(harness.left.headers.count > 35)
        #expect(energy(harness.left.heard) < 100)
    }

    @Test func aLegThatClosesEndsTheBridge() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 20)
        let statistics = try #require(harness.close(harness.rightID))
        #expect(statistics.packetsReceived == 20)
        #expect(statistics.packetsBridged >= 19)
        #expect(harness.events.contains(.unbridged(harness.leftID)))
        #expect(harness.stream(harness.leftID)?.pointee.far == nil)
        let before = harness.left.headers.count
        try harness.talk(packets: 20, rightTalks: false)
        #expect(harness.left.headers.count >= before + 19)
        #expect(harness.close(harness.leftID)?.packetsReceived == 40)
    }

    @Test func unbridgingGoesBackToThePrompts() throws {
        let harness = try BridgeHarness()
        let playout = AudioRing(content: .own, capacity: 64)
        let recognizer = AudioRing(content: .own, capacity: 512)
        try harness.open(leftRings: MediaRings(recognizer: recognizer, playout: playout))
        harness.bridge()
        try harness.talk(packets: 20)
        harness.command(.bridge(harness.leftID, with: nil))
        #expect(harness.events.suffix(2) == [.unbridged(harness.leftID), .unbridged(harness.rightID)])
        var tone = ToneGenerator(500)
        var samples = [Int16](repeating: 0, count: 320)
        for number in 0..<40 {
            samples.withUnsafeMutableBufferPointer { tone.fill($0) }
            samples.withUnsafeBufferPointer {
                _ = playout.push(AudioFrameHeader(position: .zero, flags: number == 39 ? .last : [], tag: 3), $0)
            }
        }
        try harness.talk(packets: 50)
        #expect(harness.events.contains { if case .promptPlayed(harness.leftID, 3, _) = $0 { true } else { false } })
        #expect(share(of: 2_000, in: harness.left.heard.suffix(8_000)) < 0.1)
        #expect(harness.right.notOurs == 0)
        // The recognizer heard without a gap all the time.
        let frames = readAll(recognizer)
        for (a, b) in zip(frames, frames.dropFirst()) { #expect(b.header.position == a.header.position + 20) }
        #expect(share(of: 1_000, in: frames.suffix(20).flatMap(\.samples)) > 0.9)
    }

    @Test func whatCannotBeBridgedIsRefused() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.command(.bridge(harness.leftID, with: harness.leftID))
        #expect(harness.events.last == .failed(harness.leftID, .notBridgeable))
        harness.command(.bridge(harness.leftID, with: MediaSessionID(77)))
        #expect(harness.events.last == .failed(harness.leftID, .notBridgeable))
        harness.command(.bridge(MediaSessionID(77), with: harness.leftID))
        #expect(harness.events.last == .failed(MediaSessionID(77), .wrongState))
        harness.command(.bridge(harness.leftID, with: nil))
        #expect(harness.events.last == .unbridged(harness.leftID))
    }

    @Test func idsBesideASessionShareItsThread() {
        for threads in 1...7 {
            for session: UInt64 in [0, 5, 1_000_003] {
                for candidate: UInt64 in [0, 1, 2, 17, 999] {
                    let id = MediaSessionID(session).beside(candidate: candidate, threads: threads)
                    #expect(id.value % UInt64(threads) == session % UInt64(threads))
                    #expect(id.value >= candidate && id.value < candidate + UInt64(threads))
                }
            }
        }
    }

    // MARK: - Recording

    @Test(arguments: [MediaBridge(), MediaBridge(isGuarded: true)], [AudioCodec.pcmu, .pcma])
    func bothSidesOfABridgeAreRecorded(_ bridge: MediaBridge, _ codec: AudioCodec) throws {
        let harness = try BridgeHarness(rightCodec: codec)
        let recording = RecordingRing(capacity: 200_000)
        try harness.open(leftRings: MediaRings(recording: recording))
        harness.bridge(bridge)
        try harness.talk(packets: 60)
        _ = harness.close(harness.leftID)
        #expect(recording.occupiedBytes(of: .caller) > 50 * 180)
        #expect(recording.occupiedBytes(of: .agent) > 45 * 180)
        #expect(recording.refused == 0)
    }

    @Test func aProtectedCallsFarLegIsRecordedAsSilence() throws {
        let harness = try BridgeHarness()
        let recording = RecordingRing(capacity: 200_000)
        try harness.open()
        harness.bridge()
        harness.command(.protect(harness.leftID, on: true))
        harness.command(.setRecording(harness.leftID, recording))
        try harness.talk(packets: 40)
        #expect(recording.peek(.caller)?.isCut == true)
        #expect(recording.peek(.agent)?.isCut == true)
    }
}
