internal import CSystemd
internal import Foundation
internal import Glibc
internal import Logging
internal import SottoBase
internal import Synchronization
internal import SottoConfiguration

/// Writes log lines as text, JSON or journald entries. A line is made in one piece and written at once.
struct SottoLogHandler: LogHandler {
    let format: LogSettings.Format
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        switch format {
        case .text: Self.write(Self.text(event, fields))
        case .json: Self.write(Self.json(event, fields))
        case .journal:
            if Self.hasJournal { Self.journal(event, fields) } else { Self.write(Self.text(event, fields)) }
        }
    }

    /// Whether systemd started us with the journal behind standard error. libsystemd drops entries without a word when there is none.
    private static let hasJournal = getenv("JOURNAL_STREAM") != nil && access("/run/systemd/journal/socket", W_OK) == 0

    private static func text(_ event: LogEvent, _ fields: [(String, String)]) -> String {
        var line = "\(SystemClock.wall.rfc3339) \(event.level.rawValue) \(clean("\(event.message)"))"
        for (key, value) in fields { line += " \(key)=\(quoted(value))" }
        return line + "\n"
    }

    private static func json(_ event: LogEvent, _ fields: [(String, String)]) -> String {
        var object: [String: String] = ["time": SystemClock.wall.rfc3339, "level": event.level.rawValue, "event": "\(event.message)"]
        for (key, value) in fields { object[key] = value }
        guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes]) else { return "" }
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    /// journald fields: MESSAGE, PRIORITY and SOTTO_… (upper case, digits and underscores, as journald wants them).
    private static func journal(_ event: LogEvent, _ fields: [(String, String)]) {
        var message = clean("\(event.message)")
        for (key, value) in fields { message += " \(key)=\(quoted(value))" }
        var entries = ["MESSAGE=\(message)", "PRIORITY=\(priority(event.level))", "SYSLOG_IDENTIFIER=sottod", "SOTTO_EVENT=\(event.message)"]
        for (key, value) in fields {
            let name = String(key.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
            entries.append("SOTTO_\(name)=\(value)")
        }
        let buffers = entries.map { Array($0.utf8) }
        let flat = buffers.flatMap { $0 }
        flat.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            var offset = 0
            let vectors = buffers.map { buffer in
                defer { offset += buffer.count }
                return iovec(iov_base: UnsafeMutableRawPointer(mutating: start + offset), iov_len: buffer.count)
            }
            _ = sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }

    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }

    /// One line, whatever a peer put into it.
    private static func clean(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
    }

    private static func quoted(_ value: String) -> String {
        let text = clean(value)
        return text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" })
            ? "\"" + text.replacingOccurrences(of: "\"", with: "'") + "\"" : text
    }

    private static let output = Mutex(())
    private static func write(_ line: String) {
        output.withLock { _ in
            var bytes = Array(line.utf8)[...]
            while !bytes.isEmpty {
                let written = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
                guard written > 0 else { return }
                bytes = bytes.dropFirst(written)
            }
        }
    }
}

extension LogSettings.Level {
    var loggerLevel: Logger.Level {
        switch self {
        case .error: .error
        case .warning: .warning
        case .notice: .notice
        case .info: .info
        case .debug: .debug
        case .trace: .trace
        }
    }
}
