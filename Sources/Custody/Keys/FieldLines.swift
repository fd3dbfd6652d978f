/// Key files are text of one spelling: a title line, then `name value` lines in a fixed order, each ended by a newline.
///
///     sotto-call-key v1
///     tenant acme
///     call 0h8r…
enum FieldLines {
    static func write(_ title: String, _ fields: [(name: String, value: String)]) -> [UInt8] {
        var text = title + "\n"
        for (name, value) in fields { text += "\(name) \(value)\n" }
        return Array(text.utf8)
    }

    /// The values in the order of `names`; nil for anything else than exactly these lines.
    static func read(_ title: String, _ bytes: [UInt8], names: [String]) -> [String]? {
        guard bytes.count <= 16_384, bytes.allSatisfy({ $0 == 0x0A || (0x20...0x7E).contains($0) }) else { return nil }
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, lines.count == names.count + 1, lines[0].elementsEqual(title.utf8) else { return nil }
        var values: [String] = []
        for (line, name) in zip(lines.dropFirst(), names) {
            guard line.starts(with: Array((name + " ").utf8)) else { return nil }
            values.append(String(decoding: line.dropFirst(name.utf8.count + 1), as: UTF8.self))
        }
        return values
    }
}
