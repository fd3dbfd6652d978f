import DurableFiles
import Foundation
import Testing

/// A folder of its own for one test, removed behind it.
final class Scratch {
    let path: String
    init() {
        path = NSTemporaryDirectory() + "sotto-files-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Test func aFileIsReplacedWholeAndPrivate() throws {
    let scratch = Scratch()
    let disk = Disk()
    let path = scratch.path + "/a/b/key"
    try disk.createFolders(scratch.path + "/a/b")
    try disk.write([1, 2], to: path, replacing: false)
    #expect(throws: FileError(.exists, .rename, path)) { try disk.write([3], to: path, replacing: false) }
    #expect(try disk.read(path, limit: 10) == [1, 2])
    try disk.write([3], to: path, replacing: true)
    #expect(try disk.read(path, limit: 10) == [3])
    #expect(try disk.status(path)?.mode == 0o600)
    #expect(try disk.status(scratch.path + "/a")?.mode == 0o700)
    #expect(try disk.list(scratch.path + "/a/b") == ["key"])
}

@Test func aFullDiskLeavesTheFileAsItWas() throws {
    let scratch = Scratch()
    let disk = Disk { operation, _, bytes in
        operation == .write && bytes > 4 ? .writeOnly(bytes: 3, then: .full) : nil
    }
    let path = scratch.path + "/log"
    let file = try disk.create(path)
    try file.append([1, 2, 3])
    #expect(throws: FileError(.full, .write, path)) { try file.append([4, 5, 6, 7, 8]) }
    #expect(file.size == 3)
    try file.append([9])
    #expect(try disk.read(path, limit: 10) == [1, 2, 3, 9])
}

@Test func aFailedReplacementLeavesTheOldFile() throws {
    let scratch = Scratch()
    let path = scratch.path + "/keys"
    try Disk().write([1], to: path, replacing: true)
    for operation in [FileError.Operation.write, .synchronize, .rename, .open] {
        let disk = Disk { asked, _, _ in asked == operation ? .fail(.full) : nil }
        #expect(throws: FileError.self) { try disk.write([2, 3], to: path, replacing: true) }
        #expect(try Disk().read(path, limit: 10) == [1])
        #expect(try Disk().list(scratch.path) == ["keys"])
    }
}

@Test func aFailedFlushIsNeverTrustedAgain() throws {
    let scratch = Scratch()
    let disk = Disk { operation, _, _ in operation == .synchronize ? .fail(.other(5)) : nil }
    let file = try disk.create(scratch.path + "/log")
    try file.append([1])
    #expect(throws: FileError.self) { try file.synchronize() }
    #expect(file.isBroken)
    #expect(throws: FileError.self) { try file.append([2]) }
}

@Test func aSymbolicLinkIsNotFollowed() throws {
    let scratch = Scratch()
    try Disk().write([1], to: scratch.path + "/real", replacing: false)
    try FileManager.default.createSymbolicLink(atPath: scratch.path + "/link", withDestinationPath: scratch.path + "/real")
    #expect(throws: FileError.self) { try Disk().read(scratch.path + "/link", limit: 10) }
    #expect(throws: FileError.self) { try Disk().create(scratch.path + "/link") }
    #expect(throws: FileError(.tooLarge, .read, scratch.path + "/real")) { try Disk().read(scratch.path + "/real", limit: 0) }
}

@Test func aSecondHolderOfALockIsRefused() throws {
    let scratch = Scratch()
    let path = scratch.path + "/lock"
    do {
        let held = try Disk().lock(path)
        #expect(throws: FileError(.locked, .lock, path)) { try Disk().lock(path) }
        _ = held
    }
    _ = try Disk().lock(path)
}

@Test func aWorkerRefusesWhatIsTooMuch() async {
    let worker = SerialWorker(name: "test", limit: 1)
    #expect(await worker.run { 7 } == 7)
    worker.drain()
    #expect(worker.pending == 0)
    let gate = DispatchSemaphore(value: 0)
    #expect(worker.submit { gate.wait() })
    #expect(!worker.submit {})
    #expect(worker.refused == 1)
    gate.signal()
    worker.drain()
    #expect(worker.pending == 0)
}
