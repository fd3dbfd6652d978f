import DurableFiles
import Foundation
import SottoBase
import SottoCrypto
import Synchronization

@testable import AuditLog

final class Scratch: Sendable {
    let path: String
    init() {
        path = NSTemporaryDirectory() + "sotto-audit-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func files(below folder: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: path + "/" + folder)?.allObjects as? [String] ?? []
        return names.map { path + "/" + folder + "/" + $0 }.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }
}

final class WallClock: Sendable {
    private let time = Mutex(Int64(1_764_000_000_000))
    func advance(_ milliseconds: Int64) { time.withLock { $0 += milliseconds } }
    var now: WallTime { WallTime(milliseconds: time.withLock { $0 }) }
}

/// A log in a folder of its own, with its key.
struct LogHouse {
    let scratch = Scratch()
    let clock = WallClock()
    let key: Ed25519SigningKey
    let signer: CheckpointSigner
    let verifierKey: CheckpointVerifier
    var folder: String { scratch.path + "/audit" }

    init() throws {
        let key = try Ed25519SigningKey()
        self.key = key
        guard let signer = CheckpointSigner(origin: "sotto.example/audit/0123456789abcdef", key: key),
            let verifier = CheckpointVerifier(try signer.verifierKey)
        else { throw AuditError.closed }
        self.signer = signer
        verifierKey = verifier
    }

    func open(disk: Disk = Disk(), settings: AuditWriter.Settings = .init()) throws -> AuditWriter {
        let clock = clock
        return try AuditWriter(folder: folder, signer: signer, facts: ["version": "test"], settings: settings, disk: disk) { clock.now }
    }

    func verify(expected: AuditHead? = nil) throws -> AuditVerification {
        try AuditVerifier(folder: folder, key: verifierKey).verify(expected: expected)
    }

    /// The folder as a kill at this moment leaves it: a copy, without the process that holds it.
    func copy() throws -> LogHouse {
        let other = try LogHouse(signer: signer, key: key, verifierKey: verifierKey)
        try FileManager.default.copyItem(atPath: folder, toPath: other.folder)
        return other
    }

    private init(signer: CheckpointSigner, key: Ed25519SigningKey, verifierKey: CheckpointVerifier) throws {
        self.signer = signer
        self.key = key
        self.verifierKey = verifierKey
    }
}

func entry(_ number: Int) -> AuditEntry {
    AuditEntry(act: .callStarted, actor: .daemon, facts: ["number": String(number)])
}

func read(_ path: String) -> [UInt8] { Array(FileManager.default.contents(atPath: path) ?? Data()) }
func write(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
