import FuzzKit
import SottoBase

/// Changes that a broken or hostile peer could make to a message: of its bytes, of its lines, or of a single value.
struct Mutations {
    private var mutator: Mutator

    init(state: UInt64) { mutator = Mutator(seed: state) }

    mutating func change(_ bytes: [UInt8], with other: [UInt8]) -> [UInt8] {
        switch mutator.below(5) {
        case 0: return mutator.mutate(bytes, with: other)
        case 1: return withOtherNumber(bytes)
        default: return withOtherLines(bytes, other)
        }
    }

    /// Lines are lost, doubled, exchanged or taken from another message; the body keeps its length where the lines let it.
    private mutating func withOtherLines(_ bytes: [UInt8], _ other: [UInt8]) -> [UInt8] {
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        let others = other.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        let place = mutator.below(lines.count)
        switch mutator.below(4) {
        case 0: lines.remove(at: place)
        case 1: lines.insert(lines[mutator.below(lines.count)], at: place)
        case 2: lines.swapAt(place, mutator.below(lines.count))
        default: lines[place] = others[mutator.below(others.count)]
        }
        return Array(lines.joined(separator: [0x0A]))
    }

    /// One digit becomes another: CSeq, tags, ports, payload types, versions, lengths.
    private mutating func withOtherNumber(_ bytes: [UInt8]) -> [UInt8] {
        let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
        guard !digits.isEmpty else { return bytes }
        var changed = bytes
        for _ in 0...mutator.below(3) { changed[digits[mutator.below(digits.count)]] = 0x30 + UInt8(mutator.below(10)) }
        return changed
    }
}
