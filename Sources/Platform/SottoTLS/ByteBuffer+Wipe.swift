public import NIOCore
internal import SottoBase

extension ByteBuffer {
    /// Zeroes the readable bytes and then discards them. True when they were wiped where they lay.
    ///
    /// False when someone else still holds the buffer: then a copy was made and wiped, and the holder's bytes stay, so hand a buffer on
    /// by moving it.
    @discardableResult
    public mutating func wipeReadableBytes() -> Bool {
        guard readableBytes > 0 else { return true }
        let before = withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        let after = withUnsafeMutableReadableBytes { bytes -> UInt in
            if let start = bytes.baseAddress { wipe(start, count: bytes.count) }
            return UInt(bitPattern: bytes.baseAddress)
        }
        clear()
        return before == after
    }
}
