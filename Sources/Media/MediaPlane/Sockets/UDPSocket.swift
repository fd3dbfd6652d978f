internal import CEpoll

/// One bound, non-blocking UDP socket; closed with its owner.
struct UDPSocket: ~Copyable {
    let descriptor: Int32

    /// Throws the kernel's errno.
    init(bind address: SocketAddress, dscp: UInt8) throws(SocketFault) {
        var raw = address.raw
        let result = sotto_udp_open(&raw, Int32(dscp))
        guard result >= 0 else { throw SocketFault(code: -result) }
        descriptor = result
    }

    deinit { sotto_close(descriptor) }

    /// The port that it is bound to: the kernel's choice when 0 was asked for.
    var port: UInt16 { sotto_udp_port(descriptor) }

    /// The datagram's length; larger than the buffer when it was cut. nil when none waits.
    static func receive(
        on descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, from address: inout SocketAddress
    ) -> Int? {
        let count = sotto_udp_receive(descriptor, buffer.baseAddress, buffer.count, &address.raw)
        return count >= 0 ? count : nil
    }

    /// False when the kernel refused it (its buffer is full, no route): the packet is lost, as on any network.
    static func send(_ bytes: UnsafeRawBufferPointer, on descriptor: Int32, to address: SocketAddress) -> Bool {
        var raw = address.raw
        return sotto_udp_send(descriptor, bytes.baseAddress, bytes.count, &raw) >= 0
    }
}

/// The kernel's errno.
struct SocketFault: Error, Equatable {
    let code: Int32

    /// Somebody else holds the port.
    var isTaken: Bool { code == EADDRINUSE }
}
