/// A jurisdiction: an ISO 3166 country (`DE`), a state within it (`US-CA`), or a union (`EU`).
public struct Region: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let code: String

    /// nil unless it is two letters, optionally a hyphen and one to three letters or digits. Case does not matter.
    public init?(_ text: String) {
        let parts = text.uppercased().split(separator: "-", omittingEmptySubsequences: false).map { Array($0.utf8) }
        let isLetter: (UInt8) -> Bool = { (0x41...0x5A).contains($0) }
        guard let country = parts.first, country.count == 2, country.allSatisfy(isLetter), parts.count <= 2 else { return nil }
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), parts[1].allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) }) else { return nil }
        }
        code = text.uppercased()
    }

    /// The country of a state: `US` for `US-CA`; nil for a country.
    public var country: Region? { code.utf8.count > 2 ? Region(String(code.prefix(2))) : nil }

    public var description: String { code }
    public static func < (a: Region, b: Region) -> Bool { a.code < b.code }
}
