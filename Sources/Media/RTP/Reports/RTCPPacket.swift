/// Why bytes are not a compound RTCP packet (RFC 3550 §A.2). Scope: the packet, which is dropped and counted.
public enum RTCPFault: Error, Equatable, Sendable {
    case truncated
    case wrongVersion
    /// The first packet is no report, or it is padded.
    case noReportFirst
    /// The lengths inside do not add up to the datagram's.
    case lengthMismatch
    /// A count promises more than the packet holds.
    case badCount
    /// The padding count is wrong, or a packet that is not the last one is padded.
    case badPadding
    /// No room in the buffer that a report is written to.
    case noRoom
}

/// What a receiver tells about one stream (RFC 3550 §6.4.1).
public struct ReportBlock: Equatable, Sendable {
    static let size = 24

    /// The stream that is reported about.
    public var ssrc: SSRC
    /// Loss since the last report, in 1/256.
    public var fractionLost: UInt8
    /// Packets lost since the start: a signed 24-bit number.
    public var cumulativeLost: Int32
    public var highestSequence: UInt32
    /// Inter-arrival jitter in RTP ticks.
    public var jitter: UInt32
    /// The middle 32 bits of the last sender report's time; 0 when none came.
    public var lastSenderReport: UInt32
    /// From that report to this one, in 1/65,536 s.
    public var delaySinceLastSenderReport: UInt32

    public init(
        ssrc: SSRC, fractionLost: UInt8, cumulativeLost: Int32, highestSequence: UInt32, jitter: UInt32, lastSenderReport: UInt32,
        delaySinceLastSenderReport: UInt32
    ) {
        self.ssrc = ssrc
        self.fractionLost = fractionLost
        self.cumulativeLost = cumulativeLost
        self.highestSequence = highestSequence
        self.jitter = jitter
        self.lastSenderReport = lastSenderReport
        self.delaySinceLastSenderReport = delaySinceLastSenderReport
    }

    /// The caller has checked that 24 bytes lie at `offset`.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        ssrc = SSRC(bytes.readUInt32(offset))
        let loss = bytes.readUInt32(offset + 4)
        fractionLost = UInt8(loss >> 24)
        cumulativeLost = Int32(bitPattern: loss << 8) >> 8
        highestSequence = bytes.readUInt32(offset + 8)
        jitter = bytes.readUInt32(offset + 12)
        lastSenderReport = bytes.readUInt32(offset + 16)
        delaySinceLastSenderReport = bytes.readUInt32(offset + 20)
    }

    func write(into target: UnsafeMutableRawBufferPointer, at offset: Int) {
        target.write(ssrc.value, at: offset)
        target.write(UInt32(fractionLost) << 24 | UInt32(bitPattern: cumulativeLost) & 0xFF_FFFF, at: offset + 4)
        target.write(highestSequence, at: offset + 8)
        target.write(jitter, at: offset + 12)
        target.write(lastSenderReport, at: offset + 16)
        target.write(delaySinceLastSenderReport, at: offset + 20)
    }
}

/// What a sender tells about its own stream (RFC 3550 §6.4.1).
public struct SenderInformation: Equatable, Sendable {
    public var time: NTPTime
    /// The same moment on the RTP clock.
    public var timestamp: UInt32
    public var packetCount: UInt32
    public var octetCount: UInt32

    public init(time: NTPTime, timestamp: UInt32, packetCount: UInt32, octetCount: UInt32) {
        self.time = time
        self.timestamp = timestamp
        self.packetCount = packetCount
        self.octetCount = octetCount
    }
}

/// The report blocks of one SR or RR, read where they lie: valid as long as the datagram's buffer.
public struct ReportBlocks {
    let bytes: UnsafeRawBufferPointer
    let offset: Int
    /// 0 to 31.
    public let count: Int

    public subscript(index: Int) -> ReportBlock {
        precondition(index >= 0 && index < count, "a report block's index is below the count")
        return ReportBlock(bytes, at: offset + index * ReportBlock.size)
    }

    /// The block about `ssrc`, if there is one.
    public func block(about ssrc: SSRC) -> ReportBlock? {
        for index in 0..<count where self[index].ssrc == ssrc { return self[index] }
        return nil
    }
}

/// The sources that a BYE names: valid as long as the datagram's buffer.
public struct ByeSources {
    let bytes: UnsafeRawBufferPointer
    let offset: Int
    /// 0 to 31.
    public let count: Int

    public subscript(index: Int) -> SSRC {
        precondition(index >= 0 && index < count, "a source's index is below the count")
        return SSRC(bytes.readUInt32(offset + index * 4))
    }

    public func contains(_ ssrc: SSRC) -> Bool {
        for index in 0..<count where self[index] == ssrc { return true }
        return false
    }
}

/// One packet out of a compound.
public enum RTCPPacket {
    case senderReport(SSRC, SenderInformation, ReportBlocks)
    case receiverReport(SSRC, ReportBlocks)
    /// The first chunk's source and its CNAME item, empty when it has none (RFC 3550 §6.5).
    case sourceDescription(SSRC, canonicalName: UnsafeRawBufferPointer)
    case bye(ByeSources)
    /// A type that is skipped: APP, feedback, extended reports, unknown.
    case other(type: UInt8)
}

/// Walks a compound RTCP packet without allocation. All lengths are checked when it is made.
public struct RTCPCompound {
    private let bytes: UnsafeRawBufferPointer
    private let end: Int
    private var offset = 0

    /// RFC 3550 §A.2. The bytes must outlive the walk and what it returns.
    /// - Parameter allowsReducedSize: `rtcp-rsize` was agreed (RFC 5506): the first packet need not be a report.
    public init(_ bytes: UnsafeRawBufferPointer, allowsReducedSize: Bool = false) throws(RTCPFault) {
        guard bytes.count >= 4 else { throw .truncated }
        guard bytes[0] >> 6 == 2 else { throw .wrongVersion }
        if !allowsReducedSize {
            guard bytes[1] == 200 || bytes[1] == 201, bytes[0] & 0x20 == 0 else { throw .noReportFirst }
        }
        var position = 0
        var end = bytes.count
        while position < bytes.count {
            guard bytes.count - position >= 4 else { throw .lengthMismatch }
            guard bytes[position] >> 6 == 2 else { throw .wrongVersion }
            let size = (Int(bytes.readUInt16(position + 2)) + 1) * 4
            guard size <= bytes.count - position else { throw .lengthMismatch }
            var content = size
            if bytes[position] & 0x20 != 0 {
                guard position + size == bytes.count else { throw .badPadding }
                let padding = Int(bytes[bytes.count - 1])
                guard padding > 0, padding % 4 == 0, padding <= size - 4 else { throw .badPadding }
                content -= padding
                end -= padding
            }
            try Self.check(bytes, at: position, content: content)
            position += size
        }
        self.bytes = bytes
        self.end = end
    }

    /// Counts against the packet's own length, so that `next` needs no checks.
    private static func check(_ bytes: UnsafeRawBufferPointer, at position: Int, content: Int) throws(RTCPFault) {
        let count = Int(bytes[position] & 0x1F)
        switch bytes[position + 1] {
        case 200: if content < 28 + count * ReportBlock.size { throw .badCount }
        case 201: if content < 8 + count * ReportBlock.size { throw .badCount }
        case 202: if count > 0 && content < 8 { throw .badCount }
        case 203: if content < 4 + count * 4 { throw .badCount }
        default: break
        }
    }

    /// The next packet; nil at the end.
    public mutating func next() -> RTCPPacket? {
        guard offset + 4 <= end else { return nil }
        let start = offset
        let size = (Int(bytes.readUInt16(start + 2)) + 1) * 4
        let limit = min(start + size, end)
        offset = start + size
        let count = Int(bytes[start] & 0x1F)
        switch bytes[start + 1] {
        case 200:
            let sender = SenderInformation(
                time: NTPTime(bits: UInt64(bytes.readUInt32(start + 8)) << 32 | UInt64(bytes.readUInt32(start + 12))),
                timestamp: bytes.readUInt32(start + 16), packetCount: bytes.readUInt32(start + 20),
                octetCount: bytes.readUInt32(start + 24))
            return .senderReport(
                SSRC(bytes.readUInt32(start + 4)), sender, ReportBlocks(bytes: bytes, offset: start + 28, count: count))
        case 201:
            return .receiverReport(SSRC(bytes.readUInt32(start + 4)), ReportBlocks(bytes: bytes, offset: start + 8, count: count))
        case 202 where count > 0:
            return .sourceDescription(SSRC(bytes.readUInt32(start + 4)), canonicalName: canonicalName(from: start + 8, to: limit))
        case 203:
            return .bye(ByeSources(bytes: bytes, offset: start + 4, count: count))
        case let type:
            return .other(type: type)
        }
    }

    /// RFC 3550 §6.5: items of type, length, text until a zero type. Whatever does not fit ends the search.
    private func canonicalName(from start: Int, to limit: Int) -> UnsafeRawBufferPointer {
        var position = start
        while position + 2 <= limit, bytes[position] != 0 {
            let length = Int(bytes[position + 1])
            guard position + 2 + length <= limit else { break }
            if bytes[position] == 1 {
                return UnsafeRawBufferPointer(rebasing: bytes[position + 2..<position + 2 + length])
            }
            position += 2 + length
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }
}
