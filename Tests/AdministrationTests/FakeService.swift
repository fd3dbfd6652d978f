import AdministrationAPI
import SottoBase
import Synchronization

/// A daemon that answers what a test told it to, and remembers who asked what.
final class FakeService: AdministrationService {
    struct Asked: Equatable, Sendable {
        var request: AdministrationRequest
        var peer: AdministrationPeer
    }

    struct Script: Sendable {
        var problem: AdministrationProblem?
        /// Never answers `status` before the task is cancelled.
        var isStuck = false
        var reload = ReloadReport(isAccepted: true, policyVersion: "p2", diagnostics: [], needsRestart: [])
        var pieces: [[UInt8]] = [Array("RIFF".utf8), Array(repeating: 7, count: 200_000)]
        /// Fails after its pieces.
        var breaks: (any Error)?
        /// Gives pieces without end.
        var isEndless = false
        var auditKey = AuditKeyReport(verifierKey: "sotto.test+00000000+AAAA", folder: "/nowhere", head: "head\n")
    }

    struct Broken: Error {}

    static let call = CallID(high: 1, low: 2)
    static let tenant = TenantName("acme")

    private struct State {
        var script = Script()
        var asked: [Asked] = []
        var followers: [Int: AsyncStream<EventReport>.Continuation] = [:]
        var followersTotal = 0
        var pulled = 0
        var cancelled = 0
    }

    private let state = Mutex(State())

    init(_ configure: (inout Script) -> Void = { _ in }) {
        state.withLock { configure(&$0.script) }
    }

    var asked: [Asked] { state.withLock { $0.asked } }
    var followers: Int { state.withLock { $0.followers.count } }
    /// Pieces that an export was asked for.
    var pulled: Int { state.withLock { $0.pulled } }
    var cancelled: Int { state.withLock { $0.cancelled } }

    func happened(_ event: String, call: CallID? = nil, fields: [String: String] = [:]) {
        let report = EventReport(
            time: "2026-01-02T03:04:05.678Z", level: "info", event: event, call: call?.description, tenant: "acme", fields: fields)
        for follower in state.withLock({ Array($0.followers.values) }) { follower.yield(report) }
    }

    private func note(_ request: AdministrationRequest, _ peer: AdministrationPeer) throws(AdministrationProblem) {
        let problem = state.withLock { state in
            state.asked.append(Asked(request: request, peer: peer))
            return state.script.problem
        }
        if let problem { throw problem }
    }

    // MARK: - AdministrationService

    func status(for peer: AdministrationPeer) async throws(AdministrationProblem) -> StatusReport {
        try note(.status, peer)
        if state.withLock({ $0.script.isStuck }) {
            let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
            for await _ in stream {}
            continuation.finish()
            state.withLock { $0.cancelled += 1 }
        }
        return StatusReport(
            version: "9.9", state: "running", startedAt: "2026-01-01T00:00:00Z", policyVersion: "p1",
            listeners: [.init(name: "sips", address: "127.0.0.1:5061", certificateExpires: nil)],
            gauges: ["calls": 0, "calls-limit": 1_000],
            counters: ["calls_total": 12], alerts: ["disk \u{1B}[31mfull"])
    }

    func calls(for peer: AdministrationPeer) async throws(AdministrationProblem) -> [CallReport] {
        try note(.calls, peer)
        return [
            CallReport(
                call: Self.call.description, tenant: "acme", trunk: "carrier-a", state: "talking", arrivedAt: "2026-01-01T00:00:01Z",
                answeredAt: nil, route: "agent:reception", codec: "opus", suite: nil, consent: "asking", isPayment: false)
        ]
    }

    func trace(_ call: CallID, for peer: AdministrationPeer) async throws(AdministrationProblem) -> TraceReport {
        try note(.trace(call), peer)
        return TraceReport(
            call: call.description,
            steps: [
                .init(
                    time: "2026-01-01T00:00:01.000Z", direction: "received", leg: 0, summary: "INVITE sip:+4930xxxxx42@sbc.example",
                    text: "INVITE sip:+4930xxxxx42@sbc.example SIP/2.0\nCSeq: 1 INVITE"),
                .init(time: "2026-01-01T00:00:01.002Z", direction: "sent", leg: 1, summary: "100 \u{1B}[31mTrying", text: "SIP/2.0 100 Trying"),
            ], left: 3)
    }

    func endCall(_ call: CallID, for peer: AdministrationPeer) async throws(AdministrationProblem) { try note(.endCall(call), peer) }

    func reload(for peer: AdministrationPeer) async throws(AdministrationProblem) -> ReloadReport {
        try note(.reload, peer)
        return state.withLock { $0.script.reload }
    }

    func drain(for peer: AdministrationPeer) async throws(AdministrationProblem) { try note(.drain, peer) }

    private static let record = RecordReport(
        call: call.description, tenant: "acme", startedAt: "2026-01-01T00:00:01Z", endedAt: nil, direction: "inbound", trunk: "carrier-a",
        policyVersion: "p1", termination: nil, consent: "granted",
        objects: [.init(name: "audio.caller.0", state: "unfinished", segments: 3, bytes: 4_096, lost: nil, path: "/records/a")])

    func records(
        tenant: TenantName, number: String?, limit: Int, for peer: AdministrationPeer
    ) async throws(AdministrationProblem) -> [RecordReport] {
        try note(number.map { .searchRecords(tenant, number: $0, limit: limit) } ?? .records(tenant, limit: limit), peer)
        return [Self.record]
    }

    func record(_ call: CallID, tenant: TenantName, for peer: AdministrationPeer) async throws(AdministrationProblem) -> RecordDetail {
        try note(.record(call, tenant: tenant), peer)
        return RecordDetail(
            record: Self.record, document: "{\"legs\":[{\"codec\":\"opus\"}],\"masked\":2}", consentEvidence: nil,
            transcript: [.init(speaker: "caller", from: 62_345, to: 63_000, text: "my card is [card]")])
    }

    func export(
        _ call: CallID, tenant: TenantName, for peer: AdministrationPeer
    ) async throws(AdministrationProblem) -> AsyncThrowingStream<[UInt8], any Error> {
        try note(.export(call, tenant: tenant), peer)
        let script = state.withLock { $0.script }
        return AsyncThrowingStream { [self] in
            let number = state.withLock { state in
                state.pulled += 1
                return state.pulled - 1
            }
            if script.isEndless { return Array(repeating: 1, count: 65_536) }
            if number < script.pieces.count { return script.pieces[number] }
            if let error = script.breaks { throw error }
            return nil
        }
    }

    func audit(from first: UInt64, limit: Int, for peer: AdministrationPeer) async throws(AdministrationProblem) -> [AuditReport] {
        try note(.audit(from: first, limit: limit), peer)
        return [
            AuditReport(
                sequence: first,
                entry: #"{"v":1,"sequence":5,"time":"2026-01-01T00:00:00Z","act":"call.ended","actor":"daemon","facts":{"policy":"p1"}}"#
            )
        ]
    }

    func auditKey(for peer: AdministrationPeer) async throws(AdministrationProblem) -> AuditKeyReport {
        try note(.auditKey, peer)
        return state.withLock { $0.script.auditKey }
    }

    func events(for peer: AdministrationPeer) async throws(AdministrationProblem) -> AsyncStream<EventReport> {
        try note(.events, peer)
        let (stream, continuation) = AsyncStream.makeStream(of: EventReport.self, bufferingPolicy: .bufferingNewest(64))
        let number = state.withLock { state in
            state.followersTotal += 1
            state.followers[state.followersTotal] = continuation
            return state.followersTotal
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.followers[number] = nil } }
        return stream
    }
}
