/// Reads the small part of TOML that the facts files use: tables, arrays of tables, and one-line values that are strings, booleans,
/// integers, dates or arrays of strings. Anything else is an error: the file is ours and embedded in the executable.
struct FactsTable: Equatable {
    enum Value: Equatable {
        case text(String)
        case flag(Bool)
        case number(Int)
        /// A date or anything bare.
        case bare(String)
        case list([String])
    }

    /// Name in brackets, empty for the top.
    let name: String
    let isArrayElement: Bool
    let line: Int
    fileprivate(set) var values: [String: Value] = [:]

    func text(_ key: String) -> String? { if case .text(let text)? = values[key] { text } else { nil } }
    func list(_ key: String) -> [String]? { if case .list(let list)? = values[key] { list } else { nil } }
    func flag(_ key: String) -> Bool? { if case .flag(let flag)? = values[key] { flag } else { nil } }
    func number(_ key: String) -> Int? { if case .number(let number)? = values[key] { number } else { nil } }

    static func parse(_ bytes: [UInt8]) throws(ConsentFactsError) -> [FactsTable] {
        var tables = [FactsTable(name: "", isArrayElement: false, line: 0)]
        for (index, raw) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            var line = FactsLine(raw)
            line.skipSpaces()
            guard !line.isAtEnd else { continue }
            if line.skip(UInt8(ascii: "[")) {
                let isArray = line.skip(UInt8(ascii: "["))
                guard let name = line.bareWord(), line.skip(UInt8(ascii: "]")), !isArray || line.skip(UInt8(ascii: "]")), line.isAtLineEnd
                else { throw ConsentFactsError(line: number, rule: "a table's name in brackets") }
                guard isArray || !tables.contains(where: { $0.name == name }) else {
                    throw ConsentFactsError(line: number, rule: "a table's name once")
                }
                tables.append(FactsTable(name: name, isArrayElement: isArray, line: number))
                continue
            }
            guard let key = line.bareWord() else { throw ConsentFactsError(line: number, rule: "a key") }
            line.skipSpaces()
            guard line.skip(UInt8(ascii: "=")) else { throw ConsentFactsError(line: number, rule: "'=' after the key") }
            line.skipSpaces()
            guard let value = line.value(), line.isAtLineEnd else { throw ConsentFactsError(line: number, rule: "a value of a known form") }
            guard tables[tables.count - 1].values.updateValue(value, forKey: key) == nil else {
                throw ConsentFactsError(line: number, rule: "each key once")
            }
        }
        return tables
    }
}

/// What is wrong with a facts file, by line.
public struct ConsentFactsError: Error, Equatable, Sendable, CustomStringConvertible {
    public let line: Int
    /// What was expected there.
    public let rule: String

    public var description: String { "consent facts, line \(line): expected \(rule)" }
}

private struct FactsLine {
    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line.last == 0x0D ? line.dropLast() : line }

    /// True at the end or at a comment.
    var isAtEnd: Bool { rest.isEmpty || rest.first == UInt8(ascii: "#") }

    var isAtLineEnd: Bool {
        var copy = self
        copy.skipSpaces()
        return copy.isAtEnd
    }

    mutating func skipSpaces() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func bareWord() -> String? {
        let word = rest.prefix { byte in
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
        }
        guard !word.isEmpty else { return nil }
        rest = rest.dropFirst(word.count)
        return String(decoding: word, as: UTF8.self)
    }

    mutating func value() -> FactsTable.Value? {
        if let text = string() { return .text(text) }
        if skip(UInt8(ascii: "[")) {
            var items: [String] = []
            skipSpaces()
            while !skip(UInt8(ascii: "]")) {
                guard let item = string() else { return nil }
                items.append(item)
                skipSpaces()
                if skip(UInt8(ascii: ",")) { skipSpaces() } else if rest.first != UInt8(ascii: "]") { return nil }
            }
            return .list(items)
        }
        guard let word = bareWord() else { return nil }
        switch word {
        case "true": return .flag(true)
        case "false": return .flag(false)
        default: return Int(word).map { .number($0) } ?? .bare(word)
        }
    }

    /// A basic string without escapes.
    private mutating func string() -> String? {
        guard rest.first == UInt8(ascii: "\"") else { return nil }
        let body = rest.dropFirst().prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        guard rest.dropFirst(body.count + 1).first == UInt8(ascii: "\"") else { return nil }
        rest = rest.dropFirst(body.count + 2)
        return String(decoding: body, as: UTF8.self)
    }
}
