import Audio
import SRTP
import SottoTestPeer

/// `COMMAND --name value …`
struct Arguments {
    let command: String
    private var values: [String: String] = [:]

    init(_ words: ArraySlice<String>, known: Set<String>) throws {
        var words = words
        command = words.first.map { $0.hasPrefix("--") ? "calls" : $0 } ?? "help"
        if words.first?.hasPrefix("--") == false { words.removeFirst() }
        while let word = words.popFirst() {
            guard word.hasPrefix("--"), known.contains(String(word.dropFirst(2))) else {
                throw PeerFault(description: "unknown argument \(word)")
            }
            guard let value = words.popFirst() else { throw PeerFault(description: "\(word) needs a value") }
            values[String(word.dropFirst(2))] = value
        }
    }

    func text(_ name: String) -> String? { values[name] }

    func required(_ name: String) throws -> String {
        guard let value = values[name] else { throw PeerFault(description: "--\(name) is missing") }
        return value
    }

    func number(_ name: String, _ usual: Int, in range: ClosedRange<Int>) throws -> Int {
        guard let text = values[name] else { return usual }
        guard let value = Int(text), range.contains(value) else {
            throw PeerFault(description: "--\(name) is \(text), not \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A share, given in percent.
    func percent(_ name: String) throws -> Double { Double(try number(name, 0, in: 0...90)) / 100 }

    /// The core that the measured process runs on: the first; `any`: nil.
    var core: Int? { values["core"].map { $0 == "any" ? nil : Int($0) } ?? 0 }

    func profile() throws -> SRTPProfile {
        guard let name = values["suite"] else { return .aeadAES256GCM }
        guard let profile = SRTPProfile.allCases.first(where: { $0.wireName == name }) else {
            throw PeerFault(description: "no suite \(name)")
        }
        return profile
    }

    func codec() throws -> AudioCodec {
        guard let name = values["codec"] else { return .pcmu }
        guard let codec = AudioCodec(name: name) else { throw PeerFault(description: "no codec \(name)") }
        return codec
    }
}
