internal import SottoBase

/// Answers until their lifetime ends. Bounded: the one that would end first makes room.
struct NameCache {
    private let capacity: Int
    private var entries: [DNSQuestion: (answer: DNSAnswer, until: Instant)] = [:]

    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { entries.count }

    /// With the lifetime that is left.
    func answer(to question: DNSQuestion, now: Instant) -> DNSAnswer? {
        guard let entry = entries[question], now < entry.until else { return nil }
        return entry.answer.with(lifetime: entry.until - now)
    }

    /// Failures are not kept.
    mutating func keep(_ answer: DNSAnswer, for question: DNSQuestion, now: Instant) {
        if case .failed = answer { return }
        if entries[question] == nil, entries.count >= capacity {
            entries = entries.filter { now < $0.value.until }
            if entries.count >= capacity, let first = entries.min(by: { $0.value.until < $1.value.until })?.key { entries[first] = nil }
        }
        entries[question] = (answer, now + answer.lifetime)
    }
}
