import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

struct VoiceTests {
    private func prompt(_ ring: AudioRing, frames: Int, tag: UInt32) {
        var tone = ToneGenerator(1_000)
        var samples = [Int16](repeating: 0, count: 320)
        for number in 0..<frames {
            samples.withUnsafeMutableBufferPointer { tone.fill($0) }
            let flags: AudioFrameHeader.Flags = number == frames - 1 ? .last : []
            samples.withUnsafeBufferPointer {
                _ = ring.push(AudioFrameHeader(position: MediaTime(milliseconds: Int64(number) * 20), flags: flags, tag: tag), $0)
            }
        }
    }

    @Test(arguments: AudioCodec.allCases, [20, 60])
    func aPromptIsHeardAndItsEndReported(_ codec: AudioCodec, _ ptime: Int) throws {
        let harness = try Harness(codec: codec)
        let playout = AudioRing(content: .own, capacity: 256)
        try harness.open(harness.peer.settings(ptime: ptime), rings: MediaRings(playout: playout))
        harness.pass(milliseconds: 600)
        #expect(energy(harness.peer.heard) < 100)
        prompt(playout, frames: 50, tag: 9)
        harness.pass(milliseconds: 900)
        #expect(!harness.events.contains { if case .promptPlayed = $0 { true } else { false } })
        harness.pass(milliseconds: 200)
        #expect(harness.events.filter { if case .promptPlayed(_, 9, _) = $0 { true } else { false } }.count == 1)
        harness.pass(milliseconds: 400)
        let tone = harness.peer.heard.suffix(16 * 1_200).prefix(16 * 600)
        #expect(share(of: 1_000, in: tone) > 0.9)
        // G.722 predicts: its silence after a tone is a faint rest of it.
        #expect(energy(harness.peer.heard.suffix(1_600)) < (codec == .g722 ? 2_000 : 100))
        #expect(playout.count == 0)
    }

    @Test func promptsInARowAreReportedInOrder() throws {
        let harness = try Harness()
        let playout = AudioRing(content: .own, capacity: 256)
        try harness.open(rings: MediaRings(playout: playout))
        for tag: UInt32 in 1...3 { prompt(playout, frames: 5, tag: tag) }
        harness.pass(milliseconds: 140)
        let tags: [UInt32] = harness.events.compactMap { if case .promptPlayed(_, let tag, _) = $0 { tag } else { nil } }
        #expect(tags == [1])
        harness.pass(milliseconds: 400)
        #expect(harness.events.compactMap { if case .promptPlayed(_, let tag, _) = $0 { tag } else { nil } } == [1, 2, 3] as [UInt32])
    }

    @Test func anInterruptedPromptFallsSilentAndIsNotReported() throws {
        let harness = try Harness()
        let playout = AudioRing(content: .own, capacity: 256)
        try harness.open(rings: MediaRings(playout: playout))
        prompt(playout, frames: 100, tag: 4)
        harness.pass(milliseconds: 400)
        harness.command(.flushPlayout(harness.id))
        harness.pass(milliseconds: 60)
        let before = harness.peer.heard.count
        harness.pass(milliseconds: 2_000)
        #expect(energy(harness.peer.heard[before...]) < 100)
        #expect(!harness.events.contains { if case .promptPlayed = $0 { true } else { false } })
    }

    // MARK: - Keys

    /// RFC 4733 §2.5.1.3: packets every 20 ms with a rising duration, three packets at the end.
    private func press(_ event: UInt8, _ harness: Harness) throws {
        let start = harness.peer.rtp.timestamp
        for step in 1...5 {
            try harness.peer.sendEvent(event, start: start, duration: UInt16(step * 160), isEnd: false, marker: step == 1)
            harness.pass(milliseconds: 20)
        }
        for _ in 0..<3 { try harness.peer.sendEvent(event, start: start, duration: 960, isEnd: true, marker: false) }
        harness.peer.rtp.skip(ticks: 960)
        harness.pass(milliseconds: 20)
    }

    @Test func aKeyIsOneEventAndItsSoundIsCut() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 40)
        try press(5, harness)
        try harness.talk(packets: 40)
        _ = harness.close()
        #expect(harness.digits.count == 1)
        #expect(harness.events.contains { if case .closed(_, let statistics) = $0 { statistics.digits == 1 } else { false } })
        let frames = readAll(ring)
        let cut = frames.filter { $0.header.flags.contains(.cut) }
        // The event's 120 ms and the guard around it.
        #expect((6...14).contains(cut.count))
        #expect(energy(cut.flatMap(\.samples)) == 0)
        let at = try #require(harness.events.compactMap { if case .digit(_, _, let at) = $0 { at } else { nil } }.first)
        #expect(cut.contains { $0.header.position <= at && at < $0.header.position + 20 })
        #expect(energy(frames[20..<30].flatMap(\.samples)) > 1_000_000)
        #expect(energy(frames.suffix(10).prefix(5).flatMap(\.samples)) > 1_000_000)
        #expect(ClearArena.keys.discard(ownedBy: harness.owner) == 1)
    }

    @Test func sixteenKeysInARow() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 10)
        for event: UInt8 in 0..<16 {
            try press(event, harness)
            try harness.talk(packets: 4)
        }
        #expect(harness.digits.count == 16)
        #expect(Set(harness.digits).count == 16)
        #expect(ClearArena.keys.discard(ownedBy: harness.owner) == 16)
    }

    @Test func aForgedKeyIsNoEvent() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 10)
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 99), ssrc: harness.peer.rtp.ssrc.value)
        try press(1, harness)
        #expect(harness.digits.isEmpty)
    }

    // MARK: - Payment mode

    @Test func paymentModeGivesSilenceOfTheSameLengthAndDigits() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 50)
        harness.command(.protect(harness.id, on: true))
        let before = readAll(ring)
        try harness.talk(packets: 50)
        try press(3, harness)
        let during = readAll(ring)
        harness.command(.protect(harness.id, on: false))
        try harness.talk(packets: 100)
        let after = readAll(ring)
        #expect(energy(before.suffix(10).flatMap(\.samples)) > 1_000_000)
        #expect(during.count >= 55)
        #expect(energy(during.flatMap(\.samples)) == 0)
        #expect(during.allSatisfy { $0.header.flags.contains(.cut) && $0.samples.count == 320 })
        // What was on its way when payment mode ended was said during it.
        #expect(energy(after.prefix(20).flatMap(\.samples)) == 0)
        #expect(energy(after.suffix(20).flatMap(\.samples)) > 1_000_000)
        let positions = (before + during + after).map(\.header.position.milliseconds)
        #expect(positions == (0..<positions.count).map { Int64($0) * 20 })
        #expect(harness.digits.count == 1)
        _ = ClearArena.keys.discard(ownedBy: harness.owner)
    }

    // MARK: - Recording

    @Test(arguments: AudioCodec.allCases)
    func bothSidesReachTheRecorder(_ codec: AudioCodec) throws {
        let harness = try Harness(codec: codec)
        let recording = RecordingRing(capacity: 1 << 20)
        try harness.open(rings: MediaRings(recording: recording))
        try harness.talk(packets: 50)
        #expect(recording.refused == 0)
        // 50 frames of ours and some 45 of the peer's have a header of 24 bytes each.
        #expect(recording.occupiedBytes > 90 * 24)
        #expect(recording.peek()?.speaker == .agent)
        #expect(recording.peek()?.position == .zero)
        _ = harness.close()
        #expect(recording.isClosed)
    }

    /// Consent comes in the middle of a call, and may be lost.
    @Test func recordingStartsAndEndsWithItsRing() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 50)
        let recording = RecordingRing(capacity: 1 << 20)
        harness.command(.setRecording(harness.id, recording))
        #expect(recording.occupiedBytes == 0)
        try harness.talk(packets: 50)
        #expect(recording.occupiedBytes > 90 * 24)
        #expect((recording.peek()?.position.milliseconds ?? 0) >= 1_000)
        harness.command(.setRecording(harness.id, nil))
        #expect(recording.isClosed)
        let end = recording.occupiedBytes
        try harness.talk(packets: 10)
        #expect(recording.occupiedBytes == end)
    }

    @Test func aRecognizerTakesOverWithoutAGapInTime() throws {
        let harness = try Harness()
        let first = AudioRing(content: .own, capacity: 256)
        let second = AudioRing(content: .own, capacity: 256)
        try harness.open(rings: MediaRings(recognizer: first))
        try harness.talk(packets: 20)
        harness.command(.setRecognizer(harness.id, second))
        #expect(first.isClosed)
        try harness.talk(packets: 20)
        let positions = (readAll(first) + readAll(second)).map(\.header.position.milliseconds)
        #expect(positions == (0..<positions.count).map { Int64($0) * 20 })
        #expect(positions.count >= 36)
    }

    @Test func aSlowRecorderCostsFramesAndNothingElse() throws {
        let harness = try Harness()
        let recording = RecordingRing(capacity: 4_096)
        let ring = AudioRing(content: .own, capacity: 4)
        try harness.open(mode: .echo, rings: MediaRings(recognizer: ring, recording: recording))
        try harness.talk(packets: 60)
        #expect(recording.refused > 0)
        #expect(ring.refused > 0)
        #expect(harness.gauges.framesRefused > 0)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(8_000)) > 0.9)
    }
}
