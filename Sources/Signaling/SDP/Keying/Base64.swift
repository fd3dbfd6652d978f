internal import SottoBase

/// Base64 (RFC 4648 §4) from locked memory to locked memory: no step leaves a copy.
extension SecretBytes {
    /// Decodes with or without padding; nil for any other byte, for padding in the wrong place or an impossible length.
    func base64Decoded() -> SecretBytes? {
        withBytes { text -> SecretBytes? in
            var count = text.count
            if count > 0, text[count - 1] == 0x3D { count -= 1 }
            if count > 0, text[count - 1] == 0x3D { count -= 1 }
            // Padding is right or absent: some carriers leave it out.
            guard count % 4 != 1, count == text.count || text.count % 4 == 0, count > 0 else { return nil }
            let length = count / 4 * 3 + (count % 4 == 0 ? 0 : count % 4 - 1)
            var isValid = true
            let decoded = SecretBytes(count: length) { target in
                var accumulator: UInt32 = 0
                var bits = 0
                var written = 0
                for index in 0..<count {
                    guard let value = Self.value(text[index]) else {
                        isValid = false
                        return
                    }
                    accumulator = accumulator &<< 6 | UInt32(value)
                    bits += 6
                    if bits >= 8 {
                        bits -= 8
                        target[written] = UInt8(truncatingIfNeeded: accumulator &>> UInt32(bits))
                        written += 1
                    }
                }
            }
            return isValid ? decoded : nil
        }
    }

    func base64Encoded() -> SecretBytes {
        withBytes { bytes in
            SecretBytes(count: (bytes.count + 2) / 3 * 4) { target in
                var written = 0
                var index = 0
                while index < bytes.count {
                    let remaining = bytes.count - index
                    let group =
                        UInt32(bytes[index]) << 16 | (remaining > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                        | (remaining > 2 ? UInt32(bytes[index + 2]) : 0)
                    target[written] = Self.letter(group >> 18)
                    target[written + 1] = Self.letter(group >> 12)
                    target[written + 2] = remaining > 1 ? Self.letter(group >> 6) : 0x3D
                    target[written + 3] = remaining > 2 ? Self.letter(group) : 0x3D
                    written += 4
                    index += 3
                }
            }
        }
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }

    private static func letter(_ value: UInt32) -> UInt8 {
        let six = UInt8(truncatingIfNeeded: value) & 63
        switch six {
        case 0..<26: return 0x41 + six
        case 26..<52: return 0x61 + six - 26
        case 52..<62: return 0x30 + six - 52
        case 62: return 0x2B
        default: return 0x2F
        }
    }
}
