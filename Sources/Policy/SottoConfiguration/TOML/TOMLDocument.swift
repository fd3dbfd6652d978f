internal import CTOML

/// A place in a text: line and column count from 1, columns in characters.
struct TextPosition: Hashable, Sendable {
    var line: Int
    var column: Int
}

/// A parsed value with its place.
struct TOMLNode: Sendable {
    indirect enum Value: Sendable {
        case table(TOMLTable)
        case array([TOMLNode])
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        /// A date or time: no key wants one.
        case date
    }

    let value: Value
    let position: TextPosition

    /// What a person calls it: `a string`, `a table`.
    var kind: String {
        switch value {
        case .table: "a table"
        case .array: "a list"
        case .string: "a string"
        case .integer: "a whole number"
        case .float: "a number"
        case .boolean: "true or false"
        case .date: "a date"
        }
    }
}

/// A table's entries in the order of the text.
struct TOMLTable: Sendable {
    struct Entry: Sendable {
        let key: String
        let keyPosition: TextPosition
        let node: TOMLNode
    }

    let entries: [Entry]
    let position: TextPosition

    subscript(key: String) -> Entry? { entries.first { $0.key == key } }
}

/// A syntax error, with its place.
struct TOMLSyntaxError: Error, Sendable {
    let message: String
    let position: TextPosition
}

enum TOMLDocument {
    /// Longest line that is accepted, in bytes: it bounds the depth of dotted keys, on which toml++ recurses.
    static let longestLine = 4_096

    static func parse(_ bytes: [UInt8]) throws(TOMLSyntaxError) -> TOMLTable {
        for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() where line.count > longestLine {
            throw TOMLSyntaxError(
                message: "the line is longer than \(longestLine) bytes", position: TextPosition(line: index + 1, column: 1))
        }
        let document: OpaquePointer? = bytes.withUnsafeBytes { raw in
            sotto_toml_parse(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
        }
        guard let document else { throw TOMLSyntaxError(message: "no memory", position: TextPosition(line: 1, column: 1)) }
        defer { sotto_toml_free(document) }
        var line: UInt32 = 0
        var column: UInt32 = 0
        if let message = sotto_toml_error(document, &line, &column) {
            throw TOMLSyntaxError(message: String(cString: message), position: TextPosition(line: Int(line), column: Int(column)))
        }
        var count = 0
        let start = sotto_toml_entries(document, &count)
        var reader = EntryReader(entries: UnsafeBufferPointer(start: start, count: count))
        guard case .table(let table)? = reader.next()?.node.value else {
            preconditionFailure("ctoml begins with the root table")
        }
        return table
    }
}

/// Turns ctoml's flat row back into a tree. Depth is bounded by toml++ (256 nested values) and by the longest line.
private struct EntryReader {
    let entries: UnsafeBufferPointer<sotto_toml_entry>
    var index = 0

    mutating func next() -> (key: String, keyPosition: TextPosition, node: TOMLNode)? {
        guard index < entries.count else { return nil }
        let entry = entries[index]
        index += 1
        let position = TextPosition(line: Int(entry.line), column: Int(entry.column))
        let value: TOMLNode.Value
        switch Int(entry.kind) {
        case SOTTO_TOML_TABLE:
            var children: [TOMLTable.Entry] = []
            for _ in 0..<entry.children {
                guard let (key, keyPosition, node) = next() else { break }
                children.append(TOMLTable.Entry(key: key, keyPosition: keyPosition, node: node))
            }
            // toml++ sorts by key.
            children.sort { ($0.keyPosition.line, $0.keyPosition.column) < ($1.keyPosition.line, $1.keyPosition.column) }
            value = .table(TOMLTable(entries: children, position: position))
        case SOTTO_TOML_ARRAY:
            var elements: [TOMLNode] = []
            for _ in 0..<entry.children {
                guard let child = next() else { break }
                elements.append(child.node)
            }
            value = .array(elements)
        case SOTTO_TOML_STRING: value = .string(Self.text(entry.text, entry.text_length))
        case SOTTO_TOML_INTEGER: value = .integer(entry.integer)
        case SOTTO_TOML_FLOAT: value = .float(entry.number)
        case SOTTO_TOML_BOOLEAN: value = .boolean(entry.integer != 0)
        default: value = .date
        }
        return (
            Self.text(entry.key, entry.key_length), TextPosition(line: Int(entry.key_line), column: Int(entry.key_column)),
            TOMLNode(value: value, position: position)
        )
    }

    private static func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
    }
}
