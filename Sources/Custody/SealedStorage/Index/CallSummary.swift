internal import Foundation
internal import GRDB
public import SottoBase

/// A kept call, as a list shows it: no number, no content.
public struct CallSummary: Equatable, Sendable {
    public var place: CallPlace
    /// nil while the call runs, or when the daemon died in it.
    public var ended: WallTime?
    public var direction: String
    public var trunk: String
    public var policyVersion: String
    public var termination: String?
    public var consent: String?
    public var objects: [ObjectSummary]
    var callerSealed: [UInt8]?
    var calleeSealed: [UInt8]?

    init?(_ row: Row, _ db: Database, tenant: TenantName) throws {
        guard let call = CallID(row["call"] as String), row["tenant"] as String == tenant.text else { return nil }
        place = CallPlace(tenant: tenant, call: call, started: WallTime(milliseconds: row["started"]))
        ended = (row["ended"] as Int64?).map(WallTime.init(milliseconds:))
        direction = row["direction"]
        trunk = row["trunk"]
        policyVersion = row["policy"]
        termination = row["termination"]
        consent = row["consent"]
        callerSealed = (row["caller_sealed"] as Data?).map(Array.init)
        calleeSealed = (row["callee_sealed"] as Data?).map(Array.init)
        let place = place
        objects = try Row.fetchAll(
            db, sql: "SELECT * FROM object WHERE tenant = ? AND call = ? ORDER BY object", arguments: [tenant.text, call.description]
        ).compactMap { ObjectSummary($0, place: place) }
    }
}

/// A body of a kept call, as the index knows it.
public struct ObjectSummary: Equatable, Sendable {
    public var object: SealedObjectName
    /// What it came to; nil when it was never closed.
    public var closing: SealedClosing?

    init?(_ row: Row, place: CallPlace) {
        guard let object = SealedObjectName(row["object"] as String) else { return nil }
        self.object = object
        if let segments = row["segments"] as Int64?, let commitment = row["commitment"] as Data?, let bytes = row["bytes"] as Int64? {
            closing = SealedClosing(
                place: place, object: object, segments: UInt64(clamping: segments), lastCommitment: Array(commitment),
                bytes: UInt64(clamping: bytes), lost: UInt64(clamping: row["lost"] as Int64? ?? 0))
        }
    }
}
