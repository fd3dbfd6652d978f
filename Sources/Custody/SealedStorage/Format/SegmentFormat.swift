internal import SottoBase
internal import SottoCrypto

// The bytes of a sealed body:
//
//     body    = u32 header length ‖ header ‖ segment …
//     segment = u32 message length ‖ Cobblestone-256 message
//     context = "sotto segment v1" ‖ 00 ‖ u32 header length ‖ header ‖ u64 segment number
//               ‖ previous commitment (32; zeros for the first)
//     content = u8 kind ‖ frames, or one JSON line, or the index
//     frame   = i64 position (1/48,000 s) ‖ u16 duration (ms) ‖ u8 flags (1: silence) ‖ u16 length ‖ payload
//     index   = u64 content segments ‖ u64 lost entries ‖ (i64 position ‖ u64 offset of the segment in the body) …
//
// All numbers in network order. The index is the last segment of a closed body.

enum SegmentKind: UInt8 {
    case frames = 1
    case line = 2
    case index = 0xFF
}

enum SegmentFormat {
    /// Longest message that is read: the index of a month of audio fits.
    static let messageLimit = 16 * 1024 * 1024
    /// The shortest message: a kind byte alone.
    static let messageMinimum = Cobblestone256.headerSize + 1 + AES256GCM.tagSize
    static let noCommitment = [UInt8](repeating: 0, count: Cobblestone256.commitmentSize)

    static func context(header: [UInt8], number: UInt64, previous: [UInt8]) -> [UInt8] {
        var bytes = Array("sotto segment v1".utf8) + [0]
        bytes.reserveCapacity(bytes.count + 4 + header.count + 8 + previous.count)
        bytes.appendInteger(UInt32(header.count))
        bytes += header
        bytes.appendInteger(number)
        bytes += previous
        return bytes
    }

    static func appendFrame(_ frame: RecordedFrame, to bytes: inout [UInt8]) {
        bytes.appendInteger(UInt64(bitPattern: frame.header.position.ticks))
        bytes.appendInteger(frame.header.durationMilliseconds)
        bytes.append(frame.isSilenced || frame.header.isCut ? 1 : 0)
        bytes.appendInteger(UInt16(truncatingIfNeeded: frame.payload.count))
        bytes += frame.payload
    }

    /// nil when the bytes are no row of whole frames.
    static func frames(_ bytes: ArraySlice<UInt8>, speaker: Speaker) -> [StoredFrame]? {
        var cursor = ByteCursor(bytes)
        var frames: [StoredFrame] = []
        while !cursor.isAtEnd {
            guard let position = cursor.readInteger(UInt64.self), let duration = cursor.readInteger(UInt16.self),
                let flags = cursor.next(), let length = cursor.readInteger(UInt16.self), let payload = cursor.read(Int(length))
            else { return nil }
            frames.append(
                StoredFrame(
                    speaker: speaker, position: MediaTime(ticks: Int64(bitPattern: position)), durationMilliseconds: duration,
                    isSilenced: flags & 1 != 0, payload: Array(payload)))
        }
        return frames
    }
}

/// The last segment of a closed body.
struct SegmentIndex: Equatable {
    struct Entry: Equatable {
        var position: MediaTime
        var offset: UInt64
    }

    var lost: UInt64 = 0
    var entries: [Entry] = []

    func serialized() -> [UInt8] {
        var bytes = [SegmentKind.index.rawValue]
        bytes.reserveCapacity(17 + entries.count * 16)
        bytes.appendInteger(UInt64(entries.count))
        bytes.appendInteger(lost)
        for entry in entries {
            bytes.appendInteger(UInt64(bitPattern: entry.position.ticks))
            bytes.appendInteger(entry.offset)
        }
        return bytes
    }

    init() {}

    /// Reads what follows the kind byte.
    init?(_ bytes: ArraySlice<UInt8>) {
        var cursor = ByteCursor(bytes)
        guard let count = cursor.readInteger(UInt64.self), let lost = cursor.readInteger(UInt64.self),
            count <= UInt64(cursor.remaining / 16), cursor.remaining == Int(count) * 16
        else { return nil }
        self.lost = lost
        for _ in 0..<count {
            guard let position = cursor.readInteger(UInt64.self), let offset = cursor.readInteger(UInt64.self) else { return nil }
            entries.append(Entry(position: MediaTime(ticks: Int64(bitPattern: position)), offset: offset))
        }
    }
}

extension [UInt8] {
    mutating func appendInteger<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        for shift in stride(from: T.bitWidth - 8, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value >> T(shift))) }
    }
}
