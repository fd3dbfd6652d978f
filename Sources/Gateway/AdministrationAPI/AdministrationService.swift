public import SottoBase

/// Who is at the other end of the admin socket, as the kernel says (SO_PEERCRED).
public struct AdministrationPeer: Hashable, Sendable {
    public let user: UInt32
    public let groups: Set<UInt32>

    public init(user: UInt32, groups: Set<UInt32>) {
        self.user = user
        self.groups = groups
    }
}

/// What the admin server asks of the daemon. Every method that a role guards checks the peer first, and every privileged act is on the
/// audit log before it returns.
public protocol AdministrationService: Sendable {
    /// viewer
    func status(for peer: AdministrationPeer) async throws(AdministrationProblem) -> StatusReport
    /// viewer
    func calls(for peer: AdministrationPeer) async throws(AdministrationProblem) -> [CallReport]
    /// operator. Of a running call, or one that ended lately.
    func trace(_ call: CallID, for peer: AdministrationPeer) async throws(AdministrationProblem) -> TraceReport
    /// operator
    func endCall(_ call: CallID, for peer: AdministrationPeer) async throws(AdministrationProblem)
    /// operator
    func reload(for peer: AdministrationPeer) async throws(AdministrationProblem) -> ReloadReport
    /// operator; returns at once.
    func drain(for peer: AdministrationPeer) async throws(AdministrationProblem)
    /// records. Newest first. `number`: calls with this number on either side.
    func records(
        tenant: TenantName, number: String?, limit: Int, for peer: AdministrationPeer
    ) async throws(AdministrationProblem) -> [RecordReport]
    /// records. Opens the call and checks its objects.
    func record(_ call: CallID, tenant: TenantName, for peer: AdministrationPeer) async throws(AdministrationProblem) -> RecordDetail
    /// records. The masked recording as a WAV file in pieces: caller left, agent right.
    func export(
        _ call: CallID, tenant: TenantName, for peer: AdministrationPeer
    ) async throws(AdministrationProblem) -> AsyncThrowingStream<[UInt8], any Error>
    /// auditor. From this sequence on.
    func audit(from first: UInt64, limit: Int, for peer: AdministrationPeer) async throws(AdministrationProblem) -> [AuditReport]
    /// auditor
    func auditKey(for peer: AdministrationPeer) async throws(AdministrationProblem) -> AuditKeyReport
    /// viewer. From now on, until the reader goes away.
    func events(for peer: AdministrationPeer) async throws(AdministrationProblem) -> AsyncStream<EventReport>
}
