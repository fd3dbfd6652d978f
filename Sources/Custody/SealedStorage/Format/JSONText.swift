internal import SottoBase

/// Writes JSON (RFC 8259) in one spelling: no spaces, fields in the order given.
enum JSONText {
    static func line(_ line: TranscriptLine) -> [UInt8] {
        var bytes = Array("{\"speaker\":\"\(line.speaker.name)\",\"from\":\(line.from.ticks),\"to\":\(line.to.ticks),\"text\":".utf8)
        appendString(line.text.content, to: &bytes)
        bytes.append(0x7D)
        return bytes
    }

    static func object(_ fields: RecordFields) -> [UInt8] {
        var bytes: [UInt8] = []
        append(.fields(fields), to: &bytes)
        return bytes
    }

    private static func append(_ value: RecordValue, to bytes: inout [UInt8]) {
        switch value {
        case .code(let text), .identifier(let text): appendString(text, to: &bytes)
        case .text(let masked): appendString(masked.content, to: &bytes)
        case .number(let number): bytes += Array(String(number).utf8)
        case .yes(let answer): bytes += Array((answer ? "true" : "false").utf8)
        case .time(let time): appendString(time.rfc3339, to: &bytes)
        case .list(let values):
            bytes.append(0x5B)
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(0x2C) }
                append(value, to: &bytes)
            }
            bytes.append(0x5D)
        case .fields(let fields):
            bytes.append(0x7B)
            for (index, field) in fields.fields.enumerated() {
                if index > 0 { bytes.append(0x2C) }
                appendString(field.name, to: &bytes)
                bytes.append(0x3A)
                append(field.value, to: &bytes)
            }
            bytes.append(0x7D)
        }
    }

    static func appendString(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: bytes += [0x5C, byte]
            case 0x0A: bytes += [0x5C, 0x6E]
            case 0..<0x20, 0x7F: bytes += Array("\\u00".utf8) + [digit(byte >> 4), digit(byte & 15)]
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
}
