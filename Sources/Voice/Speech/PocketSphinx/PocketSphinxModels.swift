internal import CPocketSphinx
internal import Foundation

/// Where Debian's package pocketsphinx-en-us puts its files.
public struct PocketSphinxPaths: Hashable, Sendable {
    public var acousticModel: String
    public var dictionary: String
    public var generalModel: String

    public init(folder: String = "/usr/share/pocketsphinx/model/en-us") {
        acousticModel = folder + "/en-us"
        dictionary = folder + "/cmudict-en-us.dict"
        generalModel = folder + "/en-us.lm.bin"
    }
}

/// The language models of one recognizer thread. They cache inside and so are never shared between threads.
///
/// Two searches run on the same dictionary: `talk` (conversation, the general model mixed with one made of the dialogues' own phrases)
/// and `numbers` (numbers read aloud), which reads an utterance again when it holds numbers.
final class PocketSphinxModels {
    static let talk = "talk"
    static let numbers = "numbers"

    /// Common words that are known beside the dialogues' own. Measured on flite voices: 300 words gave 13 to 20 % errors on sentences
    /// that no script foresaw, 4,000 gave 3 to 8 %, 8,000 the same.
    static let commonWordCount = 4_000

    private let math: OpaquePointer
    private let general: OpaquePointer
    private let talkModel: OpaquePointer
    private let numbersModel: OpaquePointer
    private let dictionaryPath: String
    private let paths: PocketSphinxPaths

    /// - Parameters:
    ///   - phrases: what the dialogues expect to hear, one phrase each, lower case.
    ///   - folder: a private folder for the generated files; they hold no secret.
    init(paths: PocketSphinxPaths, phrases: [String], folder: String) throws(SpeechError) {
        self.paths = paths
        sotto_ps_silence()
        guard let math = sotto_ps_logmath() else { throw .unavailable("no memory for the recognizer") }
        self.math = math
        guard let general = sotto_ps_model(paths.generalModel, math) else {
            throw .unavailable("language model \(paths.generalModel) (Debian package pocketsphinx-en-us)")
        }
        self.general = general

        var probability: [String: Double] = [:]
        for id in 0..<Int32(clamping: sotto_ps_word_count(general)) {
            guard let text = ngram_word(general, id) else { continue }
            let word = String(cString: text)
            guard word.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x27 }) else { continue }
            probability[word] = sotto_ps_unigram(general, math, id)
        }
        let phraseWords = (SpokenEnglish.phrases + phrases).map { $0.split(separator: " ").map(String.init) }
        let own = SpokenEnglish.numberWords.union(SpokenEnglish.months).union(SpokenEnglish.fillers).union(phraseWords.joined())
            .union(SpokenEnglish.introductions.joined()).union(SpokenEnglish.corrections.joined()).union(["expires", "code", "and"])
        let common = probability.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(Self.commonWordCount + 500).map(\.key)
        let wanted = own.union(common)
        let dictionary = try PronouncingDictionary(path: paths.dictionary) { wanted.contains($0) }

        let words = dictionary.words
        var talk = NGramModel(vocabulary: words)
        for phrase in phraseWords { talk.add(phrase, weight: 3) }
        let numberSentences = SpokenEnglish.numberSentences(count: 3_000, seed: 7)
        for sentence in numberSentences { talk.add(sentence, weight: 0.3) }
        let spoken = SpokenEnglish.phrases.flatMap { $0.split(separator: " ").map(String.init) }
        let numberVocabulary = Set(numberSentences.joined()).union(spoken)
        var numbers = NGramModel(vocabulary: words.filter(numberVocabulary.contains))
        for phrase in SpokenEnglish.phrases { numbers.add(phrase.split(separator: " ").map(String.init), weight: 3) }
        for sentence in numberSentences { numbers.add(sentence, weight: 0.3) }

        dictionaryPath = folder + "/words.dict"
        let talkPath = folder + "/talk.arpa"
        let numbersPath = folder + "/numbers.arpa"
        do {
            try dictionary.text(of: words).write(toFile: dictionaryPath, atomically: true, encoding: .utf8)
            try talk.arpa { probability[$0] ?? 3e-6 }.write(toFile: talkPath, atomically: true, encoding: .utf8)
            try numbers.arpa { probability[$0] ?? 3e-6 }.write(toFile: numbersPath, atomically: true, encoding: .utf8)
        } catch {
            throw .unavailable("cannot write the recognizer's vocabulary into \(folder)")
        }
        guard let domain = sotto_ps_model(talkPath, math), let mixed = sotto_ps_mixed(domain, general),
            let numbersModel = sotto_ps_model(numbersPath, math)
        else { throw .unavailable("the generated language model was refused") }
        talkModel = mixed
        self.numbersModel = numbersModel
    }

    deinit {
        ngram_model_free(talkModel)
        ngram_model_free(numbersModel)
        ngram_model_free(general)
        logmath_free(math)
    }

    /// A decoder for one caller, with both searches set.
    func makeDecoder() throws(SpeechError) -> OpaquePointer {
        guard let decoder = sotto_ps_decoder(paths.acousticModel, dictionaryPath) else {
            throw .unavailable("acoustic model \(paths.acousticModel)")
        }
        guard ps_set_lm(decoder, Self.talk, talkModel) == 0, ps_set_lm(decoder, Self.numbers, numbersModel) == 0,
            ps_set_search(decoder, Self.talk) == 0
        else {
            ps_free(decoder)
            throw .unavailable("the decoder refused its language model")
        }
        return decoder
    }
}
