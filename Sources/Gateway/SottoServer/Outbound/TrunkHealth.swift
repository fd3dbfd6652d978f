internal import Calls
internal import Logging
internal import Policy
internal import SottoBase

/// The breakers of all trunks' servers, with a word to the log for each that opens or closes. Call loop alone.
final class TrunkHealth {
    private var servers = ServerHealth()
    private let access: TrunkAccessTable
    private let events: EventLog

    init(access: TrunkAccessTable, events: EventLog) {
        self.access = access
        self.events = events
    }

    var outOfRotation: Int { servers.openCount(now: SystemClock.now) }

    func mayUse(_ server: ServerHealth.Server) -> Bool { servers.mayUse(server, now: SystemClock.now) }

    func report(_ outcome: HopOutcome, of server: ServerHealth.Server) {
        guard let breaker = access.access(server.trunk)?.outbound.breaker else { return }
        let place = [("trunk", server.trunk.description), ("server", server.address.text)]
        switch servers.report(outcome, of: server, policy: breaker, now: SystemClock.now) {
        case nil: break
        case .opened(let duration):
            events.note(
                .warning, "trunk.server-out", tenant: server.trunk.tenant,
                place + [("because", outcome.word), ("for-s", String(duration.components.seconds))])
        case .closed:
            events.note(.notice, "trunk.server-back", tenant: server.trunk.tenant, place)
        }
    }

    func policyChanged() {
        let trunks = Set(access.trunks)
        servers.keep { trunks.contains($0) }
    }
}

extension HopOutcome {
    var word: String {
        switch self {
        case .alive: "alive"
        case .unavailable: "503"
        case .silent: "no answer"
        case .unreachable: "unreachable"
        }
    }
}
