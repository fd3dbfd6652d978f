public import SottoBase

/// A time of the week in which a rule holds.
public struct HourWindow: Hashable, Sendable, CustomStringConvertible {
    /// 1 is Monday, 7 Sunday (ISO 8601). The day on which the window starts.
    public let days: Set<Int>
    /// Minutes after midnight, 0 to 1,439. `from` later than `to` runs over midnight.
    public let from: Int
    public let to: Int
    /// Minutes that local time is ahead of UTC, -720 to 840. Summer time is not followed.
    public let utcOffset: Int

    public init(days: Set<Int>, from: Int, to: Int, utcOffset: Int) {
        self.days = days
        self.from = from
        self.to = to
        self.utcOffset = utcOffset
    }

    public func contains(_ time: WallTime) -> Bool {
        let minutes = Self.floorDivide(time.milliseconds, by: 60_000) &+ Int64(utcOffset)
        let day = Self.floorDivide(minutes, by: 1_440)
        let minute = Int(minutes &- day &* 1_440)
        func weekday(_ day: Int64) -> Int { Int(((day &+ 3) % 7 + 7) % 7) + 1 }  // 1970-01-01 was a Thursday
        if from <= to { return days.contains(weekday(day)) && (from..<to).contains(minute) }
        return (minute >= from && days.contains(weekday(day))) || (minute < to && days.contains(weekday(day &- 1)))
    }

    private static func floorDivide(_ a: Int64, by b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

    public var description: String {
        func clock(_ m: Int) -> String { "\(m / 60 < 10 ? "0" : "")\(m / 60):\(m % 60 < 10 ? "0" : "")\(m % 60)" }
        return "\(clock(from))-\(clock(to))"
    }
}

/// One thing that a fraud rule asks about a call. All of a rule's conditions must hold.
public enum FraudCondition: Hashable, Sendable {
    /// The called number starts with one of these (`+881`).
    case calleePrefix([String])
    /// The calling number starts with one of these.
    case callerPrefix([String])
    /// The caller shows no number (true) or shows one (false).
    case callerWithheld(Bool)
    case trunk([TrunkName])
    case tenant([TenantName])
    case hours(HourWindow)

    /// The key in `when = { … }`.
    public var key: String {
        switch self {
        case .calleePrefix: "callee-prefix"
        case .callerPrefix: "caller-prefix"
        case .callerWithheld: "caller-withheld"
        case .trunk: "trunk"
        case .tenant: "tenant"
        case .hours: "hours"
        }
    }

    public static let keys = ["callee-prefix", "caller-prefix", "caller-withheld", "trunk", "tenant", "hours", "days", "utc-offset"]
}

public enum FraudAction: Hashable, Sendable {
    case allow
    /// Refuse with this status, 400 to 699 (603 by default).
    case refuse(status: Int)
    /// Tell the operator; the next rules still count.
    case alert
}

/// A `[[fraud.rule]]`. The first that matches and decides wins; `alert` and observed rules do not decide.
public struct FraudRule: Hashable, Sendable {
    public let name: String
    /// Empty: it matches every call.
    public let conditions: [FraudCondition]
    public let action: FraudAction
    /// Dry run: what it would have done is reported, nothing is done.
    public let isObserved: Bool
    public let rule: RuleReference

    public init(name: String, conditions: [FraudCondition], action: FraudAction, isObserved: Bool = false, location: SourceLocation) {
        self.name = name
        self.conditions = conditions
        self.action = action
        self.isObserved = isObserved
        rule = RuleReference("fraud rule \(name)", at: location)
    }

    /// The last rule, written out: what no other rule decided is allowed.
    public static func everythingElse(location: SourceLocation) -> FraudRule {
        FraudRule(name: "everything-else", conditions: [], action: .allow, location: location)
    }
}
