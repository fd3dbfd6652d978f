internal import Policy

/// Collects what is found while files are read. One instance for a whole load; it never leaves it.
final class Findings {
    /// More would not be read by anybody.
    static let atMost = 100

    private(set) var diagnostics: [Diagnostic] = []
    private(set) var places = ConfigurationPlaces()
    private var dropped = 0

    func register(_ file: String, _ text: SourceText) { places.texts[file] = text }

    /// Remembers where a key stands whose value is looked at only later.
    func note(_ key: String, of section: SourceLocation, at place: SourceLocation) {
        places.places[ConfigurationPlaces.Key(section: section, key: key)] = place
    }

    /// True also when the error is among those that are not kept.
    private(set) var hasErrors = false

    func error(at location: SourceLocation, _ message: String, expected: String? = nil, hint: String? = nil) {
        add(.error, location, message, expected, hint)
    }

    func warning(at location: SourceLocation, _ message: String, expected: String? = nil, hint: String? = nil) {
        add(.warning, location, message, expected, hint)
    }

    private func add(_ severity: Diagnostic.Severity, _ location: SourceLocation, _ message: String, _ expected: String?, _ hint: String?) {
        if severity == .error { hasErrors = true }
        guard diagnostics.count < Self.atMost else {
            dropped += 1
            return
        }
        let line = places.texts[location.file]?.line(location.line, column: location.column)
        diagnostics.append(
            Diagnostic(severity, at: location, message, expected: expected, hint: hint, line: line?.text, caret: line?.caret))
    }

    /// In the order of the files' names and lines.
    var sorted: [Diagnostic] {
        var result = diagnostics.enumerated().sorted { a, b in
            a.element.location == b.element.location ? a.offset < b.offset : a.element.location < b.element.location
        }.map(\.element)
        if dropped > 0 {
            result.append(Diagnostic(.error, at: SourceLocation(file: "…"), "\(dropped) more findings are not shown"))
        }
        return result
    }
}
