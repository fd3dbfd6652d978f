/// A stream's CNAME: 96 random bits, new for each call, so that calls cannot be linked (RFC 7022 §4.2).
public struct CanonicalName: Hashable, Sendable {
    static let textCount = 16
    private let high: UInt64
    private let low: UInt32

    /// Both come from the caller's random source.
    public init(high: UInt64, low: UInt32) {
        self.high = high
        self.low = low
    }

    /// 16 characters of base64.
    func write(into target: UnsafeMutableRawBufferPointer, at offset: Int) {
        for index in 0..<Self.textCount {
            let bit = 90 - index * 6  // of 96
            let value: UInt64
            if bit >= 32 {
                value = high >> UInt64(bit - 32)
            } else if bit > 26 {
                value = high << UInt64(32 - bit) | UInt64(low) >> UInt64(bit)
            } else {
                value = UInt64(low) >> UInt64(bit)
            }
            target[offset + index] = Self.character(UInt8(value & 63))
        }
    }

    private static func character(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: 0x41 + value
        case 26..<52: 0x61 + value - 26
        case 52..<62: 0x30 + value - 52
        case 62: 0x2B
        default: 0x2F
        }
    }
}

/// The compound that we send: SR or RR, SDES with the CNAME, and BYE at the end of a stream (RFC 3550 §6.1).
public struct RTCPReport: Equatable, Sendable {
    /// Room that any report fits in, without what SRTCP adds.
    public static let maximumSize = 28 + 24 + 28 + 8

    public var ssrc: SSRC
    public var canonicalName: CanonicalName
    /// Present: a sender report. Absent: a receiver report, because nothing was sent since the last one.
    public var sender: SenderInformation?
    /// About the peer's stream, when there is one.
    public var block: ReportBlock?
    public var saysBye: Bool

    public init(ssrc: SSRC, canonicalName: CanonicalName, sender: SenderInformation?, block: ReportBlock?, saysBye: Bool = false) {
        self.ssrc = ssrc
        self.canonicalName = canonicalName
        self.sender = sender
        self.block = block
        self.saysBye = saysBye
    }

    /// Writes the compound; returns its size, a multiple of 4.
    public func write(into target: UnsafeMutableRawBufferPointer) throws(RTCPFault) -> Int {
        guard target.count >= Self.maximumSize else { throw .noRoom }
        var size = 8
        if let sender {
            target.write(UInt32(truncatingIfNeeded: sender.time.bits >> 32), at: 8)
            target.write(UInt32(truncatingIfNeeded: sender.time.bits), at: 12)
            target.write(sender.timestamp, at: 16)
            target.write(sender.packetCount, at: 20)
            target.write(sender.octetCount, at: 24)
            size = 28
        }
        if let block {
            block.write(into: target, at: size)
            size += ReportBlock.size
        }
        writeHeader(target, at: 0, type: sender == nil ? 201 : 200, count: block == nil ? 0 : 1, size: size)

        // One chunk: SSRC, the CNAME item, and zeros to the next word's edge (RFC 3550 §6.5).
        let description = size
        let item = description + 8
        target[item] = 1
        target[item + 1] = UInt8(CanonicalName.textCount)
        canonicalName.write(into: target, at: item + 2)
        target[item + 18] = 0
        target[item + 19] = 0
        writeHeader(target, at: description, type: 202, count: 1, size: 28)
        size += 28

        if saysBye {
            writeHeader(target, at: size, type: 203, count: 1, size: 8)
            size += 8
        }
        return size
    }

    private func writeHeader(_ target: UnsafeMutableRawBufferPointer, at offset: Int, type: UInt8, count: UInt8, size: Int) {
        target[offset] = 0x80 | count
        target[offset + 1] = type
        target.write(UInt16(size / 4 - 1), at: offset + 2)
        target.write(ssrc.value, at: offset + 4)
    }
}
