public import Foundation

/// A value that must be found nowhere, in every form in which it might lie somewhere.
public struct Canary {
    private let needles: [(form: String, bytes: [UInt8])]

    /// Bytes, like a key.
    public init(key: [UInt8]) {
        needles = Self.encodings(of: key, "raw")
    }

    /// A card number.
    public init(number: String) {
        let digits = number.map(String.init)
        let words = digits.map { SpokenDigits.word($0) }
        func groups(_ separator: String) -> String {
            stride(from: 0, to: digits.count, by: 4).map { digits[$0..<min($0 + 4, digits.count)].joined() }.joined(separator: separator)
        }
        var needles: [(String, [UInt8])] = []
        let spoken = words.joined(separator: " ")
        let forms: [(String, String)] = [
            ("digits", number), ("spaced", digits.joined(separator: " ")), ("groups", groups(" ")), ("dashes", groups("-")),
            ("first half", String(number.prefix(8))), ("last half", String(number.suffix(8))),
            ("middle", String(number.dropFirst(4).prefix(8))), ("words", spoken),
            ("eight words", words.prefix(8).joined(separator: " ")), ("last eight words", words.suffix(8).joined(separator: " ")),
            ("capitals", spoken.uppercased()),
        ]
        for (form, text) in forms {
            needles += Self.encodings(of: Array(text.utf8), form)
            needles.append((form + " UTF-16", text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }))
        }
        let nibbles = number.utf8.map { $0 & 15 }
        needles.append(("BCD", stride(from: 0, to: nibbles.count - 1, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }))
        needles.append(("digit values", nibbles))
        self.needles = needles
    }

    /// As it is, in hexadecimal, and in base 64 at each of the three offsets that it may have in something longer.
    private static func encodings(of bytes: [UInt8], _ form: String) -> [(String, [UInt8])] {
        let hex = bytes.map { String(format: "%02x", $0) }.joined()
        var result = [(form, bytes), (form + " hex", Array(hex.utf8)), (form + " HEX", Array(hex.uppercased().utf8))]
        for offset in 0..<3 {
            let encoded = Array(Data([UInt8](repeating: 0x20, count: offset) + bytes).base64EncodedString().utf8)
            // Characters at both ends depend on the neighbours. What is left of a short one is found in anything by chance.
            let certain = Array(encoded.dropFirst(offset == 0 ? 0 : 4).dropLast(4))
            if certain.count >= 8 { result.append((form + " base64", certain)) }
        }
        return result
    }

    /// The forms in which it lies in `bytes`.
    public func forms(in bytes: Data) -> [String] { needles.filter { bytes.range(of: Data($0.bytes)) != nil }.map(\.form) }
    public func forms(in text: String) -> [String] { forms(in: Data(text.utf8)) }

    /// Searches every file below a folder, and every name of one.
    public func traces(below folder: String) -> [String] {
        guard let files = FileManager.default.enumerator(atPath: folder) else { return [] }
        return files.compactMap { $0 as? String }.flatMap { name -> [String] in
            let content = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
            return (forms(in: content) + forms(in: name)).map { "\(name): \($0)" }
        }
    }
}

public enum SpokenDigits {
    public static func word(_ digit: String) -> String {
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"][Int(digit) ?? 0]
    }

    /// `4539…` as a caller says it.
    public static func words(_ number: String) -> String { number.map { word(String($0)) }.joined(separator: " ") }

    /// A number with a card's length, issuer and check digit that no other call has.
    public static func randomCard() -> String {
        let digits = [4] + (0..<14).map { _ in Int.random(in: 0...9) }
        // Luhn: every second digit from the right, the check digit not counted, is doubled.
        let sum = digits.enumerated().reduce(0) { sum, element in
            let doubled = element.offset % 2 == 0 ? element.element * 2 : element.element
            return sum + (doubled > 9 ? doubled - 9 : doubled)
        }
        return (digits + [(10 - sum % 10) % 10]).map(String.init).joined()
    }
}
