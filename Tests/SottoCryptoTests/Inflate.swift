// Inflate (RFC 1951) within zlib's frame (RFC 1950), because the published vectors keep their ciphertexts compressed.
// For trusted fixtures alone: it checks nothing that a hostile stream would need.

struct Inflate {
    private let input: [UInt8]
    private var position = 2
    private var bits = 0
    private var bitCount = 0
    private var output: [UInt8] = []

    static func zlib(_ bytes: [UInt8]) -> [UInt8] {
        var inflate = Inflate(input: bytes)
        return inflate.run()
    }

    private init(input: [UInt8]) { self.input = input }

    private mutating func take(_ count: Int) -> Int {
        while bitCount < count {
            bits |= Int(input[position]) << bitCount
            position += 1
            bitCount += 8
        }
        defer {
            bits >>= count
            bitCount -= count
        }
        return bits & ((1 << count) - 1)
    }

    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(lengths: [Int]) {
            for length in lengths where length > 0 { counts[length] += 1 }
            for length in 1...15 { symbols += lengths.indices.filter { lengths[$0] == length } }
        }
    }

    private mutating func symbol(_ code: Code) -> Int {
        var value = 0
        var first = 0
        var index = 0
        for length in 1...15 {
            value |= take(1)
            if value - code.counts[length] < first { return code.symbols[index + value - first] }
            index += code.counts[length]
            first = (first + code.counts[length]) << 1
            value <<= 1
        }
        preconditionFailure("a broken fixture")
    }

    private mutating func run() -> [UInt8] {
        var isLast = false
        while !isLast {
            isLast = take(1) == 1
            switch take(2) {
            case 0: stored()
            case 1:
                let lengths =
                    [Int](repeating: 8, count: 144) + [Int](repeating: 9, count: 112) + [Int](repeating: 7, count: 24)
                    + [Int](repeating: 8, count: 8)
                block(Code(lengths: lengths), Code(lengths: [Int](repeating: 5, count: 30)))
            default: dynamic()
            }
        }
        return output
    }

    private mutating func stored() {
        bits = 0
        bitCount = 0
        let count = Int(input[position]) | Int(input[position + 1]) << 8
        output += input[position + 4..<position + 4 + count]
        position += 4 + count
    }

    private mutating func dynamic() {
        let literals = take(5) + 257
        let distances = take(5) + 1
        let codes = take(4) + 4
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<codes { lengths[order[index]] = take(3) }
        let lengthCode = Code(lengths: lengths)
        var all: [Int] = []
        while all.count < literals + distances {
            switch symbol(lengthCode) {
            case 16: all += [Int](repeating: all[all.count - 1], count: 3 + take(2))
            case 17: all += [Int](repeating: 0, count: 3 + take(3))
            case 18: all += [Int](repeating: 0, count: 11 + take(7))
            case let length: all.append(length)
            }
        }
        block(Code(lengths: Array(all[0..<literals])), Code(lengths: Array(all[literals...])))
    }

    private mutating func block(_ literal: Code, _ distance: Code) {
        let lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
        let lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
        let distanceBase = [
            1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
            16385, 24577,
        ]
        let distanceExtra = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]
        while true {
            let value = symbol(literal)
            if value < 256 {
                output.append(UInt8(value))
            } else if value == 256 {
                return
            } else {
                let length = lengthBase[value - 257] + take(lengthExtra[value - 257])
                let code = symbol(distance)
                let back = distanceBase[code] + take(distanceExtra[code])
                let start = output.count - back
                for offset in 0..<length { output.append(output[start + offset]) }
            }
        }
    }
}
