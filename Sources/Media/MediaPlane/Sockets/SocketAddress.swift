internal import CEpoll
internal import SottoBase

/// Where a datagram came from or goes to: a flat value, compared without allocation.
struct SocketAddress: Equatable {
    var raw: sotto_address

    init() { raw = sotto_address() }

    init(_ raw: sotto_address) { self.raw = raw }

    init(_ peer: PeerAddress) {
        self.init(bytes: peer.bytes, port: peer.port)
    }

    /// 4 or 16 bytes in network order.
    init(bytes: [UInt8], port: UInt16) {
        raw = sotto_address()
        raw.port = port
        raw.is_ipv6 = bytes.count == 16 ? 1 : 0
        withUnsafeMutableBytes(of: &raw.high) { target in
            for index in 0..<min(8, bytes.count) { target[index] = bytes[index] }
        }
        guard bytes.count == 16 else { return }
        withUnsafeMutableBytes(of: &raw.low) { target in
            for index in 0..<8 { target[index] = bytes[8 + index] }
        }
    }

    static func == (a: SocketAddress, b: SocketAddress) -> Bool {
        a.raw.high == b.raw.high && a.raw.low == b.raw.low && a.raw.port == b.raw.port && a.raw.is_ipv6 == b.raw.is_ipv6
            && a.raw.scope == b.raw.scope
    }

    var isIPv6: Bool { raw.is_ipv6 != 0 }

    func withPort(_ port: UInt16) -> SocketAddress {
        var copy = self
        copy.raw.port = port
        return copy
    }

    /// For an event: allocates.
    var peer: PeerAddress? {
        let high = withUnsafeBytes(of: raw.high) { Array($0) }
        let low = withUnsafeBytes(of: raw.low) { Array($0) }
        return PeerAddress(bytes: isIPv6 ? high + low : Array(high[0..<4]), port: raw.port)
    }
}
