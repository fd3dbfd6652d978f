import Foundation
import SottoConfiguration
import Testing

/// Whatever the bytes are: a configuration or diagnostics, never a trap, and always within bounds.
@Suite struct HostileInputTests {
    private struct Chance {
        var state: UInt64
        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    private static var seeds: [(machine: Bool, bytes: [UInt8])] {
        get throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            return [
                (true, Array(try Data(contentsOf: root.appending(path: "Config/sotto.toml")))),
                (false, Array(try Data(contentsOf: root.appending(path: "Config/tenants/example.toml")))),
                (false, Array(try Data(contentsOf: root.appending(path: "Config/tenants/bridge.toml.example")))),
                (true, Array(try Data(contentsOf: root.appending(path: "Tests/SottoConfigurationTests/Corpus/machine-network.toml")))),
            ]
        }
    }

    private func load(_ bytes: [UInt8], machine: Bool) -> Int {
        var files = MemoryFiles.good()
        files.files[machine ? "/etc/sotto/sotto.toml" : "/etc/sotto/tenants/acme.toml"] = MemoryFiles.File(bytes: bytes)
        switch files.load() {
        case .success(let loaded): return loaded.warnings.count
        case .failure(let failure):
            _ = failure.description
            return failure.diagnostics.count
        }
    }

    @Test func mutatedExamplesNeverTrap() throws {
        let tokens = [
            "[[", "]]", "\"", "'''", "=", "{", "}", "[", "]", ".", ",", "\n", "-1", "1e999", "9223372036854775808", "\u{0}", "\u{FEFF}",
            "é", "#", "inf",
        ]
        var chance = Chance(state: 7)
        for (machine, original) in try Self.seeds {
            for _ in 0..<400 {
                var bytes = original
                for _ in 0...chance.below(4) {
                    let place = chance.below(bytes.count)
                    switch chance.below(4) {
                    case 0: bytes[place] = UInt8(chance.below(256))
                    case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + chance.below(40)))
                    case 2: bytes.insert(contentsOf: Array(tokens[chance.below(tokens.count)].utf8), at: place)
                    default: bytes.insert(contentsOf: original[place / 2..<min(original.count, place / 2 + 60)], at: place)
                    }
                    if bytes.isEmpty { bytes = [0] }
                }
                #expect(load(bytes, machine: machine) <= 101)
            }
        }
    }

    @Test func nestingThatWouldRunOutOfStackIsRefused() {
        for (open, close) in [("[", "]"), ("{a=", "}")] {
            let deep = "a = " + String(repeating: open, count: 1_300) + "1" + String(repeating: close, count: 1_300)
            #expect(load(Array(deep.utf8), machine: false) >= 1)
        }
        let dotted = "[" + Array(repeating: "a", count: 2_000).joined(separator: ".") + "]\n"
        #expect(load(Array((dotted + dotted.dropFirst().dropLast(2) + " = 1\n").utf8), machine: false) >= 1)
        #expect(load(Array(String(repeating: "[[a]]\n", count: 30_000).utf8), machine: false) >= 1)
    }

    @Test func findingsAreBounded() {
        let text = MemoryFiles.tenant + (0..<5_000).map { "key\($0) = 1\n" }.joined()
        #expect(load(Array(text.utf8), machine: false) == 101)
    }

    /// Errors that are not shown any more still refuse the configuration.
    @Test func errorsBehindManyWarningsStillRefuse() {
        let states = (0..<150).map { "[[dialogue.state]]\nname = \"s\($0)\"\nhang-up = true\n" }.joined()
        let text = MemoryFiles.tenant + "[[dialogue]]\nname = \"d\"\nstart = \"s0\"\n" + states + "[retention]\naudio = \"0d\"\n"
        guard case .failure(let failure) = MemoryFiles.good(tenant: text).load() else {
            Issue.record("it loaded")
            return
        }
        #expect(failure.diagnostics.count == 101)
    }
}
