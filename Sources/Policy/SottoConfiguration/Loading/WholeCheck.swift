internal import Policy
internal import SottoBase

/// What can only be seen when all files are read: trunks that cannot be told apart, certificates that nobody asks for.
struct WholeCheck {
    let tenants: [TenantPolicy]
    let machine: MachineReader.Result?
    let findings: Findings

    func run() {
        checkIdentities()
        checkCertificates()
        checkFraudTenants()
        checkListeners()
        checkKeying()
    }

    /// Two trunks with the same claim would make the order of files decide whose call it is.
    private func checkIdentities() {
        var claims: [String: (trunk: TrunkReference, location: SourceLocation)] = [:]
        for tenant in tenants {
            for trunk in tenant.trunks {
                let reference = TrunkReference(tenant: tenant.name, trunk: trunk.name)
                let peers = trunk.identity.peers.map { "\($0)" }
                let names = trunk.identity.certificateIdentities
                let keys: [String]
                if peers.isEmpty || names.isEmpty || !trunk.identity.needsBoth {
                    keys = peers + names.map { "certificate identity \($0)" }
                } else {
                    keys = peers.flatMap { peer in names.map { "\(peer) with certificate identity \($0)" } }
                }
                for key in keys.unique {
                    if let other = claims[key] {
                        findings.error(
                            at: trunk.location, "trunk '\(reference)' cannot be told from trunk '\(other.trunk)': both claim \(key)",
                            hint: "see \(other.location)")
                    } else {
                        claims[key] = (reference, trunk.location)
                    }
                }
            }
        }
    }

    private func checkCertificates() {
        guard let machine, machine.machine.listeners.allSatisfy({ $0.clientCertificates == .none }) else { return }
        for tenant in tenants {
            for trunk in tenant.trunks where !trunk.identity.certificateIdentities.isEmpty {
                let isReachable = !trunk.identity.needsBoth && !trunk.identity.peers.isEmpty
                guard !isReachable else { continue }
                findings.error(
                    at: trunk.location, "trunk '\(trunk.name)' needs a certificate, but no listener asks for one",
                    hint: "set client-certificates = \"optional\" and client-ca in a [[sip.listener]]")
            }
        }
    }

    private func checkFraudTenants() {
        let known = Set(tenants.map(\.name))
        for rule in machine?.fraudRules ?? [] {
            for case .tenant(let names) in rule.conditions {
                for name in names where !known.contains(name) {
                    findings.error(
                        at: rule.rule.location, "rule '\(rule.name)' names tenant '\(name)', which has no file",
                        hint: Suggestion.nearest(to: name.text, among: known.map(\.text).sorted()).map { "did you mean '\($0)'?" })
                }
            }
        }
    }

    private func checkListeners() {
        guard let listeners = machine?.machine.listeners.map(\.name) else { return }
        for outbound in tenants.flatMap(\.trunks).compactMap(\.outbound) {
            guard let name = outbound.listener, !listeners.contains(name) else { continue }
            let nearest = Suggestion.nearest(to: name, among: listeners)
            findings.error(
                at: findings.places.place(of: "listener", in: outbound.location),
                "there is no listener '\(name)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                expected: "one of " + listeners.joined(separator: ", "))
        }
    }

    /// Keys by DTLS need a machine that has it.
    private func checkKeying() {
        guard let machine, !machine.machine.media.hasDTLS else { return }
        for trunk in tenants.flatMap(\.trunks) {
            switch trunk.media.keying {
            case .sdes: break
            case .dtls:
                findings.error(
                    at: trunk.location, "trunk '\(trunk.name)' wants keys by DTLS, which this machine has not",
                    hint: "remove dtls = false from [media] of sotto.toml")
            case .any:
                findings.warning(at: trunk.location, "trunk '\(trunk.name)' gets keys by SDES alone: [media] has dtls = false")
            }
        }
    }
}
