/// ITU-T G.711: a byte a sample at 8 kHz, by the usual 16-bit algorithms.
public enum G711 {
    /// µ-law's positive zero: silence.
    public static let silenceMuLaw: UInt8 = 0xFF
    /// A-law's smallest positive value: silence.
    public static let silenceALaw: UInt8 = 0xD5

    @inlinable
    public static func decodeMuLaw(_ byte: UInt8) -> Int16 {
        let code = ~byte
        let magnitude = ((Int32(code & 0x0F) << 3) + 0x84) << Int32((code & 0x70) >> 4) - 0x84
        return Int16(truncatingIfNeeded: code & 0x80 != 0 ? -magnitude : magnitude)
    }

    @inlinable
    public static func encodeMuLaw(_ sample: Int16) -> UInt8 {
        let value = Int32(sample) >> 2  // 14 bits
        let mask: UInt8 = value < 0 ? 0x7F : 0xFF
        let magnitude = min(value < 0 ? -value : value, 8_158) + 33
        let segment = 26 - Int32(magnitude.leadingZeroBitCount)  // 33…63 is segment 0
        let code = segment << 4 | (magnitude >> (segment + 1)) & 0x0F
        return UInt8(truncatingIfNeeded: code) ^ mask
    }

    @inlinable
    public static func decodeALaw(_ byte: UInt8) -> Int16 {
        let code = byte ^ 0x55
        let segment = Int32((code & 0x70) >> 4)
        var magnitude = Int32(code & 0x0F) << 4
        magnitude = segment == 0 ? magnitude + 8 : (magnitude + 0x108) << (segment - 1)
        return Int16(truncatingIfNeeded: code & 0x80 != 0 ? magnitude : -magnitude)
    }

    @inlinable
    public static func encodeALaw(_ sample: Int16) -> UInt8 {
        let value = Int32(sample) >> 3  // 13 bits
        let mask: UInt8 = value < 0 ? 0x55 : 0xD5
        let magnitude = value < 0 ? -value - 1 : value  // 0…4,095
        let segment = max(0, 27 - Int32(magnitude.leadingZeroBitCount))  // 0…31 is segment 0
        let code = segment << 4 | (magnitude >> max(1, segment)) & 0x0F
        return UInt8(truncatingIfNeeded: code) ^ mask
    }
}
