import SIPMessages
import SottoBase

/// INFO inside a dialog (RFC 6086): digits in the two forms that peers use, and nothing else.
extension SIPEndpoint {
    static let digitTypes: [WireText] = ["application/dtmf-relay", "application/dtmf"]

    mutating func infoReceived(_ arrival: Arrival, in id: DialogID) {
        let request = arrival.request
        // RFC 6086 §4.2.2: we take part in no package, and say so.
        if request.hasInfoPackage {
            return refuseWithin(id, arrival, 469, [SIPHeader(otherName: "Recv-Info", "")])
        }
        // §4.2.1: the older use without a package. Nothing in it: only a sign of life.
        guard !request.body.isEmpty else { return answerAtOnce(arrival, 200, tag: dialogs[id]?.key.localTag) }
        guard let digit = SIPDigit(request) else { return refuseWithin(id, arrival, 400) }
        answerAtOnce(arrival, 200, tag: dialogs[id]?.key.localTag)
        emit(.digitArrived(id, digit))
    }
}

extension SIPDigit {
    /// `Signal=5` and `Duration=160` on lines of their own (`dtmf-relay`), or the digit alone (`dtmf`). Nil when there is no digit.
    init?(_ request: SIPRequest) {
        var found: (key: SecretBytes, duration: Duration?)?
        for chunk in request.body.chunks.prefix(1) {
            switch chunk {
            case .bytes(let bytes): found = bytes.withUnsafeBytes { Self.parse($0, isRelay: request.isDigitRelay) }
            case .secret(let secret): found = secret.withBytes { Self.parse($0, isRelay: request.isDigitRelay) }
            }
        }
        guard let found else { return nil }
        self.init(key: found.key, duration: found.duration)
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer, isRelay: Bool) -> (key: SecretBytes, duration: Duration?)? {
        guard bytes.count <= 256 else { return nil }
        guard isRelay else { return secret(bytes, 0..<bytes.count).map { ($0, nil) } }
        var key: SecretBytes?
        var duration: Duration?
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 0x0A, bytes[end] != 0x0D { end += 1 }
            if let value = valueRange(bytes, start..<end, of: "signal") {
                key = key ?? secret(bytes, value)
            } else if let value = valueRange(bytes, start..<end, of: "duration") {
                var number: Int64 = 0
                for index in value where (0x30...0x39).contains(bytes[index]) {
                    number = min(10_000, number * 10 + Int64(bytes[index] - 0x30))
                }
                duration = .milliseconds(number)
            }
            start = end + 1
        }
        return key.map { ($0, duration) }
    }

    private static func valueRange(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, of name: StaticString) -> Range<Int>? {
        let count = name.utf8CodeUnitCount
        guard line.count > count else { return nil }
        for offset in 0..<count where bytes[line.lowerBound + offset] | 0x20 != name.utf8Start[offset] { return nil }
        var index = line.lowerBound + count
        while index < line.upperBound, bytes[index] == 0x20 { index += 1 }
        guard index < line.upperBound, bytes[index] == 0x3D else { return nil }
        return index + 1..<line.upperBound
    }

    /// One key, between blanks. `10` and `11` are `*` and `#` to some gateways.
    private static func secret(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> SecretBytes? {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, bytes[lower] <= 0x20 { lower += 1 }
        while upper > lower, bytes[upper - 1] <= 0x20 { upper -= 1 }
        var key: UInt8
        switch upper - lower {
        case 1:
            key = bytes[lower]
        case 2 where bytes[lower] == 0x31 && bytes[lower + 1] == 0x30:
            key = UInt8(ascii: "*")
        case 2 where bytes[lower] == 0x31 && bytes[lower + 1] == 0x31:
            key = UInt8(ascii: "#")
        default:
            return nil
        }
        switch key {
        case 0x30...0x39, 0x2A, 0x23, 0x41...0x44: break
        case 0x61...0x64: key &= 0xDF
        default: return nil
        }
        defer { key = 0 }
        return withUnsafeBytes(of: &key) { SecretBytes(copying: $0) }
    }
}

extension SIPRequest {
    fileprivate var isDigitRelay: Bool { contentType?.isType("application/dtmf-relay") ?? false }
}
