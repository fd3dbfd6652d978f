/// A place in a configuration file: what a decision or an error points at.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible, Comparable {
    /// Relative to the configuration folder: `sotto.toml`, `tenants/acme.toml`.
    public let file: String
    /// Counted from 1; 0 when the place is a whole file or a built-in default.
    public let line: Int
    /// Counted from 1 in characters; 0 when only the line is known.
    public let column: Int

    public init(file: String, line: Int = 0, column: Int = 0) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// A default that no file wrote down.
    public static let builtIn = SourceLocation(file: "built-in")

    public var description: String {
        if line == 0 { return file }
        return column == 0 ? "\(file):\(line)" : "\(file):\(line):\(column)"
    }

    public static func < (a: SourceLocation, b: SourceLocation) -> Bool { (a.file, a.line, a.column) < (b.file, b.line, b.column) }
}

/// A rule by its name and its place. Every decision carries one, for the operator; the peer is told little.
public struct RuleReference: Hashable, Sendable, CustomStringConvertible {
    /// `route 2`, `fraud rule no-premium`, `trunk carrier-a limits.calls`.
    public let name: String
    public let location: SourceLocation

    public init(_ name: String, at location: SourceLocation) {
        self.name = name
        self.location = location
    }

    public var description: String { "\(name) (\(location))" }
}

/// Why something was decided: the rule, and a sentence that is harmless to log (it holds no caller's number and no secret).
public struct DecisionReason: Hashable, Sendable, CustomStringConvertible {
    public let rule: RuleReference
    public let detail: String

    public init(_ rule: RuleReference, _ detail: String) {
        self.rule = rule
        self.detail = detail
    }

    public var description: String { "\(detail): \(rule)" }
}
