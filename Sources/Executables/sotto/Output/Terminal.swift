import AdministrationAPI
import Glibc

/// Standard output and standard error, line by line, without a buffer: what happened is seen when it happens.
enum Terminal {
    static func print(_ text: String) { write(STDOUT_FILENO, Array(text.utf8) + [0x0A]) }
    static func error(_ text: String) { write(STDERR_FILENO, Array(text.utf8) + [0x0A]) }

    static func print(json value: some Encodable) { write(STDOUT_FILENO, AdministrationJSON.encodeForReading(value) + [0x0A]) }

    /// On one line, for streams.
    static func print(jsonLine value: some Encodable) { write(STDOUT_FILENO, AdministrationJSON.encode(value) + [0x0A]) }

    /// Over the line that is there; only for a person who watches.
    static func progress(_ text: String) {
        if isatty(STDERR_FILENO) == 1 { write(STDERR_FILENO, Array("\r\u{1B}[K\(text)".utf8)) }
    }

    private static func write(_ descriptor: CInt, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno == EINTR {
                continue
            } else {
                // Nobody can be told that nobody listens.
                return
            }
        }
    }

    /// `text` without what a terminal would obey: control characters, and marks that turn the writing's direction. A caller's display
    /// name must not move the cursor of whoever reads a record.
    static func harmless(_ text: String, keepingLines: Bool = false) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A, 0x09: result.append(keepingLines ? scalar : " ")
            case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
