public import SottoBase

/// A range of addresses in CIDR notation: `198.51.100.0/24`, `2001:db8::/32`, or one address.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    /// Network order, 4 or 16 bytes, host bits zero.
    public let network: [UInt8]
    /// Bits that count, 0 to 32 or 128.
    public let prefixLength: Int

    public enum Problem: Error, Equatable, Sendable {
        case notAnAddress
        case prefixOutOfRange
        /// The address has bits behind its prefix: probably a typing mistake. The payload is the range that was meant.
        case hostBitsSet(String)
    }

    public init(_ text: String) throws(Problem) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = PeerAddress(host: parts[0], port: 0) else { throw .notAnAddress }
        var bytes = address.bytes
        let width = bytes.count * 8
        var length = width
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), let number = Int(parts[1]), (0...width).contains(number) else {
                throw .prefixOutOfRange
            }
            length = number
        }
        for index in bytes.indices {
            let kept = min(8, max(0, length - index * 8))
            bytes[index] &= kept == 0 ? 0 : UInt8(truncatingIfNeeded: 0xFF00 >> kept)
        }
        if bytes != address.bytes { throw .hostBitsSet(Self.text(bytes, length)) }
        network = bytes
        prefixLength = length
    }

    public func contains(_ address: PeerAddress) -> Bool {
        guard address.bytes.count == network.count else { return false }
        let whole = prefixLength / 8
        guard address.bytes[..<whole].elementsEqual(network[..<whole]) else { return false }
        let rest = prefixLength % 8
        return rest == 0 || (address.bytes[whole] ^ network[whole]) >> (8 - rest) == 0
    }

    public var description: String { Self.text(network, prefixLength) }

    private static func text(_ bytes: [UInt8], _ length: Int) -> String {
        "\(PeerAddress(bytes: bytes, port: 0)?.hostText ?? "")/\(length)"
    }
}
