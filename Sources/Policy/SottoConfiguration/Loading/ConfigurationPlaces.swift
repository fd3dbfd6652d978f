internal import Policy

/// Where keys stand in the files that were read, for what is found only later: when the files that they point at are looked at.
struct ConfigurationPlaces: Sendable {
    struct Key: Hashable, Sendable {
        /// Of the table.
        let section: SourceLocation
        let key: String
    }

    var places: [Key: SourceLocation] = [:]
    var texts: [String: SourceText] = [:]

    /// The table's own place when the key is not written there.
    func place(of key: String, in section: SourceLocation) -> SourceLocation { places[Key(section: section, key: key)] ?? section }

    /// A finding about `key` of the table at `section`; at the table itself when the key is not written there.
    func diagnostic(
        _ severity: Diagnostic.Severity, _ key: String, in section: SourceLocation, _ message: String, hint: String?
    ) -> Diagnostic {
        let place = place(of: key, in: section)
        let line = texts[place.file]?.line(place.line, column: place.column)
        return Diagnostic(severity, at: place, message, hint: hint, line: line?.text, caret: line?.caret)
    }
}
