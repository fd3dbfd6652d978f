import DurableFiles
import Foundation
import Keys
import SottoBase
import SottoCrypto
import Synchronization
import Testing

@testable import SealedStorage

@Test func whatWasKeptIsReadBackAfterARestart() async throws {
    let first = try StorageHouse()
    let closings = try await first.record(place(1))
    #expect(closings.map(\.segments) == [5, 5, 5, 1])
    #expect(closings.allSatisfy { $0.lost == 0 })

    let house = try StorageHouse(after: first)
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    for speaker in Speaker.allCases {
        let parts = try await stored.audio(speaker)
        #expect(parts.map(\.codec) == [opus])
        #expect(parts.first?.frames.count == 500)
        #expect(parts.first?.frames.first?.payload == frame(0, speaker).content.payload)
        #expect(parts.first?.frames.last?.position == MediaTime(milliseconds: 9_980))
    }
    let lines = try await stored.transcript()
    #expect(lines.map(\.text) == (0..<5).map { line($0).text.content })
    #expect(lines[3].from == line(3).from)
    #expect(try await stored.document(.record) == Array(#"{"termination":"completed"}"#.utf8))
    #expect(try await stored.document(.consent) == nil)
    let numbers = try await stored.numbers()
    #expect(numbers.caller == "+4930123456")
    #expect(numbers.callee == "+442071234567")
    for object in stored.summary.objects { #expect(try await stored.inspect(object.object).state == .closed) }
    #expect(stored.summary.termination == "completed")
    #expect(house.storage.pending == 0)
}

@Test func aSpanIsReadFromItsSegmentsAlone() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    let path = stored.path(of: callerAudio)
    // Segment 0 is spoilt: whoever reads the end only does not meet it.
    var bytes = read(path)
    let header = 4 + Int(bytes[2]) << 8 + Int(bytes[3])
    bytes[header + 4 + 60] ^= 1
    try write(bytes, path)
    let span = try await stored.audio(.caller, from: MediaTime(milliseconds: 7_010), to: MediaTime(milliseconds: 7_100))
    #expect(span.first?.frames.map(\.position.milliseconds) == [7_000, 7_020, 7_040, 7_060, 7_080])
    await #expect(throws: StorageError.unreadable(.notAuthentic(segment: 0))) { try await stored.audio(.caller) }
}

@Test func noGrantNoObject() async throws {
    let house = try StorageHouse()
    let call = try await house.storage.openCall(place(1), opening())
    let wrong = [grant(place(2)), grant(place(1, globex)), grant(place(1), []), grant(place(1), [.transcription, .training])]
    for grant in wrong {
        await #expect(throws: StorageError.notGranted) {
            try await call.startAudio(grant: grant, codecs: [.caller: opus], terms: terms)
        }
    }
    await #expect(throws: StorageError.notGranted) {
        try await call.startTranscript(grant: grant(place(1), [.recording]), terms: terms)
    }
    #expect(!house.scratch.files.contains { $0.contains("audio") || $0.contains("transcript") })
}

@Test func nothingSpokenAndNoNumberLiesClearOnTheDisk() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let call = try await house.storage.openCall(place(2), opening(caller: "+15550001111"))
    let events = try await call.startEvents(terms: terms)
    try await events.append(durably: ["peer": .identifier("+15550001111")], at: .zero)
    _ = try await events.close()
    try await call.close(ending)
    let forbidden = ["frame 1", "[CARD]", "4930123456", "442071234567", "15550001111", "completed\"}"]
    var checked = 0
    for path in house.scratch.files {
        let data = Data(read(path))
        checked += 1
        for text in forbidden { #expect(data.range(of: Data(text.utf8)) == nil, "\(text) in \(path)") }
    }
    #expect(checked > 10)
}

@Test func twoTenantsNeverSeeEachOther() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    try await house.record(place(2, globex))
    #expect(try await house.storage.list(tenant: acme).map(\.place) == [place(1)])
    #expect(try await house.storage.list(tenant: globex).map(\.place) == [place(2, globex)])
    await #expect(throws: StorageError.notFound) { try await house.storage.stored(place(1).call, tenant: globex) }
    #expect(try await house.storage.list(tenant: acme, number: "+4930123456").count == 1)
    #expect(try await house.storage.list(tenant: acme, number: "+4930123457").isEmpty)
    // The same number has another digest under another tenant's key.
    let digests = try await [house.keys.digestKey(tenant: acme), house.keys.digestKey(tenant: globex)]
        .map { try SealedNumber.digest("+4930123456", key: $0) }
    #expect(digests[0] != digests[1])
}

@Test func aCallIsListedNewestFirstAndByPages() async throws {
    let house = try StorageHouse()
    for number in 0..<5 {
        let place = CallPlace(
            tenant: acme, call: CallID(high: 1, low: UInt64(number)), started: WallTime(milliseconds: 1_000 * Int64(number)))
        try await house.storage.openCall(place, opening()).close(ending)
    }
    let page = try await house.storage.list(tenant: acme, limit: 2)
    #expect(page.map(\.place.started.milliseconds) == [4_000, 3_000])
    let next = try await house.storage.list(tenant: acme, before: page.last?.place.started, limit: 2)
    #expect(next.map(\.place.started.milliseconds) == [2_000, 1_000])
}

@Test func aNewCodecStartsANewPart() async throws {
    let house = try StorageHouse()
    let call = try await house.storage.openCall(place(1), opening())
    let audio = try await call.startAudio(grant: grant(place(1)), codecs: [.caller: opus], terms: terms)
    audio.append(frame(0))
    let pcmu = RecordedCodec(name: "pcmu", clockRate: 8_000)
    try await audio.changeCodec(.caller, to: pcmu)
    audio.append(frame(1))
    #expect(!audio.append(frame(1, .agent)))
    let closings = try await audio.close()
    #expect(closings.map(\.object.description) == ["audio.caller.0", "audio.caller.1"])
    #expect(closings.map(\.segments) == [1, 1])
    let parts = try await house.storage.stored(place(1).call, tenant: acme).audio(.caller)
    #expect(parts.map(\.codec) == [opus, pcmu])
    #expect(parts.map { $0.frames.count } == [1, 1])
}

@Test func anUnreachableKeyServiceKeepsNothing() async throws {
    let house = try StorageHouse()
    try FileManager.default.removeItem(atPath: house.scratch.path + "/service")
    try write([], house.scratch.path + "/service")
    let error = await #expect(throws: StorageError.self) { try await house.storage.openCall(place(1), opening()) }
    if case .keys = error {} else { Issue.record("not the key service's error") }
    #expect(try await house.storage.list(tenant: acme).isEmpty)
    #expect(!house.scratch.files.contains { $0.contains("/records/") })
}

@Test func aRemovedCallLeavesNoTraceInTheIndex() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let key = try await house.keys.digestKey(tenant: acme)
    let digest = Data(try SealedNumber.digest("+4930123456", key: key))
    func isThere() -> Bool {
        house.scratch.files.filter { $0.contains("index.sqlite") }.contains { Data(read($0)).range(of: digest) != nil }
    }
    #expect(isThere())
    try await house.storage.index.remove(place(1).call, tenant: acme)
    #expect(!isThere())
    await #expect(throws: StorageError.notFound) { try await house.storage.stored(place(1).call, tenant: acme) }
}

@Test func linesKeepTheirOrderAndAreDurableWhenAcknowledged() async throws {
    let house = try StorageHouse()
    let call = try await house.storage.openCall(place(1), opening())
    let transcript = try await call.startTranscript(grant: grant(place(1)), terms: terms)
    let acknowledged = Mutex(0)
    for number in 0..<100 { transcript.append(line(number)) { _ in acknowledged.withLock { $0 += 1 } } }
    try await transcript.append(durably: line(100))
    #expect(acknowledged.withLock { $0 } == 100)
    // As a kill at this moment leaves it: the file is read without a close.
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    #expect(try await stored.transcript().map(\.text) == (0...100).map { line($0).text.content })
    #expect(try await stored.inspect(transcriptObject).state == .unfinished)
    let closing = try await transcript.close()
    #expect(closing.segments == 101)
    await #expect(throws: StorageError.closed) { try await transcript.append(durably: line(0)) }
    await #expect(throws: StorageError.closed) { try await transcript.close() }
}

@Test func everyFileIsPrivate() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    for path in house.scratch.files { #expect(try Disk().status(path)?.mode == 0o600, "\(path)") }
    #expect(try Disk().status(house.scratch.path + "/data/records")?.mode == 0o700)
}

// MARK: - Faults

@Test func aFullDiskLosesFramesAndTellsSo() async throws {
    let isFull = Mutex(false)
    let disk = Disk { operation, path, bytes in
        operation == .write && path.hasSuffix("audio.caller.0") && isFull.withLock { $0 } ? .writeOnly(bytes: bytes / 2, then: .full) : nil
    }
    let house = try StorageHouse(disk: disk)
    let call = try await house.storage.openCall(place(1), opening())
    let audio = try await call.startAudio(grant: grant(place(1)), codecs: [.caller: opus], terms: terms)
    for number in 0..<100 { audio.append(frame(number)) }
    house.storage.worker.drain()
    isFull.withLock { $0 = true }
    for number in 100..<200 { audio.append(frame(number)) }
    house.storage.worker.drain()
    #expect(audio.lost == 100)
    #expect(audio.lastError?.isDiskFull == true)
    isFull.withLock { $0 = false }
    for number in 200..<300 { audio.append(frame(number)) }
    let closing = try #require(try await audio.close().first)
    #expect(closing.segments == 2)
    #expect(closing.lost == 100)
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    #expect(try await stored.inspect(callerAudio).state == .closed)
    #expect(try await stored.inspect(callerAudio).lost == 100)
    let frames = try #require(try await stored.audio(.caller).first).frames
    #expect(frames.map(\.position.milliseconds) == (Array(0..<100) + Array(200..<300)).map { Int64($0) * 20 })
}

@Test func aLineThatCannotBeStoredIsNotAcknowledged() async throws {
    let isFull = Mutex(false)
    let disk = Disk { operation, path, _ in
        operation == .write && path.hasSuffix("transcript.0") && isFull.withLock { $0 } ? .fail(.full) : nil
    }
    let house = try StorageHouse(disk: disk)
    let call = try await house.storage.openCall(place(1), opening())
    let transcript = try await call.startTranscript(grant: grant(place(1)), terms: terms)
    try await transcript.append(durably: line(0))
    isFull.withLock { $0 = true }
    let error = await #expect(throws: StorageError.self) { try await transcript.append(durably: line(1)) }
    #expect(error?.isDiskFull == true)
    isFull.withLock { $0 = false }
    try await transcript.append(durably: line(2))
    let closing = try await transcript.close()
    #expect(closing.segments == 2)
    #expect(closing.lost == 1)
}

@Test func aFullDiskLeavesNoHalfAnObject() async throws {
    for operation in [FileError.Operation.open, .write, .synchronize] {
        let disk = Disk { asked, path, _ in asked == operation && path.hasSuffix("transcript.0") ? .fail(.full) : nil }
        let house = try StorageHouse(disk: disk)
        let call = try await house.storage.openCall(place(1), opening())
        await #expect(throws: StorageError.self) { try await call.startTranscript(grant: grant(place(1)), terms: terms) }
        #expect(!house.scratch.files.contains { $0.hasSuffix("transcript.0") })
        #expect(try await house.storage.stored(place(1).call, tenant: acme).summary.objects.isEmpty)
    }
}
