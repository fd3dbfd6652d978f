import SottoBase
import Synchronization
import Testing

@testable import Speech

/// flite speaks, PocketSphinx listens: the two embedded providers against each other, as a call would use them.
@Suite(.serialized, .timeLimit(.minutes(2))) struct EmbeddedSpeechTests {
    static func say(_ text: String, voice: String) async -> [Int16] {
        await withCheckedContinuation { continuation in
            let samples = Mutex<[Int16]>([])
            let box = Box(samples)
            _ = FliteSynthesizer().speak(Masked(text), voice: voice) { event in
                switch event {
                case .samples(let more): box.value.withLock { $0 += more }
                case .finished, .failed: continuation.resume(returning: box.value.withLock { $0 })
                }
            }
        }
    }

    /// Without the silence that a voice puts around a text, so that pauses have the length that a test gives them.
    static func sayClose(_ text: String) async -> [Int16] {
        let samples = await say(text, voice: "slt")
        guard let first = samples.firstIndex(where: { abs(Int($0)) > 300 }), let last = samples.lastIndex(where: { abs(Int($0)) > 300 })
        else { return samples }
        return Array(samples[first...last])
    }

    final class Box<Value: ~Copyable & Sendable>: Sendable {
        let value: Value
        init(_ value: consuming Value) { self.value = value }
    }

    /// Feeds samples as fast as the recognizer takes them, with silence around, and waits until the stream has ended.
    static func recognize(
        _ samples: [Int16], with recognizer: PocketSphinxRecognizer, lost: Range<Int>? = nil
    ) async throws -> HeardReport.Heard {
        let report = HeardReport(owner: HeardReport.uniqueOwner())
        var caller = Caller()
        let stream = try recognizer.listen(
            to: caller.ring, owner: report.owner, grant: BoundaryGrant(recipient: "pocketsphinx", rule: "test"), events: report.take)
        let all = silence(milliseconds: 500) + samples + silence(milliseconds: 1_000)
        if let lost {
            await caller.say(Array(all[..<lost.lowerBound]))
            caller.lose(lost.count)
            await caller.say(Array(all[lost.upperBound...]))
        } else {
            await caller.say(all)
        }
        caller.hangUp()
        while recognizer.streams > 0 { await Task.yield() }
        withExtendedLifetime(stream) {}
        #expect(report.leftInArena == 0)
        #expect(report.heard.disorder == 0)
        return report.heard
    }

    static let recognizer: PocketSphinxRecognizer? = try? PocketSphinxRecognizer(
        phrases: ["what are your opening hours", "pay my bill"], threads: 1,
        folder: "/tmp/sotto-speech-tests-\(UInt64.random(in: 0...UInt64.max))")

    @Test(arguments: ["slt", "kal16"])
    func conversationIsUnderstood(voice: String) async throws {
        let recognizer = try #require(Self.recognizer)
        let heard = try await Self.recognize(await Self.say("what are your opening hours on saturday", voice: voice), with: recognizer)
        #expect(heard.words.joined(separator: " ").contains("opening hours"))
        #expect(heard.failures.isEmpty)
    }

    @Test(arguments: ["slt", "kal16"])
    func cardNumberInGroupsIsReadInFull(voice: String) async throws {
        let recognizer = try #require(Self.recognizer)
        let spoken = "my card number is four one one one, one one one one, one one one one, one one one one"
        let heard = try await Self.recognize(await Self.say(spoken, voice: voice), with: recognizer)
        let digits = heard.words.filter { $0 == "one" || $0 == "four" }
        #expect(digits == ["four"] + Array(repeating: "one", count: 15))
    }

    @Test func wordTimesLieWhereTheWordWasSpoken() async throws {
        let recognizer = try #require(Self.recognizer)
        let samples = await Self.say("yes please", voice: "slt")
        let heard = try await Self.recognize(samples, with: recognizer)
        let first = try #require(heard.times.first)
        let last = try #require(heard.times.last)
        let spoken = MediaTime(milliseconds: 500)..<MediaTime(milliseconds: 500 + Int64(samples.count / 16))
        #expect(first.0 >= spoken.lowerBound - 200 && first.0 < spoken.upperBound)
        #expect(last.1 <= spoken.upperBound + 200)
        #expect(heard.processed == heard.processed.sorted())
    }

    @Test func missingAudioIsReportedAsAGap() async throws {
        let recognizer = try #require(Self.recognizer)
        let heard = try await Self.recognize([Int16](repeating: 0, count: 32_000), with: recognizer, lost: 9_600..<16_000)
        #expect(heard.gaps.map(\.0) == [MediaTime(samplesAt16kHz: 9_600)])
        #expect(heard.gaps.map(\.1) == [MediaTime(samplesAt16kHz: 16_000)])
    }

    /// More than 15 s without a long pause: cut where the caller takes a breath, so that no digit is lost at the cut.
    @Test func longSpeechIsCutInAPause() async throws {
        let recognizer = try #require(Self.recognizer)
        let group = await Self.say("four nine two seven", voice: "rms")
        let pause = silence(milliseconds: 300)
        let heard = try await Self.recognize(Array((0..<12).map { _ in group + pause }.joined()), with: recognizer)
        #expect(heard.utterances == 2)
        #expect(heard.starts.count == 2)
        #expect(heard.words == Array(repeating: ["four", "nine", "two", "seven"], count: 12).flatMap { $0 })
        #expect(heard.gaps.isEmpty)
    }

    /// Somebody talks on with short pauses: each piece is understood in its pause, and a recording does not wait for the end.
    @Test func longTalkIsUnderstoodPieceByPiece() async throws {
        let recognizer = try #require(Self.recognizer)
        let sentence = await Self.sayClose("i have a question about my last order because it has not arrived")
        let pause = silence(milliseconds: 400)
        let heard = try await Self.recognize(Array((0..<4).map { _ in sentence + pause }.joined()), with: recognizer)
        #expect(heard.pieces >= 3)
        #expect(heard.utterances == 1)
        #expect(heard.starts.count == 1)
        #expect(heard.words.count { $0 == "arrived" } == 4)
        #expect(heard.words.count { $0 == "order" } == 4)
        #expect(heard.gaps.isEmpty)
        // Four seconds of a sentence and its pause; without pieces it is more than 15.
        #expect(heard.longestWait < 6_000, "\(heard.longestWait) ms")
    }

    @Test func aNumberIsNeverCutInItsPauses() async throws {
        let recognizer = try #require(Self.recognizer)
        let start = await Self.sayClose("i would like to pay my bill and my card number is four nine two seven")
        let group = await Self.sayClose("four nine two seven")
        let pause = silence(milliseconds: 400)
        let heard = try await Self.recognize(Array(([start] + [group, group, group]).map { $0 + pause }.joined()), with: recognizer)
        #expect(heard.pieces == 0)
        #expect(heard.utterances == 1)
        #expect(heard.words.suffix(16) == Array(repeating: ["four", "nine", "two", "seven"], count: 4).flatMap { $0 }[...])
    }

    /// The dialogue's silence must come, however loud the line is.
    @Test func steadyNoiseIsOneUtteranceAtMost() async throws {
        let recognizer = try #require(Self.recognizer)
        var random: UInt64 = 1
        let noise = (0..<16_000 * 30).map { _ in
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int16(truncatingIfNeeded: Int(random >> 52) - 2_048)
        }
        let heard = try await Self.recognize(noise, with: recognizer)
        #expect(heard.starts.count <= 1)
        #expect(try #require(heard.processed.last).milliseconds >= 31_000)
    }

    @Test func stoppedStreamIsGone() async throws {
        let recognizer = try #require(Self.recognizer)
        let report = HeardReport(owner: HeardReport.uniqueOwner())
        var caller = Caller()
        let stream = try recognizer.listen(
            to: caller.ring, owner: report.owner, grant: BoundaryGrant(recipient: "pocketsphinx", rule: "test"), events: report.take)
        await caller.say(await Self.say("one two three", voice: "slt"))
        stream.stop()
        while recognizer.streams > 0 { await Task.yield() }
        let before = report.heard
        await caller.say(silence(milliseconds: 2_000))
        #expect(report.heard.processed.count == before.processed.count)
        #expect(report.heard.utterances == before.utterances)
        #expect(report.leftInArena == 0)
    }

    @Test func missingModelIsNamed() {
        #expect {
            try PocketSphinxRecognizer(paths: PocketSphinxPaths(folder: "/nonexistent"), phrases: [], threads: 1, folder: "/tmp/sotto-speech-none")
        } throws: { error in
            (error as? SpeechError)?.description.contains("/nonexistent/en-us.lm.bin") == true
        }
    }

    @Test func unknownVoiceFails() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            _ = FliteSynthesizer().speak(Masked("hello there"), voice: "nobody") { event in
                #expect(event == .failed(.unavailable("flite voice 'nobody'")))
                continuation.resume()
            }
        }
    }

    @Test func longTextIsRenderedSentenceBySentence() {
        #expect(FliteSynthesizer.sentences(of: "Thank you for calling. May we record this call? Say yes, or press 1.").count == 3)
        #expect(FliteSynthesizer.sentences(of: "...").isEmpty)
    }
}
