import Glibc
import SottoBase
import Testing

@testable import ProviderProcesses

@Suite(.serialized, .timeLimit(.minutes(1))) struct ChildProcessTests {
    private func read(from child: borrowing ChildProcess, until end: (String) -> Bool) async -> String {
        var text = ""
        while true {
            var bytes = [UInt8](repeating: 0, count: 256)
            switch bytes.withUnsafeMutableBytes({ child.read(into: $0) }) {
            case .bytes(let count): text += String(decoding: bytes[..<count], as: UTF8.self)
            case .later: await Task.yield()
            case .closed: return text
            }
            if end(text) { return text }
        }
    }

    private func isAlive(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0 else { return false }
        // Whoever inherits orphans here may be slow to collect them: a zombie is dead.
        guard let file = fopen("/proc/\(pid)/stat", "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, 256, file) != nil else { return false }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return !text.contains(") Z ") && !text.contains(") X ")
    }

    /// Waits until the gauge is back at zero; programs of other suites come to their end meanwhile.
    private func collected() async -> Bool {
        while ChildReaper.shared.count > 0 {
            ChildReaper.shared.collect()
            await Task.yield()
        }
        return true
    }

    @Test func bytesGoThroughAndTheEndIsSeen() async throws {
        do {
            var child = try ChildProcess(command: ["/bin/cat"])
            #expect(Array("hello".utf8).withUnsafeBytes { child.write($0) } == .bytes(5))
            #expect(await read(from: child) { $0 == "hello" } == "hello")
            child.closeInput()
            #expect(await read(from: child) { _ in false } == "")
            #expect(Array("x".utf8).withUnsafeBytes { child.write($0) } == .closed)
        }
        #expect(await collected())
    }

    /// A program that would run for an hour, and one that it started, are gone when nobody holds them.
    @Test func lettingGoEndsAllThatWasStarted() async throws {
        var pid: Int32 = 0
        do {
            let child = try ChildProcess(command: ["/bin/sh", "-c", "sleep 3600 & echo $!; wait"])
            pid = try #require(Int32(await read(from: child) { $0.hasSuffix("\n") }.dropLast()))
            #expect(isAlive(pid))
        }
        #expect(await collected())
        while isAlive(pid) { await Task.yield() }
    }

    @Test func fullPipeIsNoFailure() async throws {
        do {
            let child = try ChildProcess(command: ["/bin/sleep", "3600"])
            let bytes = [UInt8](repeating: 1, count: 4_096)
            var written = 0
            var last = ChildProcess.Transfer.bytes(0)
            for _ in 0..<1_000 where last != .later {
                last = bytes.withUnsafeBytes { child.write($0) }
                if case .bytes(let count) = last {
                    #expect(count == 4_096)
                    written += count
                }
            }
            #expect(last == .later)
            #expect(written > 0)
        }
        #expect(await collected())
    }

    @Test(arguments: [
        (["cat"], "no absolute path"), ([], "no absolute path"), (["/nonexistent"], "No such file"), (["/bin/cat\u{0}"], "zero byte"),
        (["/etc/passwd"], "Permission denied"),
    ])
    func programThatCannotBeStartedSaysWhy(_ command: [String], _ reason: String) {
        do throws(ChildProcessFailure) {
            _ = try ChildProcess(command: command)
            Issue.record("started")
        } catch {
            #expect(error.description.contains(reason))
        }
    }
}

@Suite struct RateBudgetTests {
    @Test func burstIsSpentAndComesBack() {
        var budget = RateBudget(perSecond: 10, burst: 3)
        let start = Instant(nanoseconds: 5)
        let times = [0, 0, 0, 0, 50, 150, 100_000, 100_000, 100_000, 100_000]
        let isLeft = times.map { budget.spend(now: start + .milliseconds($0)) }
        #expect(isLeft == [true, true, true, false, false, true, true, true, true, false])
    }

    @Test func clockThatGoesBackGivesNothing() {
        var budget = RateBudget(perSecond: 10, burst: 1)
        let isLeft = [1_000_000_000, 0].map { budget.spend(now: Instant(nanoseconds: $0)) }
        #expect(isLeft == [true, false])
    }
}
