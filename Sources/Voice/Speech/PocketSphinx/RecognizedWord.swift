internal import CPocketSphinx

/// A word of a hypothesis: a pointer into the decoder's dictionary, so that no copy of what was said is made.
struct RecognizedWord {
    /// Into the dictionary, alive as long as the decoder.
    let text: UnsafeRawBufferPointer
    /// Frames of 10 ms from the utterance's start, first and last.
    let firstFrame: Int
    let lastFrame: Int
    let isNumber: Bool
    let isFiller: Bool

    /// The words of the decoder's current hypothesis; silences, noises and sentence marks are left out.
    static func hypothesis(of decoder: OpaquePointer) -> [RecognizedWord] {
        var words: [RecognizedWord] = []
        var next = ps_seg_iter(decoder)
        while let segment = next {
            defer { next = ps_seg_next(segment) }
            guard let name = ps_seg_word(segment) else { continue }
            var length = 0
            while name[length] != 0, name[length] != 0x28 /* "(": a variant's number */ { length += 1 }
            guard length > 0, name[0] != 0x3C /* < */, name[0] != 0x5B /* [ */, name[0] != 0x2B /* + */ else { continue }
            let text = UnsafeRawBufferPointer(start: name, count: length)
            var first: Int32 = 0
            var last: Int32 = 0
            ps_seg_frames(segment, &first, &last)
            words.append(
                RecognizedWord(
                    text: text, firstFrame: Int(first), lastFrame: Int(last), isNumber: NumberWords.shared.contains(text),
                    isFiller: NumberWords.fillers.contains(text)))
        }
        return words
    }

    /// Puts numbers that the number search read into the places where the conversation search read other words.
    ///
    /// A run of four or more number words replaces what lies under it, if the conversation search itself heard at least three number
    /// words there: it heard a number, and the other search hears numbers better.
    static func merge(talk: [RecognizedWord], numbers: [RecognizedWord]) -> [RecognizedWord] {
        var merged = talk
        var index = 0
        while index < numbers.count {
            guard numbers[index].isNumber else {
                index += 1
                continue
            }
            var end = index
            var last = index
            while end < numbers.count, numbers[end].isNumber || (numbers[end].isFiller && end - last <= 2) {
                if numbers[end].isNumber { last = end }
                end += 1
            }
            let run = numbers[index...last]
            index = end
            guard run.count(where: \.isNumber) >= 4, let first = run.first, let final = run.last else { continue }
            let isUnder = { (word: RecognizedWord) in
                let middle = (word.firstFrame + word.lastFrame) / 2
                return middle >= first.firstFrame && middle <= final.lastFrame
            }
            guard merged.count(where: { $0.isNumber && isUnder($0) }) >= 3 else { continue }
            merged.removeAll(where: isUnder)
            let place = merged.firstIndex { $0.firstFrame > final.firstFrame } ?? merged.endIndex
            merged.insert(contentsOf: run, at: place)
        }
        return merged.sorted { $0.firstFrame < $1.firstFrame }
    }
}

/// Tells number words by their bytes, without making strings of what was said.
struct NumberWords: Sendable {
    static let shared = NumberWords(Array(SpokenEnglish.numberWords))
    static let fillers = NumberWords(SpokenEnglish.fillers)

    private let words: [[UInt8]]
    private init(_ words: [String]) { self.words = words.map { Array($0.utf8) } }

    func contains(_ text: UnsafeRawBufferPointer) -> Bool {
        words.contains { $0.count == text.count && $0.elementsEqual(text) }
    }
}
