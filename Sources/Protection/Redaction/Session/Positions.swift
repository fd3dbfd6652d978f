internal import SottoBase

/// How far recognition and redaction have come on each side. All of it moves forward only.
struct Positions: Sendable {
    /// Behind every call's end, and far from overflow.
    static let end = MediaTime(ticks: .max / 4)

    private var recognizedUpTo: [Speaker: MediaTime] = [:]
    private var safe: [Speaker: MediaTime] = [:]

    func recognized(_ speaker: Speaker) -> MediaTime { recognizedUpTo[speaker] ?? .zero }

    mutating func recognized(_ speaker: Speaker, upTo position: MediaTime) {
        recognizedUpTo[speaker] = max(recognized(speaker), min(position, Self.end))
    }

    /// A masked gap that begins where recognition stands counts as passed.
    mutating func unheard(_ speaker: Speaker, from: MediaTime, to: MediaTime) {
        if from <= recognized(speaker) { recognized(speaker, upTo: to) }
    }

    /// The new safe point if it moved.
    mutating func advanceSafePoint(of speaker: Speaker, to position: MediaTime) -> MediaTime? {
        guard position > safe[speaker] ?? .zero else { return nil }
        safe[speaker] = position
        return position
    }
}
