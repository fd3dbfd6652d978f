internal import DurableFiles
internal import Foundation
internal import GRDB
public import SottoBase

/// Which calls were kept, in SQLite. It holds no clear number and no content, and every question names its tenant.
///
/// It can be rebuilt from the objects, so it is a convenience for finding, never the proof: that is the audit leaf.
public final class RecordsIndex: Sendable {
    let queue: DatabaseQueue
    private let worker = SerialWorker(name: "sotto.records", limit: 4_096)
    private let path: String

    init(path: String) throws(StorageError) {
        self.path = path
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA secure_delete = ON")
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA foreign_keys = ON")
        }
        configuration.journalMode = .wal
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try Self.migrations.migrate(queue)
        } catch {
            throw Self.failure(error, path)
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE call (
                        tenant TEXT NOT NULL,
                        call TEXT NOT NULL,
                        started INTEGER NOT NULL,
                        ended INTEGER,
                        direction TEXT NOT NULL,
                        trunk TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        termination TEXT,
                        consent TEXT,
                        caller_digest BLOB,
                        callee_digest BLOB,
                        caller_sealed BLOB,
                        callee_sealed BLOB,
                        PRIMARY KEY (tenant, call)
                    ) WITHOUT ROWID;
                    CREATE INDEX call_started ON call (tenant, started);
                    CREATE INDEX call_caller ON call (tenant, caller_digest);
                    CREATE INDEX call_callee ON call (tenant, callee_digest);
                    CREATE TABLE object (
                        tenant TEXT NOT NULL,
                        call TEXT NOT NULL,
                        object TEXT NOT NULL,
                        segments INTEGER,
                        commitment BLOB,
                        bytes INTEGER,
                        lost INTEGER,
                        PRIMARY KEY (tenant, call, object),
                        FOREIGN KEY (tenant, call) REFERENCES call (tenant, call) ON DELETE CASCADE
                    ) WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    // MARK: - Changes

    func begin(_ place: CallPlace, _ opening: CallOpening, caller: SealedNumber, callee: SealedNumber) async throws(StorageError) {
        let arguments: StatementArguments = [
            place.tenant.text, place.call.description, place.started.milliseconds, opening.direction.rawValue, opening.trunk,
            opening.policyVersion, caller.digest.map { Data($0) }, callee.digest.map { Data($0) }, caller.sealed.map { Data($0) },
            callee.sealed.map { Data($0) },
        ]
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO call
                        (tenant, call, started, direction, trunk, policy, caller_digest, callee_digest, caller_sealed, callee_sealed)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: arguments)
        }
    }

    func add(_ object: SealedObjectName, of place: CallPlace) async throws(StorageError) {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO object (tenant, call, object) VALUES (?, ?, ?)",
                arguments: [place.tenant.text, place.call.description, object.description])
        }
    }

    func close(_ closing: SealedClosing) async throws(StorageError) {
        try await write(isReserved: true) { db in
            try db.execute(
                sql: "UPDATE object SET segments = ?, commitment = ?, bytes = ?, lost = ? WHERE tenant = ? AND call = ? AND object = ?",
                arguments: [
                    Int64(clamping: closing.segments), Data(closing.lastCommitment), Int64(clamping: closing.bytes),
                    Int64(clamping: closing.lost), closing.place.tenant.text, closing.place.call.description, closing.object.description,
                ])
        }
    }

    func end(_ place: CallPlace, _ ending: CallEnding) async throws(StorageError) {
        try await write(isReserved: true) { db in
            try db.execute(
                sql: "UPDATE call SET ended = ?, termination = ?, consent = ? WHERE tenant = ? AND call = ?",
                arguments: [
                    ending.ended.milliseconds, ending.termination, ending.consent, place.tenant.text, place.call.description,
                ])
        }
    }

    /// Forgets a call whose keys were destroyed: the rows, and their traces in the write-ahead log.
    public func remove(_ call: CallID, tenant: TenantName) async throws(StorageError) {
        try await write(isReserved: true) { db in
            try db.execute(sql: "DELETE FROM call WHERE tenant = ? AND call = ?", arguments: [tenant.text, call.description])
        }
        try await run(isReserved: true) { queue in
            _ = try queue.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
        }
    }

    // MARK: - Questions

    func find(_ call: CallID, tenant: TenantName) async throws(StorageError) -> CallSummary? {
        try await read { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT * FROM call WHERE tenant = ? AND call = ?", arguments: [tenant.text, call.description])
            return try row.flatMap { try CallSummary($0, db, tenant: tenant) }
        }
    }

    func list(tenant: TenantName, digest: [UInt8]?, before: WallTime?, limit: Int) async throws(StorageError) -> [CallSummary] {
        var sql = "SELECT * FROM call WHERE tenant = ? AND started < ?"
        var arguments: StatementArguments = [tenant.text, before?.milliseconds ?? Int64.max]
        if let digest {
            sql += " AND (caller_digest = ? OR callee_digest = ?)"
            arguments += [Data(digest), Data(digest)]
        }
        sql += " ORDER BY started DESC, call LIMIT ?"
        arguments += [max(0, min(limit, 10_000))]
        return try await read { [sql, arguments] db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).compactMap { try CallSummary($0, db, tenant: tenant) }
        }
    }

    // MARK: - Steps

    private func write(isReserved: Bool = false, _ work: @escaping @Sendable (Database) throws -> Void) async throws(StorageError) {
        try await run(isReserved: isReserved) { queue in try queue.write(work) }
    }

    private func read<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws(StorageError) -> Value {
        try await run { queue in try queue.read(work) }
    }

    private func run<Value: Sendable>(
        isReserved: Bool = false, _ work: @escaping @Sendable (DatabaseQueue) throws -> Value
    ) async throws(StorageError) -> Value {
        let queue = queue
        let path = path
        let result: Result<Value, StorageError>? = await worker.run(isReserved: isReserved) {
            do { return .success(try work(queue)) } catch { return .failure(Self.failure(error, path)) }
        }
        guard let result else { throw .overloaded }
        return try result.get()
    }

    /// The result code and SQLite's own words for it: never a statement or its arguments.
    private static func failure(_ error: any Error, _ path: String) -> StorageError {
        guard let error = error as? DatabaseError else { return .index(reason: "it cannot be opened") }
        if error.resultCode == .SQLITE_FULL { return .disk(FileError(.full, .write, path)) }
        return .index(reason: "SQLite error \(error.extendedResultCode.rawValue)")
    }
}
