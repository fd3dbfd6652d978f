internal import Calls
internal import Logging
internal import NIOCore
internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SIPTransport
internal import SottoBase

/// Keeps us registered with the trunks that want it (SIPconnect 2.0, registration mode): dials, registers, and dials anew when the flow
/// is gone (RFC 5626 §4.2). Call loop alone.
final class TrunkRegistrations: @unchecked Sendable {  // proof: mutable state is touched on `loop` alone
    /// What calls by a registered trunk carry.
    struct Route: Equatable {
        /// RFC 3608 §5
        var routes: [NameAddress]
        var contactUser: String
    }

    private struct Entry {
        let id: RegistrationID
        var registration: TrunkRegistration
        var route: Route?
        var isBegun = false
        var isDialling = false
        /// When to try again; nil: nothing is to be done, or it is under way.
        var due: Instant?
        var failures = 0
        var isDown = true
    }

    private let loop: any EventLoop
    private let transport: SIPConnections
    private let resolver: NameResolver
    private let access: TrunkAccessTable
    private let directory: TrunkDirectory
    private let health: TrunkHealth
    private let events: EventLog
    private let perform: (SIPEndpointCommand) -> Void
    private let alert: (String, Bool) -> Void
    private var entries: [TrunkReference: Entry] = [:]
    private var trunks: [RegistrationID: TrunkReference] = [:]
    private var next: UInt64 = 0
    private var isStopping = false
    private var entropy = SystemRandomNumberGenerator()

    init(
        loop: any EventLoop, transport: SIPConnections, resolver: NameResolver, access: TrunkAccessTable, directory: TrunkDirectory,
        health: TrunkHealth, events: EventLog, alert: @escaping (String, Bool) -> Void, perform: @escaping (SIPEndpointCommand) -> Void
    ) {
        self.loop = loop
        self.transport = transport
        self.resolver = resolver
        self.access = access
        self.directory = directory
        self.health = health
        self.events = events
        self.alert = alert
        self.perform = perform
    }

    var upCount: Int { entries.values.filter { !$0.isDown }.count }
    func route(_ trunk: TrunkReference) -> Route? { entries[trunk]?.route }

    // MARK: - Time and policy

    func ticked(now: Instant) {
        guard !isStopping else { return }
        for trunk in access.trunks {
            guard let registration = access.access(trunk)?.outbound.registration else { continue }
            if entries[trunk] == nil {
                next &+= 1
                entries[trunk] = Entry(id: RegistrationID(next), registration: registration, due: now)
                trunks[RegistrationID(next)] = trunk
            } else if entries[trunk]?.registration != registration {
                entries[trunk]?.registration = registration
                entries[trunk]?.due = now
            }
        }
        for (trunk, entry) in entries {
            guard access.access(trunk)?.outbound.registration != nil else {
                forget(trunk, entry)
                continue
            }
            if let due = entry.due, due <= now, !entry.isDialling { dial(trunk) }
        }
    }

    private func forget(_ trunk: TrunkReference, _ entry: Entry) {
        if entry.isBegun { perform(.unregister(entry.id)) }
        entries[trunk] = nil
        alert(Self.words(trunk), false)
    }

    /// Takes every registration back: the daemon stops.
    func stop() {
        isStopping = true
        for (trunk, entry) in entries { forget(trunk, entry) }
    }

    // MARK: - Dialling

    private func dial(_ trunk: TrunkReference) {
        guard let servers = access.access(trunk)?.outbound.servers else { return }
        entries[trunk]?.due = nil
        entries[trunk]?.isDialling = true
        Task { [resolver, loop] in
            var hops: [(TrunkServer, HopPlan.Hop)] = []
            for server in servers {
                let target = HopTarget(host: server.host, port: server.port ?? (server.isAddress ? 5_061 : nil))
                if case .success(let plan) = await resolver.plan(target) { hops += plan.hops.map { (server, $0) } }
            }
            let found = Array(hops.prefix(16))
            loop.execute { self.dial(trunk, found[...]) }
        }
    }

    private func dial(_ trunk: TrunkReference, _ hops: ArraySlice<(TrunkServer, HopPlan.Hop)>) {
        var rest = hops
        while let (server, hop) = rest.popFirst() {
            let key = ServerHealth.Server(trunk: trunk, address: hop.address)
            guard health.mayUse(key) else { continue }
            guard let target = access.hop(trunk, server: server, address: hop.address), let peer = directory.peer(of: trunk) else { break }
            let others = rest
            transport.dial(target, as: peer, local: target.local).whenSuccess { [self] result in
                loop.execute {
                    switch result {
                    case .success(let connection): self.register(trunk, connection)
                    case .failure:
                        self.health.report(.unreachable, of: key)
                        self.dial(trunk, others)
                    }
                }
            }
            return
        }
        entries[trunk]?.isDialling = false
        failed(trunk, "no server can be reached", retry: nil)
    }

    private func register(_ trunk: TrunkReference, _ connection: ConnectionID) {
        guard let entry = entries[trunk], let access = access.access(trunk), let registration = access.outbound.registration else { return }
        entries[trunk]?.isDialling = false
        entries[trunk]?.isBegun = true
        let domain = access.outbound.domainURI
        let user = access.outbound.scheme == .sips ? "sips:" : "sip:"
        let host = access.outbound.domain.contains(":") ? "[\(access.outbound.domain)]" : access.outbound.domain
        var wanted = Registration(
            connection: connection, registrar: domain,
            addressOfRecord: NameAddress(SIPURI(WireText("\(user)\(registration.user)@\(host)"))))
        wanted.contactUser = registration.contactUser
        wanted.expires = UInt32(clamping: registration.expires.components.seconds)
        wanted.credentials = access.credentials
        perform(.register(entry.id, wanted))
    }

    // MARK: - What the endpoint says

    func registered(_ id: RegistrationID, _ grant: RegistrationGrant) {
        guard let trunk = trunks[id], let entry = entries[trunk] else { return }
        entries[trunk]?.failures = 0
        entries[trunk]?.isDown = false
        entries[trunk]?.due = nil
        entries[trunk]?.route = Route(routes: grant.serviceRoutes, contactUser: entry.registration.contactUser)
        guard entry.isDown else { return }
        alert(Self.words(trunk), false)
        events.note(
            .notice, "trunk.registered", tenant: trunk.tenant, [("trunk", trunk.description), ("expires-s", String(grant.expires))])
    }

    func registrationFailed(_ id: RegistrationID, _ failure: RegistrationFailure, retry: Duration) {
        guard let trunk = trunks[id] else { return }
        switch failure {
        case .flowFailed, .unreachable: failed(trunk, "the connection was lost", retry: .zero)
        case .timedOut: failed(trunk, "no answer", retry: .zero)
        case .refused(let status): failed(trunk, "refused with \(status)", retry: nil, isRetriedByEndpoint: true)
        }
    }

    func unregistered(_ id: RegistrationID) { trunks[id] = nil }

    /// - Parameter retry: how soon another connection is dialled; nil: by the back-off of RFC 5626 §4.5.
    private func failed(_ trunk: TrunkReference, _ why: String, retry: Duration?, isRetriedByEndpoint: Bool = false) {
        guard var entry = entries[trunk], !isStopping else { return }
        let isNews = !entry.isDown || entry.failures == 0
        entry.isDown = true
        entry.failures += 1
        if !isRetriedByEndpoint {
            // The first loss is answered at once; then 2, 4, 8 … 300 s, half of it by chance.
            let longest = min(300, 1 << min(entry.failures, 9)) * 1_000
            let wait = entry.failures == 1 && retry != nil ? 0 : Int.random(in: longest / 2...longest, using: &entropy)
            entry.due = SystemClock.now + .milliseconds(wait)
        }
        entries[trunk] = entry
        alert(Self.words(trunk), true)
        if isNews {
            events.note(.warning, "trunk.registration-failed", tenant: trunk.tenant, [("trunk", trunk.description), ("reason", why)])
        }
    }

    private static func words(_ trunk: TrunkReference) -> String { "trunk \(trunk) is not registered" }
}
