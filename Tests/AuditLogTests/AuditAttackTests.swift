import DurableFiles
import Foundation
import SottoBase
import SottoCrypto
import Testing

@testable import AuditLog

/// A closed log of 300 entries and its last head.
private func closedLog() async throws -> (LogHouse, AuditHead) {
    let house = try LogHouse()
    let log = try house.open()
    try await log.append((0..<298).map(entry))
    return (house, try await log.close())
}

@Test func aTornJournalOpensWithEverythingAcknowledgedBefore() async throws {
    let house = try LogHouse()
    let log = try house.open()
    let kept = try await log.append([entry(1), entry(2)])
    let before = try #require(try JournalContents.read(house.folder + "/journal/00000000000000000000.journal", disk: Disk())).end
    try await log.append(entry(3))
    let path = house.folder + "/journal/00000000000000000000.journal"
    let after = try #require(try JournalContents.read(path, disk: Disk())).end
    let whole = read(path)
    // The published head lies behind the tear in this test: a crash tears before publication.
    try? FileManager.default.removeItem(atPath: house.folder + "/checkpoint")
    try? FileManager.default.removeItem(atPath: house.folder + "/tile")
    for end in Array(before..<before + 10) + Array(stride(from: before + 10, to: after - 3, by: 41)) + Array(after - 3..<after) {
        let killed = try house.copy()
        let journal = killed.folder + "/journal/00000000000000000000.journal"
        // Half of the tears as a short file, half as zeros of reserved room.
        try write(Array(whole[0..<end]) + (end % 2 == 0 ? [UInt8](repeating: 0, count: 500) : []), journal)
        let again = try killed.open()
        #expect(again.head.size == 4)
        try await again.close()
        let check = try killed.verify(expected: kept.head)
        #expect(check.findings == [.uncleanEnd(before: 3)])
    }
}

@Test func aChangeInTheMiddleOfTheJournalIsDamageAndNotATear() async throws {
    let house = try LogHouse()
    let log = try house.open()
    for number in 0..<5 { try await log.append(entry(number)) }
    let copy = try house.copy()
    let path = copy.folder + "/journal/00000000000000000000.journal"
    var bytes = read(path)
    let place = try #require(Data(bytes).range(of: Data("\"number\":\"2\"".utf8))).lowerBound
    bytes[place + 10] ^= 1
    try write(bytes, path)
    #expect(throws: AuditError.self) { try copy.open() }
    let check = try copy.verify()
    #expect(!check.isSound)
    #expect(check.findings.contains { if case .damagedJournal = $0 { true } else { false } })
}

@Test func eachChangeOfABundleIsFound() async throws {
    let (house, head) = try await closedLog()
    let path = house.folder + "/tile/entries/000"
    let whole = read(path)
    for place in stride(from: 0, to: whole.count, by: 997) {
        var bytes = whole
        bytes[place] ^= 4
        try write(bytes, path)
        let check = try house.verify(expected: head)
        #expect(!check.isSound, "a change at byte \(place) was not found")
    }
    try write(whole, path)
    #expect(try house.verify(expected: head).findings.isEmpty)
}

@Test func aChangeInBundleAndJournalAlikeStillMissesTheRoot() async throws {
    let (house, _) = try await closedLog()
    try FileManager.default.removeItem(atPath: house.folder + "/journal")
    let path = house.folder + "/tile/entries/000"
    var bytes = read(path)
    let place = try #require(Data(bytes).range(of: Data("\"number\":\"7\"".utf8))).lowerBound
    bytes[place + 10] = 0x39
    try write(bytes, path)
    let findings = try house.verify().findings
    #expect(findings.contains(.wrongRoot(size: 300)))
    #expect(findings.contains(.wrongPrevious(9)))
}

@Test func aMissingBundleIsNamed() async throws {
    let (house, _) = try await closedLog()
    try FileManager.default.removeItem(atPath: house.folder + "/journal")
    try FileManager.default.removeItem(atPath: house.folder + "/tile/entries/000")
    #expect(try house.verify().findings.contains(.missingEntry(0)))
}

@Test func anotherSignatureIsFound() async throws {
    let (house, head) = try await closedLog()
    let forger = try #require(CheckpointSigner(origin: house.signer.origin, key: try Ed25519SigningKey()))
    try write(try forger.sign(head), house.folder + "/checkpoint")
    #expect(try house.verify().findings.contains(.badPublishedSignature))
}

@Test func aRolledBackFolderIsFoundByAHeadThatWasKeptElsewhere() async throws {
    let house = try LogHouse()
    do { try await house.open().close() }
    let old = try house.copy()
    let later: AuditHead
    do {
        let log = try house.open()
        try await log.append((0..<20).map(entry))
        later = try await log.close()
    }
    // By itself the old folder is sound; only the head tells.
    #expect(try old.verify().findings.isEmpty)
    #expect(try old.verify(expected: later).findings == [.rolledBack(found: 2, expected: later.size)])
}

@Test func twoHistoriesOfOneLogAreFound() async throws {
    let house = try LogHouse()
    do { try await house.open().close() }
    let other = try house.copy()
    var heads: [AuditHead] = []
    for (number, house) in [house, other].enumerated() {
        let log = try house.open()
        try await log.append(entry(number))
        heads.append(try await log.close())
    }
    #expect(heads[0].size == heads[1].size)
    #expect(try house.verify(expected: heads[1]).findings == [.forked(size: heads[1].size)])
}

@Test func aJournalThatIsOlderThanThePublishedHeadIsNotWrittenOn() async throws {
    let house = try LogHouse()
    do { try await house.open().close() }
    let path = house.folder + "/journal/00000000000000000000.journal"
    let old = read(path)
    do { try await house.open().close() }
    try write(old, path)
    #expect(throws: AuditError.self) { try house.open() }
}

@Test func entriesThatNoHeadCoversAreFound() async throws {
    let (house, _) = try await closedLog()
    try FileManager.default.removeItem(atPath: house.folder + "/journal")
    let path = house.folder + "/tile/entries/001.p/44"
    let bytes = read(path)
    try FileManager.default.removeItem(atPath: path)
    let extra = Array(#"{"v":1}"#.utf8)
    try write(bytes + [0, UInt8(extra.count)] + extra, house.folder + "/tile/entries/001.p/45")
    #expect(try house.verify().findings == [.uncovered(from: 300, count: 1)])
}

@Test func anEmptyFolderIsNoSoundLog() throws {
    let house = try LogHouse()
    let check = try house.verify()
    #expect(check.findings == [.noCheckpoint])
    #expect(!check.isSound)
}

@Test func noSubjectAndNoSecretIsReadableInTheFolder() async throws {
    let house = try LogHouse()
    let (subject, _) = try AuditSubject.commit("caller", "+4930123456")
    let log = try house.open()
    try await log.append(AuditEntry(act: .callStarted, actor: .daemon, subjects: [subject]))
    try await log.close()
    for path in house.scratch.files(below: "audit") {
        #expect(Data(read(path)).range(of: Data("4930123456".utf8)) == nil)
    }
}
