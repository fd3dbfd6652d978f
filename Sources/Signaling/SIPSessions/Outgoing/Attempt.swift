import SIPMessages
import SottoBase

/// One INVITE of ours until its first 2xx or its failure, however often a challenge or a 422 makes it go out again.
///
///     calling ──2xx──▶ (removed: the dialog lives on)
///        │ ├──3xx–6xx, B, no connection──▶ (removed)
///        │ cancel, time is over
///        ▼
///     withdrawing ──any final response, or 64·T1 after CANCEL──▶ (removed)
struct Attempt: Sendable {
    enum Phase: Hashable, Sendable {
        case calling
        /// The application has heard of its end. A CANCEL goes out as soon as it may (RFC 3261 §9.1).
        case withdrawing
    }

    enum Timer: Hashable, Sendable {
        /// Its time without an answer.
        case limit
        /// 64·T1 after the CANCEL (§9.1).
        case cancelled
    }

    let id: AttemptID
    let profile: ConnectionProfile
    let connection: ConnectionID
    let contact: NameAddress
    let limit: Duration
    /// The INVITE that is under way, and what a CANCEL copies of it.
    var key: ClientKey
    var template: SIPRequest
    var phase: Phase = .calling
    var hasProvisional = false
    /// A CANCEL that has to wait for a provisional response: its headers.
    var owedCancel: [SIPHeader]?
    var account: DigestAccount?
    /// Early dialogs by To tag.
    var dialogs: [WireText: DialogID] = [:]
    var timers = TimerTable<Timer>()
}
