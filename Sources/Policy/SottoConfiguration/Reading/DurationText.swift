/// Durations as files write them: `500ms`, `30s`, `15m`, `12h`, `30d`, `2w`, `1y`. A year is 365 days.
enum DurationText {
    static let units = "ms, s, m, h, d, w, y"

    private static let milliseconds: [(unit: String, value: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    static func read(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard (1...12).contains(digits.count), let number = Int64(digits),
            let unit = milliseconds.first(where: { $0.unit == text.dropFirst(digits.count) })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.value)
        return overflow ? nil : .milliseconds(product)
    }

    /// The shortest exact form: `1h`, `90s`.
    static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let total = seconds &* 1_000 &+ attoseconds / 1_000_000_000_000_000
        for (unit, value) in milliseconds where unit != "w" && total != 0 && total % value == 0 { return "\(total / value)\(unit)" }
        return "\(total)ms"
    }
}
