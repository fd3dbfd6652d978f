public import Policy

/// One finding in the configuration, for a person: what is wrong, where, what was expected and what to do.
///
///     tenants/acme.toml:14:1: error: unknown key 'limit' in [[trunk]]; did you mean 'limits'?
///        14 | limit = { calls = 200 }
///           | ^
///       expected: one of name, peers, …
///       hint: …
///
/// It never shows a secret: values of keys that hold secrets are left out of the line.
public struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Severity: String, Hashable, Sendable {
        /// The configuration is refused.
        case error
        /// It is accepted.
        case warning
    }

    public let severity: Severity
    public let location: SourceLocation
    public let message: String
    public let expected: String?
    public let hint: String?
    /// The line of the file, secrets left out; nil when the whole file is meant.
    public let line: String?
    /// Where the caret stands below `line`, counted from 1: `location`'s column, moved by secrets that were left out before it.
    public let caret: Int

    public init(
        _ severity: Severity, at location: SourceLocation, _ message: String, expected: String? = nil, hint: String? = nil,
        line: String? = nil, caret: Int? = nil
    ) {
        self.severity = severity
        self.location = location
        self.message = message
        self.expected = expected
        self.hint = hint
        self.line = line
        self.caret = caret ?? location.column
    }

    /// The first line of `description` alone: for a log.
    public var summary: String { "\(location): \(severity.rawValue): \(message)" }

    public var description: String {
        var result = summary
        if let line, location.line > 0 {
            let number = String(location.line)
            let margin = String(repeating: " ", count: max(0, 5 - number.count))
            result += "\n\(margin)\(number) | \(line)"
            if caret > 0 {
                // Tabs stay tabs, so that the caret stands below its character.
                let before = line.prefix(caret - 1).map { $0 == "\t" ? "\t" : " " }.joined()
                result += "\n      | \(before)^"
            }
        }
        if let expected { result += "\n  expected: \(expected)" }
        if let hint { result += "\n  hint: \(hint)" }
        return result
    }
}

/// Why a configuration was refused: every error that was found, and the warnings beside them.
public struct ConfigurationFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let diagnostics: [Diagnostic]

    public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
