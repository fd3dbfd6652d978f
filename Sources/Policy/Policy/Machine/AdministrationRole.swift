/// What somebody at the admin socket may do. Roles do not include each other: a user may have several.
public enum AdministrationRole: String, Hashable, Sendable, CaseIterable {
    /// Status, calls, events.
    case viewer
    /// Reload, drain, end a call.
    case `operator`
    /// Records: list, show, export. Each is audited.
    case records
    /// The audit log.
    case auditor
}

/// A `[[admin.role]]`: whom the kernel's peer credentials must show.
public struct AdministrationRule: Hashable, Sendable {
    public let role: AdministrationRole
    public let users: Set<UInt32>
    public let groups: Set<UInt32>
    public let location: SourceLocation

    public init(role: AdministrationRole, users: Set<UInt32>, groups: Set<UInt32>, location: SourceLocation = .builtIn) {
        self.role = role
        self.users = users
        self.groups = groups
        self.location = location
    }
}

extension PolicySnapshot {
    /// The roles of a peer by its credentials. Nobody has a role that no rule gives: root has none either.
    public func roles(user: UInt32, groups: Set<UInt32>) -> Set<AdministrationRole> {
        Set(administrators.filter { $0.users.contains(user) || !$0.groups.isDisjoint(with: groups) }.map(\.role))
    }

    /// Whether a peer may act in `role`, with the rule that says so.
    public func mayAct(as role: AdministrationRole, user: UInt32, groups: Set<UInt32>) -> Result<DecisionReason, RefusedByPolicy> {
        let rules = administrators.filter { $0.role == role }
        if let rule = rules.first(where: { $0.users.contains(user) || !$0.groups.isDisjoint(with: groups) }) {
            return .success(DecisionReason(RuleReference("admin role \(role.rawValue)", at: rule.location), "peer credentials match"))
        }
        return .failure(
            RefusedByPolicy(
                DecisionReason(
                    RuleReference("admin role \(role.rawValue)", at: rules.first?.location ?? location),
                    "uid \(user) has not the role \(role.rawValue)")))
    }
}

/// A refusal as an error. Harmless to log.
public struct RefusedByPolicy: Error, Hashable, Sendable, CustomStringConvertible {
    public let reason: DecisionReason
    public init(_ reason: DecisionReason) { self.reason = reason }
    public var description: String { reason.description }
}
