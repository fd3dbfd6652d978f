internal import SottoBase

/// Finds where SIP over TLS is served for a domain (RFC 3263 §4, RFC 2782), as a pure machine: it names questions, and takes answers.
///
///     start ──literal address──────────────────────────────────────────────────────▶ done
///       ├──explicit port──────────────────────────────────────▶ addresses ──────────▶ done
///       └──▶ naptr ──SIPS+D2T──▶ srv of each replacement ──▶ addresses of the targets
///              └──none──▶ srv of _sips._tcp ──none──▶ addresses of the domain, port 5061
///
/// Only TLS is ever planned: records for UDP and TCP are passed over, so that sips is never downgraded.
struct HopPlanner {
    enum Step: Equatable {
        /// All of these, at the same time; then `answered`.
        case ask([DNSQuestion])
        case done(Result<HopPlan, NameFailure>)
    }

    private struct Target: Equatable {
        let name: String
        let port: UInt16
    }

    private enum State {
        case naptr
        /// Replacements that are left, the one that was asked first.
        case servers([String], isLastResort: Bool)
        case addresses([Target])
        case done
    }

    static let port: UInt16 = 5_061
    static let maximumTargets = 32
    static let maximumHops = 64

    private let domain: String
    private let prefersIPv6: Bool
    private var state = State.done
    private var lifetime = Duration.seconds(3_600)
    private let first: Step

    init(_ target: HopTarget, prefersIPv6: Bool = false) {
        self.prefersIPv6 = prefersIPv6
        if let address = PeerAddress(host: target.host, port: target.port ?? Self.port) {
            domain = ""
            first = .done(.success(HopPlan(hops: [HopPlan.Hop(address: address, name: address.hostText)], lifetime: .seconds(3_600))))
            return
        }
        guard let name = dnsName(target.host) else {
            domain = ""
            first = .done(.failure(.invalidName))
            return
        }
        domain = name
        // RFC 6761 §6.3.
        if name == "localhost" || name.hasSuffix(".localhost") {
            let loopback = PeerAddress(host: "127.0.0.1", port: target.port ?? Self.port)
            first = .done(
                loopback.map { .success(HopPlan(hops: [HopPlan.Hop(address: $0, name: name)], lifetime: .seconds(3_600))) }
                    ?? .failure(.invalidName))
        } else if let port = target.port {
            state = .addresses([Target(name: name, port: port)])  // RFC 3263 §4.2: a port ends the search
            first = .ask(Self.questions([Target(name: name, port: port)]))
        } else {
            state = .naptr
            first = .ask([DNSQuestion(name: name, kind: .naptr)])
        }
    }

    func start() -> Step { first }

    /// `answers` of every question of the last `ask`; a missing one counts as failed.
    mutating func answered(_ answers: [DNSQuestion: DNSAnswer], entropy: inout some RandomNumberGenerator) -> Step {
        for answer in answers.values {
            if case .failed = answer { continue }
            lifetime = min(lifetime, answer.lifetime)
        }
        switch state {
        case .naptr:
            return askServers(replacements(answers[DNSQuestion(name: domain, kind: .naptr)]))
        case .servers(let names, let isLastResort):
            let answer = names.first.flatMap { answers[DNSQuestion(name: $0, kind: .srv)] } ?? .failed(.serverFailed)
            return serversAnswered(answer, rest: Array(names.dropFirst()), isLastResort, &entropy)
        case .addresses(let targets):
            state = .done
            return .done(plan(targets, answers))
        case .done:
            preconditionFailure("a plan that is done has asked nothing")
        }
    }

    // MARK: - Services

    /// RFC 3263 §4.1: services that are TLS over TCP, by order and preference. A failure is no reason to give up: SRV may still answer.
    private func replacements(_ answer: DNSAnswer?) -> [String] {
        guard case .records(let records, _)? = answer else { return [] }
        let usable = records.compactMap { record -> (order: UInt16, preference: UInt16, name: String)? in
            guard case .pointer(let order, let preference, let flags, let service, let hasExpression, let replacement) = record,
                service.uppercased() == "SIPS+D2T", flags.uppercased() == "S", !hasExpression, let name = dnsName(replacement)
            else { return nil }
            return (order, preference, name)
        }
        return usable.sorted { ($0.order, $0.preference) < ($1.order, $1.preference) }.prefix(4).map(\.name)
    }

    private mutating func askServers(_ names: [String]) -> Step {
        let isLastResort = names.isEmpty
        let names = isLastResort ? ["_sips._tcp." + domain] : names
        guard let name = dnsName(names[0]) else { return askAddresses([Target(name: domain, port: Self.port)]) }
        state = .servers(names, isLastResort: isLastResort)
        return .ask([DNSQuestion(name: name, kind: .srv)])
    }

    private mutating func serversAnswered(
        _ answer: DNSAnswer, rest: [String], _ isLastResort: Bool, _ entropy: inout some RandomNumberGenerator
    ) -> Step {
        switch answer {
        case .records(let records, _):
            let servers = records.compactMap { record -> Server? in
                guard case .server(let priority, let weight, let port, let target) = record else { return nil }
                return Server(priority: priority, weight: weight, target: Target(name: target, port: port))
            }
            // RFC 2782: the root as the only target says that the service is not offered.
            if servers.count == 1, servers[0].target.name.isEmpty { return finish(.failure(.noService)) }
            let usable = Self.ordered(servers.filter { dnsName($0.target.name) != nil && $0.target.port != 0 }, &entropy)
            if !usable.isEmpty { return askAddresses(Array(usable.map(\.target).prefix(Self.maximumTargets))) }
        case .failed(let failure):
            // Not the same as "there is none": the domain's own address may be somebody else's.
            if rest.isEmpty { return finish(.failure(failure)) }
        case .none:
            break
        }
        if !rest.isEmpty { return askServers(rest) }
        if !isLastResort { return askServers([]) }
        return askAddresses([Target(name: domain, port: Self.port)])  // RFC 3263 §4.2
    }

    private struct Server {
        let priority: UInt16
        let weight: UInt16
        let target: Target
    }

    /// RFC 2782: by priority, and within one drawn by weight; those without weight stand first, so that they are drawn rarely.
    private static func ordered(_ servers: [Server], _ entropy: inout some RandomNumberGenerator) -> [Server] {
        var ordered: [Server] = []
        for priority in Set(servers.map(\.priority)).sorted() {
            let group = servers.filter { $0.priority == priority }
            var left = group.filter { $0.weight == 0 } + group.filter { $0.weight != 0 }
            while !left.isEmpty {
                let sum = left.reduce(0) { $0 + Int($1.weight) }
                let drawn = Int.random(in: 0...sum, using: &entropy)
                var running = 0
                let index = left.firstIndex { server in
                    running += Int(server.weight)
                    return running >= drawn
                }
                ordered.append(left.remove(at: index ?? 0))
            }
        }
        return ordered
    }

    // MARK: - Addresses

    private mutating func askAddresses(_ targets: [Target]) -> Step {
        state = .addresses(targets)
        return .ask(Self.questions(targets))
    }

    private static func questions(_ targets: [Target]) -> [DNSQuestion] {
        var seen: Set<String> = []
        return targets.compactMap { dnsName($0.name) }.filter { seen.insert($0).inserted }
            .flatMap { [DNSQuestion(name: $0, kind: .a), DNSQuestion(name: $0, kind: .aaaa)] }
    }

    private func plan(_ targets: [Target], _ answers: [DNSQuestion: DNSAnswer]) -> Result<HopPlan, NameFailure> {
        var hops: [HopPlan.Hop] = []
        var failure: NameFailure?
        for target in targets {
            let kinds: [DNSQuestion.Kind] = prefersIPv6 ? [.aaaa, .a] : [.a, .aaaa]
            for kind in kinds {
                switch answers[DNSQuestion(name: dnsName(target.name) ?? "", kind: kind)] {
                case .records(let records, _):
                    for case .address(let bytes) in records {
                        guard let address = PeerAddress(bytes: bytes, port: target.port), !address.isUnspecified, !address.isMulticast,
                            !address.isReserved, !hops.contains(where: { $0.address == address })
                        else { continue }
                        hops.append(HopPlan.Hop(address: address, name: target.name))
                    }
                case .failed(let reason): failure = reason
                case .some(.none), nil: break
                }
            }
        }
        guard !hops.isEmpty else { return .failure(failure ?? .noRecords) }
        return .success(HopPlan(hops: Array(hops.prefix(Self.maximumHops)), lifetime: lifetime))
    }

    private mutating func finish(_ result: Result<HopPlan, NameFailure>) -> Step {
        state = .done
        return .done(result)
    }
}
