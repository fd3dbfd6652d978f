internal import Foundation

/// Words and their pronunciations in CMUdict's format (`word PH ON ES`, variants as `word(2)`).
struct PronouncingDictionary {
    private let lines: [String: [String]]

    /// Reads a dictionary file; the result keeps only words for which `wanted` holds.
    init(path: String, wanted: (String) -> Bool) throws(SpeechError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unavailable("pronouncing dictionary \(path) (Debian package pocketsphinx-en-us)")
        }
        var lines: [String: [String]] = [:]
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let space = line.firstIndex(where: { $0 == 0x20 || $0 == 0x09 }) else { continue }
            let entry = line[line.startIndex..<space]
            let base = entry.firstIndex(of: UInt8(ascii: "(")).map { entry[entry.startIndex..<$0] } ?? entry
            let word = String(decoding: base, as: UTF8.self)
            if wanted(word) { lines[word, default: []].append(String(decoding: line, as: UTF8.self)) }
        }
        self.lines = lines
    }

    func contains(_ word: String) -> Bool { lines[word] != nil }
    var words: [String] { lines.keys.sorted() }

    /// The dictionary of these words, in the same format.
    func text(of words: some Sequence<String>) -> String {
        words.flatMap { lines[$0] ?? [] }.joined(separator: "\n") + "\n"
    }
}
