internal import SottoBase

/// What a recognizer's program may say when. It is not trusted: a word behind the position that it called processed would come too late
/// to be masked, and a word in audio that it never got is made up.
///
///     starting ──ready──▶ listening ──failed, or a broken rule──▶ (its stream fails)
struct RecognizerContract: Equatable {
    enum Broken: String, Error, Equatable {
        case notReady = "spoke before it was ready"
        case readyAgain = "was ready twice"
        case version = "speaks another version of the protocol"
        case behindProcessed = "spoke of audio that it had called processed"
        case aheadOfAudio = "spoke of audio that it had not got"
        case outsideUtterance = "gave an utterance words outside its time"
        case backwards = "took back what it had processed"
        case gaveUp = "gave up"
    }

    static let version: Int64 = 1

    private(set) var isReady = false
    /// Everything before was understood.
    private(set) var processed = MediaTime.zero

    /// Checks one line. The words of a line that breaks a rule are discarded.
    ///
    /// - Parameter sent: the end of the audio that the program was given.
    mutating func accept(_ line: RecognizerLine, sent: MediaTime) throws(Broken) -> RecognizerEvent? {
        do throws(Broken) {
            return try check(line, sent: sent)
        } catch {
            switch line {
            case .partial(let words), .final(let words, _, _):
                if let clear = words.clear { ClearArena.words.discard(clear) }
            case .ready, .speechStarted, .processed, .failed: break
            }
            throw error
        }
    }

    private mutating func check(_ line: RecognizerLine, sent: MediaTime) throws(Broken) -> RecognizerEvent? {
        if case .ready(let version) = line {
            guard !isReady else { throw .readyAgain }
            guard version == Self.version else { throw .version }
            isReady = true
            return nil
        }
        if case .failed = line { throw .gaveUp }
        guard isReady else { throw .notReady }
        switch line {
        case .ready, .failed:
            return nil
        case .speechStarted(let at):
            try check(at, at, sent)
            return .speechStarted(at)
        case .partial(let words):
            if let first = words.first, let last = words.last { try check(first, last, sent) }
            return words.clear.map { .partial($0) }
        case .final(let words, let from, let to):
            try check(from, to, sent)
            if let first = words.first, let last = words.last, first < from || last > to { throw .outsideUtterance }
            guard let clear = words.clear else { return .gap(from: from, to: to) }
            return .final(clear, from: from, to: to, isTruncated: words.dropped > 0)
        case .processed(let until):
            guard until >= processed else { throw .backwards }
            guard until <= sent + Self.rounding else { throw .aheadOfAudio }
            processed = until
            return .processed(until)
        }
    }

    /// Positions are whole milliseconds; audio ends where it ends.
    private static let rounding: Int64 = 1

    private func check(_ start: MediaTime, _ end: MediaTime, _ sent: MediaTime) throws(Broken) {
        guard start >= processed else { throw .behindProcessed }
        guard end >= start else { throw .outsideUtterance }
        guard end <= sent + Self.rounding else { throw .aheadOfAudio }
    }
}
