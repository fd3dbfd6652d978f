/// Why bytes are not a WAV file that is understood.
enum WAVFault: Error, Equatable, Sendable {
    case notRIFF
    case truncated
    case noFormat
    case noData
    /// Not 16-bit PCM, not 1 or 2 channels, or a rate outside 8 to 48 kHz.
    case unsupported
}

/// 16-bit PCM in a RIFF file.
struct WAVFile: Equatable, Sendable {
    /// Hz.
    var sampleRate: Int
    /// 1 or 2.
    var channels: Int
    /// Interleaved.
    var samples: [Int16]

    init(sampleRate: Int = 16_000, channels: Int = 1, samples: [Int16]) {
        self.sampleRate = sampleRate
        self.channels = channels
        self.samples = samples
    }

    /// Reads the first `fmt ` and `data` chunks and skips others. A data size of 0xFFFFFFFF (a program that wrote to a pipe) means the
    /// rest of the file; an odd byte at the end is dropped.
    init(parsing bytes: [UInt8]) throws(WAVFault) {
        guard bytes.count >= 12, Self.tag(bytes, 0) == "RIFF", Self.tag(bytes, 8) == "WAVE" else { throw .notRIFF }
        var position = 12
        var format: (rate: Int, channels: Int)?
        while bytes.count - position >= 8 {
            let name = Self.tag(bytes, position)
            let announced = Self.uint32(bytes, position + 4)
            let start = position + 8
            let rest = bytes.count - start
            if name == "data" {
                guard let format else { throw .noFormat }
                let size = announced == 0xFFFF_FFFF ? rest : Int(announced)
                guard size <= rest else { throw .truncated }
                let count = size / (2 * format.channels) * format.channels
                sampleRate = format.rate
                channels = format.channels
                samples = [Int16](unsafeUninitializedCapacity: count) { target, written in
                    for index in 0..<count {
                        target[index] = Int16(bitPattern: Self.uint16(bytes, start + 2 * index))
                    }
                    written = count
                }
                return
            }
            guard announced <= UInt32(rest.magnitude > 0xFFFF_FFFF ? 0xFFFF_FFFF : rest.magnitude) else { throw .truncated }
            if name == "fmt " {
                guard announced >= 16 else { throw .truncated }
                var kind = Self.uint16(bytes, start)
                if kind == 0xFFFE, announced >= 26 { kind = Self.uint16(bytes, start + 24) }  // extensible: the sub-format's number
                let channels = Int(Self.uint16(bytes, start + 2))
                let rate = Int(Self.uint32(bytes, start + 4))
                guard kind == 1, Self.uint16(bytes, start + 14) == 16, (1...2).contains(channels), (8_000...48_000).contains(rate) else {
                    throw .unsupported
                }
                format = (rate, channels)
            }
            position = start + Int(announced) + Int(announced & 1)  // chunks are padded to even lengths
        }
        throw format == nil ? .noFormat : .noData
    }

    private static func tag(_ bytes: [UInt8], _ offset: Int) -> String { String(decoding: bytes[offset..<offset + 4], as: UTF8.self) }
    private static func uint16(_ bytes: [UInt8], _ offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }
    private static func uint32(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        UInt32(uint16(bytes, offset)) | UInt32(uint16(bytes, offset + 2)) << 16
    }
}
