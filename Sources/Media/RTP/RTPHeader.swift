/// Why bytes are not an RTP packet. Scope: the packet, which is dropped and counted.
public enum RTPFault: Error, Equatable, Sendable {
    /// Fewer bytes than the fixed header, its contributors or its extension need.
    case truncated
    /// Version is not 2.
    case wrongVersion
    /// The padding count is zero or larger than what follows the header.
    case badPadding
    /// No room in the buffer that a header is written to.
    case noRoom
}

/// An RTP packet's header, and where its payload lies (RFC 3550 §5.1).
///
/// It holds no bytes: offsets count from the packet's first byte.
@frozen
public struct RTPHeader: Equatable, Sendable {
    /// Size of a header without contributors and extension: what `write` makes.
    public static let fixedSize = 12

    public var marker: Bool
    public var payloadType: PayloadType
    public var sequence: UInt16
    public var timestamp: UInt32
    public var ssrc: SSRC
    /// Contributing sources in the header, 0 to 15. They are skipped.
    public var contributorCount: Int
    /// Offset of the extension's data behind its own 4-byte header, and its size in bytes (0 when there is none).
    public var extensionOffset: Int
    public var extensionCount: Int
    /// The extension's "defined by profile" word, 0 when there is none.
    public var extensionProfile: UInt16
    /// Where the payload starts.
    public var payloadOffset: Int
    /// Payload bytes without padding; may be 0.
    public var payloadCount: Int

    /// A header to be written: no contributors, no extension, no padding.
    @inlinable
    public init(marker: Bool = false, payloadType: PayloadType, sequence: UInt16, timestamp: UInt32, ssrc: SSRC) {
        self.marker = marker
        self.payloadType = payloadType
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        contributorCount = 0
        extensionOffset = 0
        extensionCount = 0
        extensionProfile = 0
        payloadOffset = Self.fixedSize
        payloadCount = 0
    }

    /// Reads a whole, decrypted packet: in SRTP the padding is encrypted, so its count can be checked only then.
    /// For a packet that is still protected use `peekSSRC` and `peekSequence`.
    @inlinable
    public init(parsing packet: UnsafeRawBufferPointer) throws(RTPFault) {
        guard packet.count >= Self.fixedSize else { throw .truncated }
        let first = packet[0]
        guard first >> 6 == 2 else { throw .wrongVersion }
        let second = packet[1]
        marker = second & 0x80 != 0
        payloadType = PayloadType(second)
        sequence = packet.readUInt16(2)
        timestamp = packet.readUInt32(4)
        ssrc = SSRC(packet.readUInt32(8))
        contributorCount = Int(first & 0x0F)
        extensionOffset = 0
        extensionCount = 0
        extensionProfile = 0
        var offset = Self.fixedSize + contributorCount * 4
        guard offset <= packet.count else { throw .truncated }
        if first & 0x10 != 0 {  // RFC 3550 §5.3.1
            guard offset + 4 <= packet.count else { throw .truncated }
            extensionProfile = packet.readUInt16(offset)
            extensionOffset = offset + 4
            extensionCount = Int(packet.readUInt16(offset + 2)) * 4
            offset = extensionOffset + extensionCount
            guard offset <= packet.count else { throw .truncated }
        }
        var end = packet.count
        if first & 0x20 != 0 {  // the last byte counts the padding, itself included
            guard end > offset else { throw .badPadding }
            let padding = Int(packet[end - 1])
            guard padding > 0, padding <= end - offset else { throw .badPadding }
            end -= padding
        }
        payloadOffset = offset
        payloadCount = end - offset
    }

    /// The payload within the packet that this header was read from.
    @inlinable
    public func payload(of packet: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard payloadOffset + payloadCount <= packet.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: packet[payloadOffset..<payloadOffset + payloadCount])
    }

    /// Writes the 12-byte header. Returns its size.
    @inlinable @discardableResult
    public func write(into target: UnsafeMutableRawBufferPointer) throws(RTPFault) -> Int {
        guard target.count >= Self.fixedSize else { throw .noRoom }
        target[0] = 0x80
        target[1] = (marker ? 0x80 : 0) | payloadType.value
        target.write(sequence, at: 2)
        target.write(timestamp, at: 4)
        target.write(ssrc.value, at: 8)
        return Self.fixedSize
    }

    /// The SSRC of a packet that may still be protected; nil when it is no RTP packet.
    @inlinable
    public static func peekSSRC(_ packet: UnsafeRawBufferPointer) -> SSRC? {
        guard packet.count >= fixedSize, packet[0] >> 6 == 2 else { return nil }
        return SSRC(packet.readUInt32(8))
    }

    /// The sequence number of a packet that may still be protected; nil when it is no RTP packet.
    @inlinable
    public static func peekSequence(_ packet: UnsafeRawBufferPointer) -> UInt16? {
        guard packet.count >= fixedSize, packet[0] >> 6 == 2 else { return nil }
        return packet.readUInt16(2)
    }
}
