/// A synchronisation source: the number that a sender chose for one stream (RFC 3550 §8).
@frozen
public struct SSRC: Hashable, Sendable {
    public var value: UInt32
    @inlinable public init(_ value: UInt32) { self.value = value }
}

/// An RTP payload type, 0 to 127. What it means was negotiated in SDP.
@frozen
public struct PayloadType: Hashable, Sendable {
    public let value: UInt8
    /// The top bit is the marker's place and is dropped.
    @inlinable public init(_ value: UInt8) { self.value = value & 0x7F }

    /// RFC 5761 §4: with RTP and RTCP on one port, types 64 to 95 (with the marker) look like RTCP and must not be used.
    @inlinable public var collidesWithRTCP: Bool { (64...95).contains(value) }
}

extension UnsafeRawBufferPointer {
    /// Network order. The caller has checked the bounds.
    @inlinable func readUInt16(_ offset: Int) -> UInt16 {
        UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// Network order. The caller has checked the bounds.
    @inlinable func readUInt32(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    @inlinable func write(_ value: UInt16, at offset: Int) { storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self) }
    @inlinable func write(_ value: UInt32, at offset: Int) { storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self) }
}
