public import SottoBase

/// Where a route leads.
public enum RouteTarget: Hashable, Sendable, CustomStringConvertible {
    /// A dialogue of the tenant, by name.
    case agent(String)
    /// A final status, 400 to 699.
    case reject(status: Int)
    /// The caller hears itself: for tests of a line.
    case echo
    /// Another trunk of the tenant, which has an outbound part: the call is bridged.
    case trunk(TrunkName)

    public var description: String {
        switch self {
        case .agent(let name): "agent:\(name)"
        case .reject(let status): "reject:\(status)"
        case .echo: "echo"
        case .trunk(let name): "trunk:\(name)"
        }
    }
}

/// How a called number is changed on its way to a trunk: what `strip` names is taken off its beginning, then `add` is put there.
public struct NumberRewriting: Hashable, Sendable {
    public let strip: String
    public let add: String

    public init(strip: String = "", add: String = "") {
        self.strip = strip
        self.add = add
    }

    /// A number that does not begin with `strip`, or is nothing else, stays as it is.
    public func apply(to number: DialledNumber) -> DialledNumber {
        guard number.text.utf8.starts(with: strip.utf8), number.text.utf8.count > strip.utf8.count else { return number }
        return DialledNumber(user: add + String(decoding: number.text.utf8.dropFirst(strip.utf8.count), as: UTF8.self))
    }
}

/// A `[[route]]`: the first whose conditions all hold wins.
public struct RoutePolicy: Hashable, Sendable {
    /// Trunks that the call may come from; empty: any of the tenant's.
    public let from: [TrunkName]
    /// Called numbers; empty: any.
    public let toNumbers: [NumberPattern]
    /// Calling numbers; empty: any, also none.
    public let fromNumbers: [NumberPattern]
    public let target: RouteTarget
    /// Trunks that are tried in this order when `target`, a trunk, cannot take the call.
    public let failover: [TrunkName]
    /// For a trunk alone.
    public let rewriting: NumberRewriting
    public let rule: RuleReference

    public init(
        from: [TrunkName] = [], toNumbers: [NumberPattern] = [], fromNumbers: [NumberPattern] = [], target: RouteTarget,
        failover: [TrunkName] = [], rewriting: NumberRewriting = NumberRewriting(), rule: RuleReference
    ) {
        self.from = from
        self.toNumbers = toNumbers
        self.fromNumbers = fromNumbers
        self.target = target
        self.failover = failover
        self.rewriting = rewriting
        self.rule = rule
    }

    public func matches(trunk: TrunkName, called: DialledNumber, calling: DialledNumber?) -> Bool {
        (from.isEmpty || from.contains(trunk))
            && (toNumbers.isEmpty || toNumbers.contains { $0.matches(called) })
            && (fromNumbers.isEmpty || calling.map { number in fromNumbers.contains { $0.matches(number) } } ?? false)
    }
}
