internal import Policy

/// A table that is being read against its row of the reference. Making one reports unknown and missing keys; each question reports a
/// value of the wrong kind and answers nil for it, so that reading goes on and finds the rest.
struct Section {
    let schema: ConfigurationTable
    let table: TOMLTable
    let file: String
    let findings: Findings
    let location: SourceLocation

    init(_ schema: ConfigurationTable, _ table: TOMLTable, file: String, findings: Findings, position: TextPosition? = nil) {
        self.schema = schema
        self.table = table
        self.file = file
        self.findings = findings
        let place = position ?? table.position
        location = SourceLocation(file: file, line: place.line, column: place.column)
        let keys = schema.keys
        for entry in table.entries where !keys.contains(entry.key) {
            let place = SourceLocation(file: file, line: entry.keyPosition.line, column: entry.keyPosition.column)
            let nearest = Suggestion.nearest(to: entry.key, among: keys)
            let later = schema.later[entry.key]
            findings.error(
                at: place,
                "unknown key '\(entry.key.shortened)' in \(schema.header)" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                expected: keys.isEmpty ? "no keys" : "one of " + keys.joined(separator: ", "), hint: later)
        }
        for field in schema.fields where field.isRequired && table[field.key] == nil {
            findings.error(
                at: location, "key '\(field.key)' is missing in \(schema.header)", expected: field.type, hint: field.text)
        }
    }

    // MARK: - Places

    func place(of key: String) -> SourceLocation {
        guard let entry = entry(key) else { return location }
        return place(entry.node)
    }

    func place(_ node: TOMLNode) -> SourceLocation {
        SourceLocation(file: file, line: node.position.line, column: node.position.column)
    }

    func has(_ key: String) -> Bool { entry(key) != nil }

    /// Reports that `key`'s value is not acceptable.
    func refuse(_ key: String, _ message: String, expected: String? = nil, hint: String? = nil) {
        findings.error(at: place(of: key), message, expected: expected, hint: hint)
    }

    private func entry(_ key: String) -> TOMLTable.Entry? {
        precondition(schema.keys.contains(key), "the reference does not list '\(key)' in \(schema.header)")
        return table[key]
    }

    private func refuse(_ node: TOMLNode, _ key: String, expected: String) {
        findings.error(at: place(node), "'\(key)' is \(node.kind)", expected: expected)
    }

    // MARK: - Values

    func text(_ key: String, longest: Int = 256) -> String? {
        guard let node = entry(key)?.node else { return nil }
        return text(node, key, longest: longest)
    }

    private func text(_ node: TOMLNode, _ key: String, longest: Int) -> String? {
        guard case .string(let text) = node.value else {
            refuse(node, key, expected: "a string in quotes")
            return nil
        }
        guard text.utf8.count <= longest else {
            findings.error(at: place(node), "'\(key)' is too long", expected: "at most \(longest) bytes")
            return nil
        }
        guard !text.contains(where: \.isControl) else {
            findings.error(at: place(node), "'\(key)' holds control characters", expected: "printable text")
            return nil
        }
        return text
    }

    func flag(_ key: String) -> Bool? {
        guard let node = entry(key)?.node else { return nil }
        guard case .boolean(let flag) = node.value else {
            refuse(node, key, expected: "true or false")
            return nil
        }
        return flag
    }

    func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = entry(key)?.node else { return nil }
        guard case .integer(let value) = node.value else {
            refuse(node, key, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        guard let number = Int(exactly: value), range.contains(number) else {
            findings.error(at: place(node), "'\(key)' is out of range", expected: "\(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    func number(_ key: String, in range: ClosedRange<Double>) -> Double? {
        guard let node = entry(key)?.node else { return nil }
        let value: Double
        switch node.value {
        case .integer(let integer): value = Double(integer)
        case .float(let number): value = number
        default:
            refuse(node, key, expected: "a number from \(range.lowerBound.short) to \(range.upperBound.short)")
            return nil
        }
        guard range.contains(value) else {
            findings.error(
                at: place(node), "'\(key)' is out of range", expected: "\(range.lowerBound.short) to \(range.upperBound.short)")
            return nil
        }
        return value
    }

    func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        guard let node = entry(key)?.node else { return nil }
        let expected = "a duration from \(DurationText.write(range.lowerBound)) to \(DurationText.write(range.upperBound)), like \"30s\""
        guard case .string(let text) = node.value else {
            findings.error(at: place(node), "'\(key)' is \(node.kind)", expected: expected, hint: "units: \(DurationText.units)")
            return nil
        }
        guard let duration = DurationText.read(text) else {
            findings.error(
                at: place(node), "'\(text.shortened)' is not a duration", expected: expected, hint: "units: \(DurationText.units)")
            return nil
        }
        guard range.contains(duration) else {
            findings.error(at: place(node), "'\(key)' is out of range", expected: expected)
            return nil
        }
        return duration
    }

    /// A word out of a fixed set. `later` holds words of the design that this version refuses, with the reason.
    func choice<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ type: Word.Type = Word.self, except: [Word] = [], later: [String: String] = [:]
    ) -> Word? where Word: Equatable {
        guard let node = entry(key)?.node else { return nil }
        return choice(node, key, type, except: except, later: later)
    }

    private func choice<Word: RawRepresentable<String> & CaseIterable>(
        _ node: TOMLNode, _ key: String, _ type: Word.Type, except: [Word], later: [String: String]
    ) -> Word? where Word: Equatable {
        let words = Word.allCases.filter { !except.contains($0) }.map(\.rawValue)
        let expected = words.count == 1 ? "\"\(words[0])\"" : "one of " + words.joined(separator: ", ")
        guard case .string(let text) = node.value else {
            refuse(node, key, expected: expected)
            return nil
        }
        if let word = Word(rawValue: text), !except.contains(word) { return word }
        let nearest = later[text] == nil ? Suggestion.nearest(to: text, among: words) : nil
        findings.error(
            at: place(node), "'\(text.shortened)' is not a value of '\(key)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
            expected: expected, hint: later[text])
        return nil
    }

    /// A list of words; nil when one of them is none.
    func choices<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ type: Word.Type = Word.self, later: [String: String] = [:]
    ) -> [Word]? where Word: Equatable {
        guard let elements = elements(key, expected: "a list of strings", atMost: 64) else { return nil }
        let words = elements.compactMap { choice($0, key, type, except: [], later: later) }
        return words.count == elements.count ? words : nil
    }

    /// A text that `read` understands.
    func value<Value>(_ key: String, expected: String, hint: String? = nil, _ read: (String) -> Value?) -> Value? {
        guard let node = entry(key)?.node, let text = text(node, key, longest: 4_096) else { return nil }
        guard let value = read(text) else {
            findings.error(at: place(node), "'\(text.shortened)' is not acceptable for '\(key)'", expected: expected, hint: hint)
            return nil
        }
        return value
    }

    /// A list of texts, or a single text, each of which `read` understands; nil when it does not understand one.
    func values<Value>(
        _ key: String, expected: String, hint: String? = nil, atMost: Int = 1_024, _ read: (String) -> Value?
    ) -> [Value]? {
        guard let node = entry(key)?.node else { return nil }
        let nodes: [TOMLNode]
        if case .string = node.value {
            nodes = [node]
        } else {
            guard let elements = elements(key, expected: "a list of strings", atMost: atMost) else { return nil }
            nodes = elements
        }
        let values = nodes.compactMap { node -> Value? in
            guard let text = text(node, key, longest: 256) else { return nil }
            guard let value = read(text) else {
                findings.error(at: place(node), "'\(text.shortened)' is not acceptable in '\(key)'", expected: expected, hint: hint)
                return nil
            }
            return value
        }
        return values.count == nodes.count ? values : nil
    }

    /// The texts of a list, or of a single string, each with its place; nil when there is something else.
    func texts(_ key: String, expected: String, atMost: Int) -> [(text: String, place: SourceLocation)]? {
        guard let node = entry(key)?.node else { return nil }
        var nodes = [node]
        if case .string = node.value {} else {
            guard let elements = elements(key, expected: expected, atMost: atMost) else { return nil }
            nodes = elements
        }
        let texts = nodes.compactMap { node in text(node, key, longest: 256).map { ($0, place(node)) } }
        return texts.count == nodes.count ? texts : nil
    }

    /// Whether the value is this string; nothing is reported.
    func isText(_ key: String, _ wanted: String) -> Bool {
        if case .string(wanted)? = entry(key)?.node.value { true } else { false }
    }

    func integers(_ key: String, in range: ClosedRange<Int>, atMost: Int = 256) -> [Int]? {
        elements(key, expected: "a list of whole numbers", atMost: atMost)?.compactMap { node in
            guard case .integer(let value) = node.value, let number = Int(exactly: value), range.contains(number) else {
                findings.error(
                    at: place(node), "an element of '\(key)' is not acceptable",
                    expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
                return nil
            }
            return number
        }
    }

    private func elements(_ key: String, expected: String, atMost: Int) -> [TOMLNode]? {
        guard let node = entry(key)?.node else { return nil }
        guard case .array(let elements) = node.value else {
            refuse(node, key, expected: expected)
            return nil
        }
        guard elements.count <= atMost else {
            findings.error(at: place(node), "'\(key)' has too many elements", expected: "at most \(atMost)")
            return nil
        }
        return elements
    }

    // MARK: - Tables

    func section(_ key: String, _ schema: ConfigurationTable) -> Section? {
        guard let entry = entry(key) else { return nil }
        guard case .table(let table) = entry.node.value else {
            refuse(entry.node, key, expected: "a table")
            return nil
        }
        return Section(schema, table, file: file, findings: findings)
    }

    func sections(_ key: String, _ schema: ConfigurationTable, atMost: Int) -> [Section] {
        guard let entry = entry(key) else { return [] }
        let expected = "a list of tables, each \(schema.header)"
        guard case .array(let elements) = entry.node.value else {
            if case .table = entry.node.value {
                findings.error(
                    at: place(entry.node), "'\(key)' is a single table", expected: expected, hint: "write double brackets: [[…]]")
            } else {
                refuse(entry.node, key, expected: expected)
            }
            return []
        }
        guard elements.count <= atMost else {
            findings.error(at: place(entry.node), "too many \(schema.header)", expected: "at most \(atMost)")
            return []
        }
        return elements.compactMap { node in
            guard case .table(let table) = node.value else {
                refuse(node, key, expected: expected)
                return nil
            }
            return Section(schema, table, file: file, findings: findings)
        }
    }
}

extension String {
    /// For messages: never a whole essay.
    var shortened: String { count > 48 ? prefix(48) + "…" : self }
}

extension Double {
    /// Without `.0`.
    fileprivate var short: String { Int(exactly: self).map(String.init) ?? "\(self)" }
}
