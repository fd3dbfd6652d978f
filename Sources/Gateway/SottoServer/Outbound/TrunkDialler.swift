internal import Calls
internal import NIOCore
internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SIPTransport
internal import SottoBase

/// Finds calls a way to their trunk: resolves its servers, takes the next healthy hop, opens or reuses a connection to it (RFC 3263 §4.3).
///
/// Names are resolved off the call loop. Everything here is touched on the call loop alone.
final class TrunkDialler: @unchecked Sendable {  // proof: mutable state is touched on `loop` alone
    /// One call's way through the hops of a trunk.
    private struct Search {
        let call: CallID
        let trunk: TrunkReference
        /// Not resolved yet.
        var servers: ArraySlice<TrunkServer>
        /// Whose hops these are.
        var server: TrunkServer?
        /// Not tried yet.
        var hops: ArraySlice<HopPlan.Hop> = []
        /// Where the call is now.
        var current: ServerHealth.Server?
        /// Why the last hop was none; for the record when all fail.
        var lastFailure = "the trunk has no server"
        var resolution: Task<Void, Never>?
        var tried = 0
    }

    /// Hops that one call tries at most, however many its records name.
    private static let hopsPerCall = 16

    private let loop: any EventLoop
    private let transport: SIPConnections
    private let resolver: NameResolver
    private let access: TrunkAccessTable
    private let directory: TrunkDirectory
    private let health: TrunkHealth
    private var searches: [DialID: Search] = [:]
    private let answer: (CallTable.Input) -> Void
    /// A registrar's routes and the contact it knows, for calls by its trunk.
    var registration: (TrunkReference) -> TrunkRegistrations.Route? = { _ in nil }

    init(
        loop: any EventLoop, transport: SIPConnections, resolver: NameResolver, access: TrunkAccessTable, directory: TrunkDirectory,
        health: TrunkHealth, answer: @escaping (CallTable.Input) -> Void
    ) {
        self.loop = loop
        self.transport = transport
        self.resolver = resolver
        self.access = access
        self.directory = directory
        self.health = health
        self.answer = answer
    }

    /// Calls that look for a way.
    var count: Int { searches.count }

    func perform(_ instruction: DialInstruction, for call: CallID) {
        loop.preconditionInEventLoop()
        switch instruction {
        case .begin(let dial, let trunk, let redirect):
            guard let outbound = access.access(trunk)?.outbound else {
                return later(.notDialled(call, dial, "the trunk is gone"))
            }
            var servers = outbound.servers[...]
            if let redirect {
                // The call follows only targets within the trunk's own domains; what cannot be read is none.
                let port = redirect.port.map { ":\($0)" } ?? ""
                guard outbound.isOwn(host: redirect.host.string), let server = TrunkServer(redirect.host.string + port) else {
                    return later(.notDialled(call, dial, "the redirection leads elsewhere"))
                }
                servers = [server]
            }
            searches[dial] = Search(call: call, trunk: trunk, servers: servers)
            advance(dial)
        case .next(let dial, let outcome):
            report(dial, outcome)
            advance(dial)
        case .over(let dial, let outcome):
            if let outcome { report(dial, outcome) }
            searches.removeValue(forKey: dial)?.resolution?.cancel()
        }
    }

    private func report(_ dial: DialID, _ outcome: HopOutcome) {
        guard let current = searches[dial]?.current else { return }
        searches[dial]?.current = nil
        health.report(outcome, of: current)
    }

    // MARK: - The way

    private func advance(_ dial: DialID) {
        guard var search = searches[dial] else { return }
        while let hop = search.hops.popFirst() {
            guard let server = search.server, search.tried < Self.hopsPerCall else { break }
            let key = ServerHealth.Server(trunk: search.trunk, address: hop.address)
            guard health.mayUse(key) else {
                search.lastFailure = "\(server) is out of rotation"
                continue
            }
            guard let target = access.hop(search.trunk, server: server, address: hop.address),
                let peer = directory.peer(of: search.trunk)
            else { return end(dial, "the trunk is gone") }
            search.tried += 1
            search.current = key
            searches[dial] = search
            transport.dial(target, as: peer, local: target.local).whenSuccess { [self] result in
                loop.execute { self.connected(dial, server, target.local, result) }
            }
            return
        }
        searches[dial] = search
        guard let server = search.servers.popFirst() else { return end(dial, search.lastFailure) }
        search.server = server
        search.resolution = Task { [resolver, loop] in
            let plan = await resolver.plan(HopTarget(host: server.host, port: server.port ?? (server.isAddress ? 5_061 : nil)))
            loop.execute { self.resolved(dial, server, plan) }
        }
        searches[dial] = search
    }

    private func resolved(_ dial: DialID, _ server: TrunkServer, _ plan: Result<HopPlan, NameFailure>) {
        guard searches[dial]?.server == server else { return }
        switch plan {
        case .success(let plan): searches[dial]?.hops = plan.hops[...]
        case .failure(let failure): searches[dial]?.lastFailure = "\(server): \(failure)"
        }
        advance(dial)
    }

    private func connected(
        _ dial: DialID, _ server: TrunkServer, _ local: AdvertisedAddress, _ result: Result<ConnectionID, DialFailure>
    ) {
        guard let search = searches[dial] else { return }
        switch result {
        case .success(let connection):
            if let address = search.current?.address { access.connected(search.trunk, server, address) }
            let route = registration(search.trunk)
            let hop = DialledHop(
                connection: connection, name: server.description, credentials: access.access(search.trunk)?.credentials,
                routes: route?.routes ?? [], contactUser: route?.contactUser, localHost: local.host,
                isIPv6: search.current?.address.isIPv6)
            answer(.dialled(search.call, dial, hop))
        case .failure(let failure):
            searches[dial]?.lastFailure = "\(server): \(failure)"
            switch failure {
            case .tooManyDials, .draining: searches[dial]?.current = nil
            case .refused, .timedOut, .unreachable, .tls, .keyNotPinned: report(dial, .unreachable)
            }
            advance(dial)
        }
    }

    private func end(_ dial: DialID, _ why: String) {
        guard let search = searches.removeValue(forKey: dial) else { return }
        search.resolution?.cancel()
        later(.notDialled(search.call, dial, why))
    }

    /// Never within the turn that asked.
    private func later(_ input: CallTable.Input) { loop.execute { self.answer(input) } }
}
