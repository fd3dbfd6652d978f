public import SottoBase

/// Reads an answer to a yes-or-no question out of words. Strict: what is not clearly one of both is `unclear`.
public enum AnswerReader {
    public enum Answer: String, Equatable, Sendable {
        case yes, no, unclear
    }

    public static func read(_ text: Masked<String>) -> Answer { .unclear }

    /// Opens the words without discarding them; `unclear` when they are gone.
    public static func read(_ words: Clear<SpokenWords>) -> Answer { .unclear }
}
