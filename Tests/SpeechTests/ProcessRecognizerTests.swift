import Foundation
import Policy
import ProviderProcesses
import SottoBase
import Testing

@testable import Speech

/// A recognizer out of process: `Programs/tone-recognizer`, a Python program that knows the protocol from its description.
@Suite(.timeLimit(.minutes(1))) struct ProcessRecognizerTests {
    static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Programs/tone-recognizer").path

    static func recognizer(_ mode: String, _ arguments: [String] = [], limits: ProcessRecognizer.Limits = .init()) -> ProcessRecognizer {
        ProcessRecognizer(name: "tones", boundary: .onPremises, command: [program, mode] + arguments, limits: limits)
    }

    /// "yes … four one one sixteen" in tones, between silences.
    static let spoken =
        silence(milliseconds: 200) + tone(900, milliseconds: 200) + silence(milliseconds: 800)
        + [500.0, 700, 700, 1_100].flatMap { tone($0, milliseconds: 200) + silence(milliseconds: 100) } + silence(milliseconds: 800)

    private func listen(
        _ recognizer: ProcessRecognizer, to samples: [Int16] = spoken, capacity: Int = 512
    ) async throws -> HeardReport.Heard {
        let report = HeardReport(owner: HeardReport.uniqueOwner())
        var caller = Caller(capacity: capacity)
        let stream = try recognizer.listen(
            to: caller.ring, owner: report.owner, grant: BoundaryGrant(recipient: "tones", rule: "test"), events: report.take)
        await caller.say(samples) { recognizer.streams > 0 }
        caller.hangUp()
        while recognizer.streams > 0 { await Task.yield() }
        withExtendedLifetime(stream) {}
        #expect(report.leftInArena == 0)
        #expect(report.heard.late == 0)
        #expect(report.heard.disorder == 0)
        return report.heard
    }

    @Test func wordsArriveWithTheirTimes() async throws {
        let heard = try await listen(Self.recognizer("good"))
        #expect(heard.words == ["yes", "four", "one", "one", "sixteen"])
        let times = heard.times.map { [$0.0.milliseconds, $0.1.milliseconds] }
        #expect(times == [[200, 400], [1_200, 1_400], [1_500, 1_700], [1_800, 2_000], [2_100, 2_300]])
        #expect(heard.utterances == 2)
        #expect(heard.partials == 5)
        #expect(heard.starts.map(\.milliseconds) == [200, 1_200])
        #expect(try #require(heard.processed.last).milliseconds >= 2_300)
        #expect(heard.failures.isEmpty)
        #expect(heard.gaps.isEmpty)
    }

    /// The caller hangs up in the middle of a word: it is reported before the stream is over.
    @Test func lastWordIsHeardAfterTheAudioEnds() async throws {
        let heard = try await listen(Self.recognizer("good"), to: silence(milliseconds: 200) + tone(700, milliseconds: 300))
        #expect(heard.words == ["one"])
        #expect(heard.failures.isEmpty)
    }

    @Test func lostAudioIsAGap() async throws {
        let report = HeardReport(owner: HeardReport.uniqueOwner())
        let recognizer = Self.recognizer("good")
        var caller = Caller()
        let stream = try recognizer.listen(
            to: caller.ring, owner: report.owner, grant: BoundaryGrant(recipient: "tones", rule: "test"), events: report.take)
        await caller.say(silence(milliseconds: 400))
        caller.lose(16_000)
        await caller.say(tone(500, milliseconds: 200) + silence(milliseconds: 600))
        caller.hangUp()
        while recognizer.streams > 0 { await Task.yield() }
        withExtendedLifetime(stream) {}
        #expect(report.heard.gaps.map { [$0.0.milliseconds, $0.1.milliseconds] } == [[400, 1_400]])
        #expect(report.heard.times.map(\.0.milliseconds) == [1_400])
    }

    // MARK: - Programs that fail

    @Test(arguments: [
        ("dies at start", "ended by itself"), ("dies", "ended by itself"), ("exits", "ended by itself"), ("half a line", "ended by itself"),
        ("other version", "another version"), ("speaks too early", "before it was ready"), ("garbage", "not"), ("not json", "not"),
        ("huge line", "over 65536 bytes"), ("huge number", "out of range"), ("floods lines", "too many lines"),
        ("floods words", "too many lines"), ("too many words", "too many words"), ("long word", "text too long"),
        ("two words", "holds a blank"), ("unknown member", "unknown member"), ("future", "had not got"), ("outside", "outside its time"),
        ("disordered", "out of order"), ("takes back", "took back"), ("too late", "called processed"), ("gives up", "gave up"),
    ])
    func programThatFailsEndsItsStreamOnce(_ mode: String, _ reason: String) async throws {
        let recognizer = Self.recognizer(mode)
        let heard = try await listen(recognizer)
        let error = try #require(heard.failures.first?.description)
        #expect(heard.failures.count == 1)
        #expect(error.contains(reason) && error.contains("tones"), "\(error)")
        for word in ["four", "one one", "sixteen", "\"", "{"] { #expect(!error.contains(word), "\(error)") }
        #expect(recognizer.streams == 0)
    }

    @Test func programThatIsNotReadyInTimeIsEnded() async throws {
        var limits = ProcessRecognizer.Limits()
        limits.start = .milliseconds(100)
        let heard = try await listen(Self.recognizer("never ready", limits: limits))
        #expect(heard.failures == [.failed("tones was not ready in time")])
    }

    /// 40 s of audio: more than the pipe and the ring hold.
    @Test func programThatTakesNoAudioIsEndedAndDelaysNobody() async throws {
        var limits = ProcessRecognizer.Limits()
        limits.stall = .milliseconds(100)
        let heard = try await listen(Self.recognizer("takes nothing", limits: limits), to: silence(milliseconds: 40_000), capacity: 50)
        #expect(heard.failures == [.failed("tones takes no audio")])
    }

    @Test func programThatNeverAnswersIsEnded() async throws {
        var limits = ProcessRecognizer.Limits()
        limits.lag = .seconds(2)
        let heard = try await listen(Self.recognizer("mute", limits: limits), to: silence(milliseconds: 6_000))
        #expect(heard.failures == [.failed("tones fell too far behind")])
    }

    @Test func programThatIgnoresTheEndIsEnded() async throws {
        var limits = ProcessRecognizer.Limits()
        limits.finish = .milliseconds(100)
        let heard = try await listen(Self.recognizer("ignores the end", limits: limits))
        #expect(heard.words.count == 5)
        #expect(heard.failures == [.failed("tones did not finish in time")])
    }

    @Test func missingProgramIsNamed() async throws {
        let recognizer = ProcessRecognizer(name: "tones", boundary: .external, command: ["/nonexistent/recognizer"])
        let heard = try await listen(recognizer)
        #expect(heard.failures == [.unavailable("cannot start /nonexistent/recognizer: No such file or directory")])
    }

    @Test func programThatKeepsFailingIsNotStartedForEachCall() async throws {
        let recognizer = Self.recognizer("dies at start")
        for _ in 0..<3 { _ = try await listen(recognizer) }
        await #expect(throws: SpeechError.unavailable("tones failed too often; it will be tried again")) { try await listen(recognizer) }
    }

    @Test func stoppedStreamSaysNothingMore() async throws {
        let report = HeardReport(owner: HeardReport.uniqueOwner())
        let recognizer = Self.recognizer("good")
        var caller = Caller()
        let stream = try recognizer.listen(
            to: caller.ring, owner: report.owner, grant: BoundaryGrant(recipient: "tones", rule: "test"), events: report.take)
        await caller.say(silence(milliseconds: 400))
        while report.heard.processed.isEmpty { await Task.yield() }
        stream.stop()
        while recognizer.streams > 0 { await Task.yield() }
        let before = report.heard.processed.count
        await caller.say(Self.spoken)
        #expect(report.heard.processed.count == before)
        #expect(report.heard.failures.isEmpty)
    }

    @Test func placesAreLimited() throws {
        var limits = ProcessRecognizer.Limits()
        limits.streams = 1
        let recognizer = Self.recognizer("good", limits: limits)
        let ring = AudioRing(content: .clear, capacity: 4)
        let first = try recognizer.listen(
            to: ring, owner: HeardReport.uniqueOwner(), grant: BoundaryGrant(recipient: "tones", rule: "test")) { _ in }
        #expect(throws: SpeechError.overloaded) {
            try recognizer.listen(
                to: ring, owner: HeardReport.uniqueOwner(), grant: BoundaryGrant(recipient: "tones", rule: "test")) { _ in }
        }
        first.stop()
    }

    // MARK: - The boundary

    private struct Started: Decodable {
        var environment: [String]
        var descriptors: [Int]
        var folder: String
    }

    private func file() -> String { FileManager.default.temporaryDirectory.appendingPathComponent("tones-\(UUID().uuidString)").path }

    @Test func programGetsNothingOfThisProcess() async throws {
        let file = file()
        defer { try? FileManager.default.removeItem(atPath: file) }
        // A descriptor that would be inherited, because nobody marked it.
        let stray = open("/dev/null", O_RDONLY)
        defer { close(stray) }
        _ = try await listen(Self.recognizer("good", [file]))
        let started = try JSONDecoder().decode(Started.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        // Python adds LC_CTYPE itself where it has to.
        #expect(Set(started.environment).subtracting(["LC_CTYPE"]) == ["LANG", "PATH"])
        #expect(started.descriptors == [0, 1, 2])
        #expect(started.folder == "/")
    }

    private func policy(_ allowed: Set<Boundary>, _ provider: SpeechProvider) throws -> (PolicySnapshot, TenantName) {
        let name = try #require(TenantName("acme"))
        let region = try #require(Region("DE"))
        let tenant = TenantPolicy(
            name: name, region: region, trunks: [], routes: [], consent: ConsentPolicy(),
            speech: SpeechPolicy(recognizer: "tones", allowedBoundaries: allowed), dialogues: [:],
            location: SourceLocation(file: "tenants/acme.toml"))
        let policy = PolicySnapshot(
            version: "v1", tenants: [tenant], gatewayRegion: region, providers: SpeechProvider.embedded + [provider], administrators: [],
            location: SourceLocation(file: "sotto.toml"))
        return (policy, name)
    }

    /// What a call does: listens only with the grant of its tenant's policy. True when it could.
    private func call(_ allowed: Set<Boundary>, marker: String) async throws -> Bool {
        let provider = SpeechProvider(name: "tones", service: .recognizer, boundary: .onPremises)
        let (policy, tenant) = try policy(allowed, provider)
        let recognizer = Self.recognizer("good", [marker])
        let report = HeardReport(owner: HeardReport.uniqueOwner())
        var caller = Caller()
        switch policy.grantBoundary(recognizer: provider, tenant: tenant) {
        case .refused:
            await caller.say(Self.spoken)
            #expect(recognizer.streams == 0)
            return false
        case .granted(let grant):
            let stream = try recognizer.listen(to: caller.ring, owner: report.owner, grant: grant, events: report.take)
            await caller.say(Self.spoken)
            caller.hangUp()
            while recognizer.streams > 0 { await Task.yield() }
            withExtendedLifetime(stream) {}
            return report.heard.words.count == 5
        }
    }

    @Test func tenantThatAllowsInProcessOnlyNeverStartsTheProgram() async throws {
        let marker = file()
        defer { try? FileManager.default.removeItem(atPath: marker) }
        #expect(try await !call([.inProcess], marker: marker))
        #expect(!FileManager.default.fileExists(atPath: marker))
        // The same call, allowed: it is the policy that made the difference.
        #expect(try await call([.inProcess, .onPremises], marker: marker))
        #expect(FileManager.default.fileExists(atPath: marker))
    }

    @Test func grantForAnotherRecognizerIsRefused() {
        let recognizer = Self.recognizer("good")
        let ring = AudioRing(content: .clear, capacity: 4)
        #expect(throws: SpeechError.failed("policy's grant names another recognizer")) {
            try recognizer.listen(
                to: ring, owner: HeardReport.uniqueOwner(), grant: BoundaryGrant(recipient: "pocketsphinx", rule: "test")) { _ in }
        }
        #expect(recognizer.streams == 0)
    }
}
