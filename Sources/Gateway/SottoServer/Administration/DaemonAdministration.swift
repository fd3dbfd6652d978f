internal import AdministrationAPI
internal import AuditLog
internal import Calls
internal import Logging
internal import NIOCore
internal import Policy
internal import SIPTransport
internal import SealedStorage
internal import SottoBase
internal import SottoConfiguration

/// What the admin server may ask of the daemon. Every act checks the peer's role against the policy in force; what is privileged is on
/// the audit log before it is answered, and refused when it cannot be.
struct DaemonAdministration: AdministrationService {
    let daemon: Daemon

    // MARK: - Who may

    private func actor(_ peer: AdministrationPeer, _ role: AdministrationRole) -> AuditActor {
        .user(id: peer.user, name: nil, role: role.rawValue)
    }

    private func authorize(_ peer: AdministrationPeer, as role: AdministrationRole) async throws(AdministrationProblem) {
        guard case .failure(let refusal) = daemon.directory.policy.mayAct(as: role, user: peer.user, groups: peer.groups) else { return }
        daemon.events.note(.warning, "admin.refused", [("uid", String(peer.user)), ("role", role.rawValue)])
        await daemon.audit.append(
            AuditEntry(act: .accessRefused, actor: actor(peer, role), outcome: .refused, reason: refusal.reason.description))
        throw AdministrationProblem(
            .forbidden, "uid \(peer.user) has not the role '\(role.rawValue)'",
            hint: "an administrator adds [[admin.role]] name = \"\(role.rawValue)\" users = [\(peer.user)] to sotto.toml and reloads")
    }

    /// The act is durable on the log when this returns.
    private func log(
        _ act: AuditAct, _ peer: AdministrationPeer, _ role: AdministrationRole, tenant: TenantName? = nil, call: CallID? = nil,
        facts: [String: String] = [:]
    ) async throws(AdministrationProblem) {
        do throws(AuditError) {
            try await daemon.audit.appendBeforeAnswering(
                AuditEntry(act: act, actor: actor(peer, role), tenant: tenant, call: call, facts: facts))
        } catch {
            daemon.state.raise("the audit log cannot be written: \(error)")
            throw AdministrationProblem(
                .unavailable, "this is not done, because it cannot be logged: \(error)", hint: "make room on the audit log's disk")
        }
    }

    // MARK: - The daemon

    func status(for peer: AdministrationPeer) async throws(AdministrationProblem) -> StatusReport {
        try await authorize(peer, as: .viewer)
        return await daemon.status()
    }

    func calls(for peer: AdministrationPeer) async throws(AdministrationProblem) -> [CallReport] {
        try await authorize(peer, as: .viewer)
        return await daemon.runningCalls().map { call in
            CallReport(
                call: call.call.description, tenant: call.trunk.tenant.text, trunk: call.trunk.trunk.text, state: call.state,
                arrivedAt: call.arrivedAt.rfc3339, answeredAt: call.answeredAt?.rfc3339, route: call.route, codec: call.codec,
                suite: call.suite, consent: call.consent, isPayment: call.isPayment)
        }
    }

    func trace(_ call: CallID, for peer: AdministrationPeer) async throws(AdministrationProblem) -> TraceReport {
        try await authorize(peer, as: .operator)
        guard let (steps, left) = await daemon.ladder(of: call) else {
            throw AdministrationProblem(
                .notFound, "nothing is known of the signaling of call \(call)", hint: "only of calls that run or ended lately")
        }
        try await log(AuditAct(rawValue: "call.traced"), peer, .operator, call: call)
        return TraceReport(
            call: call.description,
            steps: steps.map { step in
                TraceReport.Step(
                    time: step.at.rfc3339, direction: step.direction == .received ? "received" : "sent", leg: step.leg,
                    summary: step.summary, text: step.text)
            }, left: left)
    }

    func endCall(_ call: CallID, for peer: AdministrationPeer) async throws(AdministrationProblem) {
        try await authorize(peer, as: .operator)
        guard await daemon.runningCalls().contains(where: { $0.call == call }) else {
            throw AdministrationProblem(.notFound, "there is no running call \(call)")
        }
        try await log(AuditAct(rawValue: "call.ended-by-operator"), peer, .operator, call: call)
        let loop = daemon.callLoop
        loop.loop.execute { loop.feed(.end(call)) }
    }

    func reload(for peer: AdministrationPeer) async throws(AdministrationProblem) -> ReloadReport {
        try await authorize(peer, as: .operator)
        return await daemon.reload(by: actor(peer, .operator))
    }

    func drain(for peer: AdministrationPeer) async throws(AdministrationProblem) {
        try await authorize(peer, as: .operator)
        try await log(AuditAct(rawValue: "daemon.drained"), peer, .operator)
        daemon.requestStop()
    }

    func events(for peer: AdministrationPeer) async throws(AdministrationProblem) -> AsyncStream<EventReport> {
        try await authorize(peer, as: .viewer)
        guard let stream = daemon.events.follow() else {
            throw AdministrationProblem(.unavailable, "too many followers", hint: "end another `sotto events`")
        }
        let (reports, continuation) = AsyncStream.makeStream(of: EventReport.self, bufferingPolicy: .bufferingNewest(512))
        let task = Task {
            for await event in stream {
                continuation.yield(
                    EventReport(
                        time: event.time.rfc3339, level: event.level.rawValue, event: event.name, call: event.call?.description,
                        tenant: event.tenant?.text, fields: Dictionary(event.fields.map { ($0.name, $0.value) }) { first, _ in first }))
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return reports
    }

    // MARK: - Records

    private func problem(_ error: StorageError) -> AdministrationProblem {
        switch error {
        case .notFound: AdministrationProblem(.notFound, "there is no such record of this tenant")
        case .disk, .index, .overloaded, .keys: AdministrationProblem(.unavailable, error.description)
        default: AdministrationProblem(.failed, error.description)
        }
    }

    func records(
        tenant: TenantName, number: String?, limit: Int, for peer: AdministrationPeer
    ) async throws(AdministrationProblem) -> [RecordReport] {
        try await authorize(peer, as: .records)
        try await log(.recordsListed, peer, .records, tenant: tenant, facts: ["by-number": number == nil ? "no" : "yes"])
        do throws(StorageError) {
            let calls = try await daemon.storage.list(tenant: tenant, number: number, limit: max(1, min(limit, 1_000)))
            return calls.map { report($0, states: [:]) }
        } catch { throw problem(error) }
    }

    func record(_ call: CallID, tenant: TenantName, for peer: AdministrationPeer) async throws(AdministrationProblem) -> RecordDetail {
        try await authorize(peer, as: .records)
        try await log(.recordShown, peer, .records, tenant: tenant, call: call)
        do throws(StorageError) {
            let stored = try await daemon.storage.stored(call, tenant: tenant)
            var states: [String: (ObjectReport, String)] = [:]
            for object in stored.summary.objects {
                states[object.object.description] = (try await stored.inspect(object.object), stored.path(of: object.object))
            }
            let transcript = try await stored.transcript().map { line in
                RecordDetail.Line(
                    speaker: line.speaker == .caller ? "caller" : "agent", from: line.from.milliseconds, to: line.to.milliseconds,
                    text: line.text)
            }
            return RecordDetail(
                record: report(stored.summary, states: states),
                document: try await stored.document(.record).map { String(decoding: $0, as: UTF8.self) },
                consentEvidence: try await stored.document(.consent).map { String(decoding: $0, as: UTF8.self) }, transcript: transcript)
        } catch { throw problem(error) }
    }

    func export(
        _ call: CallID, tenant: TenantName, for peer: AdministrationPeer
    ) async throws(AdministrationProblem) -> AsyncThrowingStream<[UInt8], any Error> {
        try await authorize(peer, as: .records)
        let stored: StoredCall
        do throws(StorageError) { stored = try await daemon.storage.stored(call, tenant: tenant) } catch { throw problem(error) }
        guard stored.summary.objects.contains(where: { $0.object.kind == .audio }) else {
            throw AdministrationProblem(.notFound, "the call has no recording")
        }
        try await log(.recordExported, peer, .records, tenant: tenant, call: call)
        let pieces = ExportPieces(RecordingExport(call: stored))
        return AsyncThrowingStream { try await pieces.next() }
    }

    private func report(_ summary: SealedStorage.CallSummary, states: [String: (ObjectReport, String)]) -> RecordReport {
        RecordReport(
            call: summary.place.call.description, tenant: summary.place.tenant.text, startedAt: summary.place.started.rfc3339,
            endedAt: summary.ended?.rfc3339, direction: summary.direction, trunk: summary.trunk, policyVersion: summary.policyVersion,
            termination: summary.termination, consent: summary.consent,
            objects: summary.objects.map { object in
                let name = object.object.description
                let checked = states[name]
                return RecordReport.Object(
                    name: name, state: checked.map { Self.word($0.0.state) } ?? (object.closing == nil ? "unfinished" : "unchecked"),
                    segments: object.closing?.segments ?? checked?.0.segments, bytes: object.closing?.bytes, lost: object.closing?.lost,
                    path: checked?.1)
            })
    }

    private static func word(_ state: ObjectReport.State) -> String {
        switch state {
        case .closed: "closed"
        case .unfinished: "unfinished"
        case .truncated: "truncated"
        case .tampered: "tampered"
        }
    }

    // MARK: - Audit

    func audit(from first: UInt64, limit: Int, for peer: AdministrationPeer) async throws(AdministrationProblem) -> [AuditReport] {
        try await authorize(peer, as: .auditor)
        try await log(.auditListed, peer, .auditor, facts: ["from": String(first)])
        let folder = daemon.state.started.machine.storage.audit
        do throws(AuditError) {
            return try AuditReader(folder: folder).entries(from: first, limit: max(1, min(limit, 1_000))).map {
                AuditReport(sequence: $0.sequence, entry: String(decoding: $0.json, as: UTF8.self))
            }
        } catch { throw AdministrationProblem(.failed, error.description) }
    }

    func auditKey(for peer: AdministrationPeer) async throws(AdministrationProblem) -> AuditKeyReport {
        try await authorize(peer, as: .auditor)
        return AuditKeyReport(
            verifierKey: daemon.verifierKey, folder: daemon.state.started.machine.storage.audit,
            head: String(decoding: daemon.auditLog.signedHead, as: UTF8.self))
    }
}
