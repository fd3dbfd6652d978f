internal import AuditLog
internal import Logging
internal import SottoBase

/// The daemon's hand on the audit log. Acts of the daemon itself are logged behind their doing; privileged acts of people are logged
/// before they are answered (`appendBeforeAnswering`), and refused when they cannot be.
final class AuditTrail: Sendable {
    private let log: AuditWriter
    private let events: EventLog

    init(log: AuditWriter, events: EventLog) {
        self.log = log
        self.events = events
    }

    /// Logs what happened. A failure raises an alert: the calls go on.
    func append(_ entries: [AuditEntry]) async {
        do throws(AuditError) { _ = try await log.append(entries) } catch {
            events.note(.error, "audit.failed", [("reason", error.description)])
        }
    }

    func append(_ entry: AuditEntry) async { await append([entry]) }

    /// As `append`, without waiting; entries of one thread keep their order.
    func note(_ entry: AuditEntry) {
        log.submit([entry]) { [events] result in
            if case .failure(let error) = result { events.note(.error, "audit.failed", [("reason", error.description)]) }
        }
    }

    /// Durable when it returns; throws when it is not, and then the act must be refused.
    func appendBeforeAnswering(_ entry: AuditEntry) async throws(AuditError) { _ = try await log.append([entry]) }
}
