import DurableFiles
import Foundation
import Keys
import SottoBase
import SottoCrypto
import Testing

@testable import SealedStorage

private func report(_ house: StorageHouse, _ place: CallPlace = place(1), _ object: SealedObjectName = callerAudio) async throws
    -> ObjectReport
{
    try await house.storage.stored(place.call, tenant: place.tenant).inspect(object)
}

/// Ranges of the whole segments (length field and message) of a body.
private func segments(_ bytes: [UInt8]) -> [Range<Int>] {
    func integer(_ place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
    var place = 4 + integer(0)
    var ranges: [Range<Int>] = []
    while place + 4 <= bytes.count {
        let end = place + 4 + integer(place)
        ranges.append(place..<end)
        place = end
    }
    return ranges
}

private func isTampered(_ state: ObjectReport.State) -> Bool { if case .tampered = state { true } else { false } }

@Test func everyChangedByteIsFound() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    let path = stored.path(of: transcriptObject)
    let whole = read(path)
    #expect(try await stored.inspect(transcriptObject).state == .closed)
    for place in whole.indices {
        var bytes = whole
        bytes[place] ^= 0x01
        try write(bytes, path)
        let state = try await stored.inspect(transcriptObject).state
        #expect(isTampered(state), "byte \(place): \(state)")
    }
}

@Test func everyHeaderFieldIsBound() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    let path = stored.path(of: callerAudio)
    let whole = read(path)
    let length = Int(whole[2]) << 8 + Int(whole[3])
    let header = try #require(SealedHeader(canonicalBytes: Array(whole[4..<4 + length])))
    var forgeries: [SealedHeader] = []
    for change: (inout SealedHeader) -> Void in [
        { $0.tenant = globex }, { $0.call = CallID(high: 0, low: 0) }, { $0.started.milliseconds += 1 }, { $0.object.leg = .agent },
        { $0.object.part = 1 }, { $0.codec = RecordedCodec(name: "pcmu", clockRate: 8_000) }, { $0.codec = nil },
        { $0.terms.consent = "refused" }, { $0.terms.policyVersion = "p2" }, { $0.terms.redactionVersion = "r0" },
        { $0.terms.retention = "9y" },
    ] as [(inout SealedHeader) -> Void] {
        var forged = header
        change(&forged)
        forgeries.append(forged)
    }
    for forged in forgeries {
        let bytes = forged.canonicalBytes()
        try write([0, 0, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes + whole[(4 + length)...], path)
        #expect(isTampered(try await stored.inspect(callerAudio).state), "\(forged)")
    }
}

@Test func exchangedAndRepeatedAndDroppedSegmentsAreFound() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    let path = stored.path(of: callerAudio)
    let whole = read(path)
    let rows = segments(whole)
    #expect(rows.count == 6)
    let start = Array(whole[0..<rows[0].lowerBound])
    for order in [[1, 0, 2, 3, 4, 5], [0, 2, 1, 3, 4, 5], [0, 1, 2, 3, 5], [0, 0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 5]] {
        try write(order.reduce(start) { $0 + whole[rows[$1]] }, path)
        #expect(isTampered(try await stored.inspect(callerAudio).state), "\(order)")
        // Without a leaf too: nothing here looks like a crash.
        #expect(isTampered(try await inspectWithoutLeaf(house, stored, path).state), "\(order)")
    }
}

private func inspectWithoutLeaf(_ house: StorageHouse, _ stored: StoredCall, _ path: String) async throws -> ObjectReport {
    let bytes = read(path.replacingOccurrences(of: "audio.caller.0", with: "audio.keys"))
    let file = try #require(CallKeyFile(bytes))
    let key = try await house.keys.openCallKey(file, tenant: acme, keyClass: .audio, call: stored.place.call)
    return try SealedBodyReader(path: path, place: stored.place, object: callerAudio, key: key).inspect(leaf: nil)
}

@Test func anObjectInAnotherCallsPlaceIsFound() async throws {
    let house = try StorageHouse()
    let places = [place(1), place(2), place(3, globex)]
    var folders: [String] = []
    for place in places {
        try await house.record(place)
        folders.append(house.scratch.path + "/data/" + place.path)
    }
    let files = FileManager.default
    // The body alone, between two calls of a tenant.
    for (from, to) in [(0, 1), (2, 0)] {
        let kept = read(folders[to] + "/audio.caller.0")
        try write(read(folders[from] + "/audio.caller.0"), folders[to] + "/audio.caller.0")
        #expect(try await report(house, places[to]).state == .tampered(.wrongPlace))
        try write(kept, folders[to] + "/audio.caller.0")
    }
    // One leg in the place of the other.
    let caller = read(folders[0] + "/audio.caller.0")
    try write(read(folders[0] + "/audio.agent.0"), folders[0] + "/audio.caller.0")
    #expect(try await report(house).state == .tampered(.wrongPlace))
    try write(caller, folders[0] + "/audio.caller.0")
    // Body and keys, and whole folders: the key file names its call, and the header as well.
    for (a, b) in [(0, 1), (0, 2)] {
        try files.moveItem(atPath: folders[a], toPath: folders[a] + ".away")
        try files.moveItem(atPath: folders[b], toPath: folders[a])
        try files.moveItem(atPath: folders[a] + ".away", toPath: folders[b])
        for place in [places[a], places[b]] {
            let stored = try await house.storage.stored(place.call, tenant: place.tenant)
            await #expect(throws: StorageError.keys(.wrongPlace)) { try await stored.inspect(callerAudio) }
            await #expect(throws: StorageError.self) { try await stored.audio(.caller) }
        }
        try files.moveItem(atPath: folders[a], toPath: folders[a] + ".away")
        try files.moveItem(atPath: folders[b], toPath: folders[a])
        try files.moveItem(atPath: folders[a] + ".away", toPath: folders[b])
    }
    #expect(try await report(house).state == .closed)
}

@Test func aCutIsTruncatedWithALeafAndUnfinishedWithout() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    let path = stored.path(of: callerAudio)
    let whole = read(path)
    let rows = segments(whole)
    // At every byte of the last content segment's ends and of the index, and some between.
    let cuts =
        Array(rows[4].lowerBound...rows[4].lowerBound + 70)
        + Array(stride(from: rows[4].lowerBound + 71, to: rows[5].lowerBound, by: 211))
        + Array(rows[5].lowerBound..<whole.count)
    for end in cuts {
        try write(Array(whole[0..<end]), path)
        let withLeaf = try await stored.inspect(callerAudio)
        #expect(withLeaf.state == .truncated, "cut at \(end)")
        let without = try await inspectWithoutLeaf(house, stored, path)
        #expect(without.state == .unfinished, "cut at \(end)")
        #expect(without.segments == (end < rows[5].lowerBound ? 4 : 5))
        #expect(try await stored.audio(.caller).first?.frames.count == (end < rows[5].lowerBound ? 400 : 500))
    }
    // Room that was allotted and never written is a crash too; anything else behind the end is not.
    let torn = Array(whole[0..<rows[5].lowerBound])
    try write(torn + [UInt8](repeating: 0, count: 300), path)
    #expect(try await inspectWithoutLeaf(house, stored, path).state == .unfinished)
    try write(torn + [UInt8](repeating: 1, count: 300), path)
    #expect(try await inspectWithoutLeaf(house, stored, path).state == .tampered(.foreignBytes(count: 300)))
    try write(whole + [0], path)
    #expect(try await report(house).state == .tampered(.foreignBytes(count: 1)))
}

@Test func aKillLosesAtMostTwoSeconds() async throws {
    let house = try StorageHouse()
    let call = try await house.storage.openCall(place(1), opening())
    let audio = try await call.startAudio(grant: grant(place(1)), codecs: [.caller: opus], terms: terms)
    for number in 0..<733 {
        audio.append(frame(number))
        guard number % 61 == 0 else { continue }
        house.storage.worker.drain()
        let kept = try await house.storage.stored(place(1).call, tenant: acme).audio(.caller).first?.frames.count ?? 0
        #expect(number + 1 - kept <= 100)
    }
    let found = try await report(house)
    #expect(found.state == .unfinished)
    #expect(!found.hasIndex)
    // A restart knows it as unfinished, and reads what is there.
    house.storage.worker.drain()
    let again = try StorageHouse(after: house)
    #expect(try await again.storage.stored(place(1).call, tenant: acme).audio(.caller).first?.frames.count == 700)
    #expect(try await report(again).state == .unfinished)
}

@Test func anotherBodyOfTheSameCallIsNotTheLeafs() async throws {
    // The same place recorded twice (a restored backup): authentic both, but the leaf names one.
    let house = try StorageHouse()
    let closings = try await house.record(place(1))
    let leaf = try #require(closings.first)
    var other = leaf
    other.lastCommitment[0] ^= 1
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    #expect(try await stored.inspect(callerAudio, leaf: other).state == .tampered(.otherThanLeaf))
    other = leaf
    other.segments -= 1
    #expect(try await stored.inspect(callerAudio, leaf: other).state == .tampered(.unexpectedSegments))
    #expect(try await stored.inspect(callerAudio, leaf: leaf).state == .closed)
}

@Test func aDestroyedKeyFileClosesItsClassAlone() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let stored = try await house.storage.stored(place(1).call, tenant: acme)
    try FileManager.default.removeItem(atPath: house.scratch.path + "/data/" + place(1).path + "/audio.keys")
    await #expect(throws: StorageError.self) { try await stored.audio(.caller) }
    #expect(try await stored.transcript().count == 5)
}

@Test func aHeaderHasOneSpelling() {
    let header = SealedHeader(place: place(1), object: callerAudio, codec: opus, terms: terms)
    let bytes = header.canonicalBytes()
    let again = SealedHeader(canonicalBytes: bytes)
    #expect(again?.canonicalBytes() == bytes)
    for place in bytes.indices {
        #expect(SealedHeader(canonicalBytes: Array(bytes[0..<place])) == nil)
        var other = bytes
        other.insert(0x0A, at: place)
        #expect(SealedHeader(canonicalBytes: other) == nil)
    }
    // What comes from configuration cannot break out of its line.
    let hostile = RecordTerms(policyVersion: "a\nretention 9y", redactionVersion: "", retention: "30d", consent: "ü")
    let cleaned = SealedHeader(place: place(1), object: callerAudio, codec: nil, terms: hostile).canonicalBytes()
    #expect(SealedHeader(canonicalBytes: cleaned)?.terms.policyVersion == "a?retention 9y")
    #expect(SealedHeader(canonicalBytes: cleaned)?.terms.retention == "30d")
}
