import SottoBase
import SottoTestPeer
import Synchronization

@testable import SottoServer

/// Everything that the daemon noted, at every level.
final class EventRecord: Sendable {
    private let noted = Mutex<[ServerEvent]>([])

    init(_ daemon: Daemon) {
        guard let stream = daemon.events.follow() else { return }
        Task { [weak self] in
            for await event in stream { self?.noted.withLock { $0.append(event) } }
        }
    }

    var all: [ServerEvent] { noted.withLock { $0 } }
    func all(_ name: String, of call: CallID? = nil) -> [ServerEvent] { all.filter { $0.name == name && (call == nil || $0.call == call) } }

    @discardableResult
    func next(
        _ name: String, of call: CallID? = nil, within limit: Duration = .seconds(10), where fits: (ServerEvent) -> Bool = { _ in true }
    ) async throws -> ServerEvent {
        try await wait("event \(name)", within: limit) { all(name, of: call).first(where: fits) }
    }

    /// All of it as text.
    var text: String {
        all.map { event in "\(event.call.map { String("\($0)".suffix(4)) } ?? "-") \(event.name) \(event.fields.map { "\($0.name)=\($0.value)" }.joined(separator: " "))" }.joined(separator: "\n")
    }
}

extension ServerEvent {
    subscript(_ field: String) -> String? { fields.first { $0.name == field }?.value }
}
