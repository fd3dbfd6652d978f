import SottoBase
import Testing

@testable import Redaction

struct AudioReleaseTests {
    private static let silence: [Speaker: SilencePayload] = [
        .caller: .repeated(0xFF, bytesPerMillisecond: 8), .agent: .fixed([20: [0xF8, 0xFF, 0xFE]]),
    ]

    private func ring(frames: Int, capacity: Int = 64 * 1024, cut: Set<Int> = []) -> RecordingRing {
        let ring = RecordingRing(capacity: capacity)
        for index in 0..<frames {
            let header = RecordedFrameHeader(
                speaker: .caller, position: MediaTime(milliseconds: Int64(index) * 20), durationMilliseconds: 20, isCut: cut.contains(index)
            )
            [UInt8](repeating: UInt8(index), count: 160).withUnsafeBytes { _ = ring.push(header, $0) }
        }
        return ring
    }

    private func releaseAll(_ release: inout AudioRelease) -> [RecordedFrame] {
        var frames: [RecordedFrame] = []
        while let frame = release.next() { frames.append(frame.content) }
        return frames
    }

    @Test func framesWaitForTheSafePoint() {
        var release = AudioRelease(ring: ring(frames: 10), silence: Self.silence)
        #expect(release.next() == nil)
        release.apply(.safePoint(.caller, MediaTime(milliseconds: 59)))
        #expect(releaseAll(&release).map(\.payload.first) == [0, 1])
    }

    /// Two seconds of the agent are sealed in two seconds, whatever the caller is in the middle of.
    @Test func theAgentsFramesDoNotWaitForTheCallers() {
        let ring = RecordingRing(capacity: 64 * 1024)
        var release = AudioRelease(ring: ring, silence: Self.silence)
        for index in 0..<10 {
            for speaker in Speaker.allCases {
                let header = RecordedFrameHeader(
                    speaker: speaker, position: MediaTime(milliseconds: Int64(index) * 20), durationMilliseconds: 20, isCut: false)
                [UInt8(index)].withUnsafeBytes { _ = ring.push(header, $0) }
            }
        }
        release.apply(.safePoint(.agent, MediaTime(milliseconds: 200)))
        #expect(releaseAll(&release).map(\.header.speaker) == Array(repeating: .agent, count: 10))
        release.apply(.safePoint(.caller, MediaTime(milliseconds: 100)))
        #expect(releaseAll(&release).map(\.payload) == [[0], [1], [2], [3], [4]])
        #expect(ring.occupiedBytes(of: .agent) == 0)
    }

    @Test func aWindowSilencesEachFrameThatItTouches() {
        var release = AudioRelease(ring: ring(frames: 10, cut: [8]), silence: Self.silence)
        release.apply(
            .mask(AudioWindow(speaker: .caller, from: MediaTime(milliseconds: 59), to: MediaTime(milliseconds: 81), cause: .kind(.card))))
        release.apply(.mask(AudioWindow(speaker: .agent, from: .zero, to: MediaTime(milliseconds: 900), cause: .kind(.card))))
        release.apply(.safePoint(.caller, MediaTime(milliseconds: 500)))
        let frames = releaseAll(&release)
        #expect(frames.map(\.isSilenced) == [false, false, true, true, true, false, false, false, true, false])
        #expect(frames[3].payload == [UInt8](repeating: 0xFF, count: 160))
        #expect(release.counters == .init(released: 6, silenced: 4, lagged: 0, late: 0))
    }

    @Test func aLateWindowIsCounted() {
        var release = AudioRelease(ring: ring(frames: 10), silence: Self.silence)
        release.apply(.safePoint(.caller, MediaTime(milliseconds: 100)))
        _ = releaseAll(&release)
        release.apply(
            .mask(AudioWindow(speaker: .caller, from: MediaTime(milliseconds: 90), to: MediaTime(milliseconds: 200), cause: .kind(.card))))
        #expect(release.counters.late == 1)
    }

    @Test func aRingThatRunsFullLosesClearAudioAndNotItsTime() {
        let ring = ring(frames: 23, capacity: 4_232)  // 184 bytes a frame
        var release = AudioRelease(ring: ring, silence: Self.silence)
        let frames = releaseAll(&release)
        #expect(frames.count == 3)
        #expect(frames.allSatisfy { $0.isSilenced && $0.payload.count == 160 })
        #expect(release.counters.lagged == 3)
    }

    @Test func theEndDrainsAndSilencesWhatWasNotPassed() {
        var release = AudioRelease(ring: ring(frames: 4), silence: Self.silence)
        release.apply(.safePoint(.caller, MediaTime(milliseconds: 40)))
        var frames: [RecordedFrame] = []
        while let frame = release.drain() { frames.append(frame.content) }
        #expect(frames.map(\.isSilenced) == [false, false, true, true])
    }

    @Test func noSecretWordOfACallIsInTheReleasedAudio() {
        var talk = Conversation()
        let ring = RecordingRing(capacity: 1 << 20)
        var release = AudioRelease(ring: ring, silence: Self.silence)
        for line in [
            "hello", "my card is four one one one", "one one one one", "and then one one one one", "one one one one", "thank you bye",
        ] {
            talk.line(.caller, line)
        }
        talk.end()
        for index in 0..<Int(talk.now.milliseconds / 20) {
            let header = RecordedFrameHeader(
                speaker: .caller, position: MediaTime(milliseconds: Int64(index) * 20), durationMilliseconds: 20, isCut: false)
            [UInt8](repeating: 1, count: 160).withUnsafeBytes { _ = ring.push(header, $0) }
        }
        var frames: [RecordedFrame] = []
        for output in talk.outputs {
            release.apply(output)
            frames += releaseAll(&release)
        }
        #expect(release.counters.late == 0)
        for word in talk.spoken.flatMap(\.words) {
            let isSecret = word.text == "one" || word.text == "four"
            let over = frames.filter { $0.header.position < word.to && word.from < $0.header.position + 20 }.map(\.isSilenced)
            #expect(!over.isEmpty)
            if isSecret { #expect(!over.contains(false)) }
            if word.text == "hello" || word.text == "bye" { #expect(!over.contains(true)) }
        }
    }
}
