public import NIOCore
internal import SottoBase

extension ByteBuffer {
    /// Zeroes the readable bytes and then discards them. Only a buffer without other holders is wiped in place; otherwise a copy is made
    /// and wiped, and the other holders keep their bytes: hand the buffer on by moving it.
    public mutating func wipeReadableBytes() {
        guard readableBytes > 0 else { return }
        withUnsafeMutableReadableBytes { bytes in
            if let start = bytes.baseAddress { wipe(start, count: bytes.count) }
        }
        clear()
    }
}
