import Foundation
import SottoConfiguration
import Testing

/// Each `Corpus/NAME.toml` is a file of a tenant (`tenant-…`) or a machine (`machine-…`); `NAME.txt` is what the loader says about it,
/// the file's name left out; an empty text: nothing. The other file is a good one.
///
/// A new fixture's text is written by hand or checked by eye; `SOTTO_RECORD_CORPUS=FOLDER` writes what the loader says now.
struct CorpusTests {
    static let folder = Bundle.module.url(forResource: "Corpus", withExtension: nil)

    static var names: [String] {
        guard let folder, let all = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else { return [] }
        return all.filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }.sorted()
    }

    @Test func corpusIsThere() { #expect(Self.names.count >= 40) }

    @Test(arguments: names) func diagnosticsOf(_ name: String) throws {
        let folder = try #require(Self.folder)
        let toml = try String(contentsOf: folder.appendingPathComponent(name + ".toml"), encoding: .utf8)
        let files =
            name.hasPrefix("machine-") ? MemoryFiles.good(machine: toml) : MemoryFiles.good(tenant: toml)
        let diagnostics: [Diagnostic] =
            switch files.load() {
            case .success(let loaded): loaded.warnings
            case .failure(let failure): failure.diagnostics
            }
        let said = diagnostics.map { "\($0)\n" }.joined()
        if let target = ProcessInfo.processInfo.environment["SOTTO_RECORD_CORPUS"] {
            try said.write(toFile: target + "/" + name + ".txt", atomically: true, encoding: .utf8)
            return
        }
        let expected = try String(contentsOf: folder.appendingPathComponent(name + ".txt"), encoding: .utf8)
        #expect(said == expected)
    }
}
