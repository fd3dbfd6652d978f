/// A file's text by lines, as diagnostics show it.
struct SourceText: Sendable {
    private let lines: [ArraySlice<UInt8>]

    init(_ bytes: [UInt8]) { lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false) }

    static let widest = 200

    /// Line `number`, counted from 1, without what a secret's key holds, and where `column` of the file is in it; nil when there is none.
    func line(_ number: Int, column: Int = 0) -> (text: String, caret: Int)? {
        guard number >= 1, number <= lines.count else { return nil }
        var bytes = lines[number - 1]
        if bytes.last == 0x0D { bytes = bytes.dropLast() }
        let text = String(String(decoding: bytes, as: UTF8.self).filter { $0 == "\t" || !$0.isControl })
        var mask = LineMask(column: column)
        let shown = mask.apply(to: text)
        return (shown.count > Self.widest ? String(shown.prefix(Self.widest)) + "…" : shown, mask.caret)
    }

    /// True when line `number` gives a value to a key that holds a secret, also in an inline table.
    func mayHoldSecret(_ number: Int) -> Bool {
        guard number >= 1, number <= lines.count else { return false }
        let line = String(decoding: lines[number - 1], as: UTF8.self)
        let parts = line.split(separator: "=", omittingEmptySubsequences: false)
        return parts.dropLast().contains { LineMask.namesSecret($0) }
    }
}

/// Takes out of a line what keys of secrets hold. Strings behind such a key are shown only when they are references, or so short
/// that they are no key (a dialogue's key). When the line's first key is one, all of it is masked; in an inline table each key counts by
/// itself.
private struct LineMask {
    private var isSecret = false
    private var isSecretLine = false
    private var isFirstKey = true
    private var result = ""
    /// Column of the line as it was, then moved by what is left out before it.
    private(set) var caret: Int
    private let column: Int

    init(column: Int = 0) {
        caret = column
        self.column = column
    }

    /// What begins so is no secret: references, and digests of public keys.
    private static let harmless = ["credential:", "file:", "vault:", "aws:", "sha256/"]

    static func namesSecret(_ text: Substring) -> Bool {
        var key = text[(text.lastIndex { $0 == "{" || $0 == "," } ?? text.startIndex)...].lowercased()
        key.removeAll { "{, \t\"'".contains($0) }
        if key == "rekey-roc" || key == "pinned-keys" { return false }
        // Also misspelled: pasword, root_key, apikeys.
        return ["pas", "pwd", "secret"].contains { key.contains($0) }
            || key.split { "-_.".contains($0) }.contains { $0.hasSuffix("key") || $0.hasSuffix("keys") }
    }

    mutating func apply(to line: String) -> String {
        var rest = line[...]
        // A key may be in quotes.
        var last: Substring = ""
        while true {
            let gap = rest.prefix { $0 != "\"" && $0 != "'" }
            guard add(gap, after: last), let quote = rest[gap.endIndex...].first else { return result }
            let body = rest[gap.endIndex...].dropFirst()
            let close = body.firstIndex(of: quote) ?? body.endIndex
            last = body[..<close]
            let isWhole = close != body.endIndex
            let isShown = !isSecret || Self.harmless.contains { last.hasPrefix($0) } || (last.count <= 2 && isWhole)
            result.append(quote)
            result += isShown ? last : "…"
            if !isShown, line.distance(from: line.startIndex, to: close) < column { caret += 1 - last.count }
            guard isWhole else { return result }
            result.append(quote)
            rest = body[body.index(after: close)...]
        }
    }

    /// What stands between strings. False when the rest of the line must not be shown: bare words behind a secret's key are none that
    /// TOML allows; a typing mistake may have left their quotes out.
    private mutating func add(_ gap: Substring, after last: Substring) -> Bool {
        var start = gap.startIndex
        while let equals = gap[start...].firstIndex(of: "=") {
            let before = gap[start..<equals]
            let key = before.allSatisfy { $0 == " " || $0 == "\t" } ? last : before
            isSecret = isSecretLine || Self.namesSecret(key)
            if isFirstKey { isSecretLine = isSecret }
            isFirstKey = false
            start = gap.index(after: equals)
            if isSecret, Self.holdsWords(gap[start...]) {
                result += gap[..<start] + " …"
                return false
            }
        }
        if isSecret, start == gap.startIndex, Self.holdsWords(gap) {
            result += " …"
            return false
        }
        if isSecret, let remark = gap.firstIndex(of: "#") {
            // Nobody knows what a remark beside a secret says.
            let end = gap[..<remark].lastIndex { $0 != " " && $0 != "\t" }.map { gap.index(after: $0) } ?? gap.startIndex
            result += gap[..<end]
            return false
        }
        result += gap
        return true
    }

    /// Whether there is more than brackets and commas before the next key or a remark.
    private static func holdsWords(_ text: Substring) -> Bool {
        let end = text.firstIndex(of: "=").map { text[..<$0].lastIndex { $0 == "," || $0 == "{" } ?? text.startIndex } ?? text.endIndex
        return text[..<end].prefix { $0 != "#" }.contains { !" \t,[]{}".contains($0) }
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
        // Among so many names a guess helps nobody, and each costs time.
        for candidate in candidates.prefix(256) {
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
