/// A file's text by lines, as diagnostics show it.
struct SourceText: Sendable {
    private let lines: [ArraySlice<UInt8>]

    init(_ bytes: [UInt8]) { lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false) }

    static let widest = 200

    /// Line `number`, counted from 1, without what a secret's key holds; nil when there is none.
    func line(_ number: Int) -> String? {
        guard number >= 1, number <= lines.count else { return nil }
        var bytes = lines[number - 1]
        if bytes.last == 0x0D { bytes = bytes.dropLast() }
        let text = String(String(decoding: bytes, as: UTF8.self).filter { $0 == "\t" || !$0.isControl })
        let shown = Self.maskingSecrets(text)
        return shown.count > Self.widest ? String(shown.prefix(Self.widest)) + "…" : shown
    }

    /// True when line `number` gives a value to a key that holds a secret.
    func mayHoldSecret(_ number: Int) -> Bool {
        guard number >= 1, number <= lines.count else { return false }
        return Self.secretValue(in: String(decoding: lines[number - 1], as: UTF8.self)) != nil
    }

    /// Where the value begins, behind a key that names a secret; nil for any other line.
    private static func secretValue(in line: String) -> String.Index? {
        guard let equals = line.firstIndex(of: "="), secretWords.contains(where: { line[..<equals].lowercased().contains($0) }) else {
            return nil
        }
        return line.index(after: equals)
    }

    private static let secretWords = ["key", "password", "secret", "passphrase"]
    private static let schemes = ["credential:", "file:", "vault:", "aws:"]

    /// Strings after a key that names a secret are shown only when they are references.
    static func maskingSecrets(_ line: String) -> String {
        guard let start = secretValue(in: line) else { return line }
        var result = String(line[..<start])
        var rest = line[start...]
        while let open = rest.firstIndex(where: { $0 == "\"" || $0 == "'" }) {
            let quote = rest[open]
            result += rest[...open]
            let body = rest[rest.index(after: open)...]
            let close = body.firstIndex(of: quote) ?? body.endIndex
            result += schemes.contains { body.hasPrefix($0) } ? body[..<close] : "…"
            if close == body.endIndex { return result }
            result.append(quote)
            rest = body[body.index(after: close)...]
        }
        // A bare value is none that TOML allows for a secret; a typing mistake may have left its quotes out.
        let bare = rest.drop { $0 == " " }
        if result.last == "=", let first = bare.first, first != "{", first != "[", first != "#" { return result + " …" }
        return result + rest
    }
}

extension Character {
    var isControl: Bool { unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
}

/// Finds what was probably meant.
enum Suggestion {
    /// The candidate that differs least from `word`, if it is near enough: at most a third of its letters, at least one.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(1, min(word.count, 32) / 3)
        var best: (distance: Int, candidate: String)?
        for candidate in candidates {
            let distance = Self.distance(Array(word.prefix(64)), Array(candidate.prefix(64)))
            if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
        }
        return best?.candidate
    }

    /// Edit distance with neighbours exchanged counting once. Case and `_` for `-` cost nothing.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        func fold(_ c: Character) -> Character { c == "_" ? "-" : Character(c.lowercased().first.map(String.init) ?? String(c)) }
        let a = a.map(fold)
        let b = b.map(fold)
        var previous2: [Int] = []
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var current = [i + 1]
            for j in 0..<b.count {
                var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, previous2[j - 1] + 1) }
                current.append(cost)
            }
            previous2 = previous
            previous = current
        }
        return previous[b.count]
    }
}
