public import SottoBase

/// How far an `AuditWriter` has come.
public struct AuditProgress: Equatable, Sendable {
    /// Batches that were answered since the start, whatever the answer was.
    public var turns: UInt64
    /// True while requests wait or are being written.
    public var isBusy: Bool

    public init(turns: UInt64, isBusy: Bool) {
        self.turns = turns
        self.isBusy = isBusy
    }
}

/// Tells a writer that has nothing to do from one whose disk hangs, by looking now and then.
public struct AuditStall: Sendable {
    /// A flush that takes longer is taken for one that never returns.
    public static let limit: Duration = .seconds(10)

    private var turns: UInt64?
    private var since: Instant

    public init(now: Instant) { since = now }

    /// True when the writer has been busy for longer than the limit without answering anything.
    public mutating func isStuck(_ progress: AuditProgress, now: Instant) -> Bool {
        guard progress.isBusy, turns == progress.turns else {
            turns = progress.isBusy ? progress.turns : nil
            since = now
            return false
        }
        return now - since > Self.limit
    }
}
