import DurableFiles
import Foundation
import SottoBase
import SottoCrypto
import Synchronization
import Testing

@testable import AuditLog

@Test func anAppendIsCoveredByASignedHeadWhenItReturns() async throws {
    let house = try LogHouse()
    let log = try house.open()
    let receipt = try await log.append([entry(1), entry(2)])
    #expect(receipt.first == 1)
    #expect(receipt.head.size == 3)
    #expect(house.verifierKey.head(ofNote: log.signedHead) == receipt.head)
    // As a kill at this moment leaves it: nothing but the journal may be needed.
    let killed = try house.copy()
    try FileManager.default.removeItem(atPath: killed.folder + "/tile")
    try? FileManager.default.removeItem(atPath: killed.folder + "/checkpoint")
    let check = try killed.verify(expected: receipt.head)
    #expect(check.isSound)
    #expect(check.entries == 3)
}

@Test func aClosedLogVerifiesAndOpensAgain() async throws {
    let house = try LogHouse()
    let head: AuditHead
    do {
        let log = try house.open()
        for number in 0..<10 { try await log.append(entry(number)) }
        head = try await log.close(facts: ["reason": "test"])
        await #expect(throws: AuditError.closed) { try await log.append(entry(0)) }
        await #expect(throws: AuditError.closed) { try await log.close() }
    }
    #expect(try house.verify(expected: head) == AuditVerification(head: head, entries: 12, headsChecked: 12, findings: []))
    do {
        let log = try house.open()
        try await log.append(entry(11))
        try await log.close()
    }
    let check = try house.verify(expected: head)
    #expect(check.findings.isEmpty)
    #expect(check.entries == 15)
}

@Test func aKilledLogSaysSoAndLosesNothing() async throws {
    let house = try LogHouse()
    let log = try house.open()
    let receipt = try await log.append([entry(1)])
    let killed = try house.copy()
    let again = try killed.open()
    try await again.append(entry(2))
    try await again.close()
    let check = try killed.verify(expected: receipt.head)
    #expect(check.findings == [.uncleanEnd(before: 2)])
    #expect(check.isSound)
}

@Test func manyAppendsShareFlushesAndFillBundles() async throws {
    let house = try LogHouse()
    let flushes = Mutex(0)
    let disk = Disk { operation, path, _ in
        if operation == .synchronize, path.hasSuffix(".journal") { flushes.withLock { $0 += 1 } }
        return nil
    }
    let log = try house.open(disk: disk)
    try await withThrowingTaskGroup(of: AuditReceipt.self) { group in
        for number in 0..<1_000 { group.addTask { try await log.append([entry(number)]) } }
        var sequences: Set<UInt64> = []
        for try await receipt in group { sequences.insert(receipt.first) }
        #expect(sequences == Set(1...1_000))
    }
    try await log.close()
    #expect(flushes.withLock { $0 } < 1_000)
    let check = try house.verify()
    #expect(check.findings.isEmpty)
    #expect(check.entries == 1_002)
    #expect(FileManager.default.fileExists(atPath: house.folder + "/tile/entries/002"))
    #expect(FileManager.default.fileExists(atPath: house.folder + "/tile/entries/003.p/234"))
    #expect(try AuditReader(folder: house.folder).entries(from: 1_001, limit: 5).count == 1)
    #expect(log.pending == 0)
}

@Test func aLongJournalIsFollowedByANewOne() async throws {
    let house = try LogHouse()
    var settings = AuditWriter.Settings()
    settings.journalBytes = 100_000
    settings.publishInterval = .zero
    let log = try house.open(settings: settings)
    var heads: [AuditHead] = []
    for number in 0..<40 { heads.append(try await log.append((0..<50).map { entry(number * 50 + $0) }).head) }
    let names = house.scratch.files(below: "audit/journal")
    #expect(names.count == 2)
    #expect(!names.contains { $0.hasSuffix("00000000000000000000.journal") })
    let killed = try house.copy()
    let again = try killed.open(settings: settings)
    try await again.close()
    let check = try killed.verify(expected: heads[3])
    #expect(check.findings == [.uncleanEnd(before: 2_001)])
    #expect(check.entries == 2_003)
}

@Test func aSecondDaemonOnTheFolderIsRefused() async throws {
    let house = try LogHouse()
    let log = try house.open()
    #expect(throws: AuditError.heldByAnotherProcess(path: house.folder + "/lock")) { try house.open() }
    try await log.close()
}

@Test func anotherKeyOrOriginIsRefused() async throws {
    let house = try LogHouse()
    try await house.open().close()
    let stranger = try #require(CheckpointSigner(origin: house.signer.origin, key: try Ed25519SigningKey()))
    #expect(throws: AuditError.self) {
        try AuditWriter(folder: house.folder, signer: stranger) { WallTime(milliseconds: 0) }
    }
    let elsewhere = try #require(CheckpointSigner(origin: "other.example/audit/1", key: house.key))
    #expect(throws: AuditError.self) {
        try AuditWriter(folder: house.folder, signer: elsewhere) { WallTime(milliseconds: 0) }
    }
    #expect(try house.verify().findings.isEmpty)
}

@Test func aFullDiskRefusesTheActAndHarmsNothing() async throws {
    let house = try LogHouse()
    let isFull = Mutex(false)
    let disk = Disk { operation, _, _ in operation == .reserve && isFull.withLock { $0 } ? .fail(.full) : nil }
    let log = try house.open(disk: disk)
    try await log.append(entry(1))
    isFull.withLock { $0 = true }
    var refused: AuditError?
    // The reserved room is used up first; then acts are refused.
    for _ in 0..<200 where refused == nil {
        do throws(AuditError) {
            try await log.append(AuditEntry(act: .alert, actor: .daemon, facts: ["text": String(repeating: "x", count: 4_000)]))
        } catch {
            refused = error
        }
    }
    #expect(refused?.isDiskFull == true)
    #expect(log.isWritable)
    let killed = try house.copy()
    #expect(try killed.verify().isSound)
    isFull.withLock { $0 = false }
    try await log.append(entry(2))
    let head = try await log.close()
    #expect(try house.verify(expected: head).findings.isEmpty)
}

@Test func bundlesThatCouldNotBeWrittenAreMadeGoodLater() async throws {
    let house = try LogHouse()
    let disk = Disk { operation, path, _ in operation == .write && path.contains("/tile/") ? .fail(.full) : nil }
    do {
        let log = try house.open(disk: disk)
        try await log.append((0..<300).map(entry))
        try await log.close()
    }
    #expect(house.scratch.files(below: "audit/tile").isEmpty)
    #expect(try house.verify().findings.isEmpty)
    try await house.open().close()
    #expect(FileManager.default.fileExists(atPath: house.folder + "/tile/entries/000"))
    #expect(try house.verify().findings.isEmpty)
}

@Test func aFailedFlushRefusesEverythingUntilItIsOpenedAgain() async throws {
    let house = try LogHouse()
    let fails = Mutex(false)
    let disk = Disk { operation, path, _ in
        operation == .synchronize && path.hasSuffix(".journal") && fails.withLock { $0 } ? .fail(.other(5)) : nil
    }
    let log = try house.open(disk: disk)
    fails.withLock { $0 = true }
    await #expect(throws: AuditError.self) { try await log.append(entry(1)) }
    fails.withLock { $0 = false }
    await #expect(throws: AuditError.broken) { try await log.append(entry(2)) }
    #expect(!log.isWritable)
}

@Test func anEntryThatIsTooLongHarmsNoOther() async throws {
    let house = try LogHouse()
    let log = try house.open()
    let long = AuditEntry(act: .alert, actor: .daemon, reason: String(repeating: "x", count: 70_000))
    let results = Mutex<[String: Result<AuditReceipt, AuditError>]>([:])
    // Queued together, so that they are one batch.
    log.submit([entry(1)]) { result in results.withLock { $0["before"] = result } }
    log.submit([long]) { result in results.withLock { $0["long"] = result } }
    _ = try await log.append(entry(2))
    #expect(results.withLock { $0["before"]?.map(\.count) } == .success(1))
    #expect(results.withLock { $0["long"]?.map(\.count) } == .failure(.entryTooLarge))
    try await log.close()
    #expect(try house.verify().findings.isEmpty)
}
