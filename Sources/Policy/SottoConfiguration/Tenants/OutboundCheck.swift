internal import Policy

/// Whether calls can go out by a trunk that is named somewhere.
struct OutboundCheck {
    /// Names of the tenant's trunks as they are written, and whether they have an outbound part.
    let trunks: [String: Bool]
    let findings: Findings

    /// Reports a trunk that is not there or cannot call out.
    func isGood(_ name: String, at place: SourceLocation) -> Bool {
        guard let hasOutbound = trunks[name] else {
            let nearest = Suggestion.nearest(to: name, among: trunks.keys.sorted())
            findings.error(
                at: place, "there is no trunk '\(name.shortened)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                expected: trunks.isEmpty || trunks.count > 20
                    ? "a trunk of this tenant" : "one of " + trunks.keys.sorted().joined(separator: ", "))
            return false
        }
        if !hasOutbound {
            findings.error(
                at: place, "trunk '\(name)' cannot take calls: it has no outbound part",
                hint: "add outbound = { servers = [\"sip.carrier.example\"] } to [[trunk]] \(name)")
        }
        return hasOutbound
    }
}
