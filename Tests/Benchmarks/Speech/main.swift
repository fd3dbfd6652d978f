import Audio
import Foundation
import SottoBase
import Synchronization

@testable import Speech

// How well the embedded recognizer understands: flite's voices speak, wideband and through G.711 µ-law at 8 kHz. Prints word errors and
// what becomes of numbers: `whole` (w) when every digit arrived in order, `run` (r) when at least all but two number words arrived with
// no more than two other words in a row between them, which redaction bridges; the rest is `lost` (l).
//
//     SOTTO_BENCHMARKS=1 SOTTO_ROOMS=measure-speech swift run measure-speech [--verbose] [voice …]

struct Random {
    var state: UInt64
    mutating func next(_ below: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(below))
    }
}

let digitWords = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

struct Sentence {
    var kind: String
    var text: String
    var stretch = 1.0
    var words: [String] { text.replacingOccurrences(of: ",", with: "").split(separator: " ").map(String.init) }
}

func sentences() -> [Sentence] {
    var random = Random(state: 11)
    func digits(_ count: Int, _ random: inout Random) -> [String] { (0..<count).map { _ in digitWords[random.next(10)] } }
    var all: [Sentence] = []
    for _ in 0..<3 {
        let number = ["four"] + digits(15, &random)
        let groups = stride(from: 0, to: 16, by: 4).map { number[$0..<$0 + 4].joined(separator: " ") }
        all.append(Sentence(kind: "grouped", text: "my card number is " + groups.joined(separator: ", ")))
        all.append(Sentence(kind: "ungrouped", text: number.joined(separator: " ")))
        all.append(Sentence(kind: "fast", text: "it's " + number.joined(separator: " "), stretch: 0.8))
        var filled = number
        filled.insert("um", at: 9)
        filled.insert(contentsOf: ["no", "wait", number[12]], at: 14)
        all.append(Sentence(kind: "corrected", text: "the number is " + filled.joined(separator: " ")))
    }
    all += [
        "four one eleven, eleven eleven, eleven eleven, eleven eleven", "fifty four fifty four, sixty one twenty two, thirty three ninety, zero five",
        "three seven eight two, eight two two four six three, one zero zero zero five",
    ].map { Sentence(kind: "pairs", text: $0) }
    all += [
        "the security code is one two three", "it expires in march twenty twenty nine", "the code is nine zero seven four",
        "my birthday is the third of april nineteen eighty two",
    ].map { Sentence(kind: "short", text: $0) }
    all += [
        "yes", "no thank you", "what are your opening hours", "i would like to pay my bill please", "can i speak to a person",
        "i have a question about my last order", "when will my package arrive", "i need to change my address",
        "the man at the office told me to call you again", "could you please repeat that", "i want to cancel my appointment for tomorrow",
        "do you have a table for two people tonight", "my internet connection has been slow since monday",
    ].map { Sentence(kind: "talk", text: $0) }
    return all
}

func speak(_ sentence: Sentence, voice: String, in folder: String) throws -> [Int16] {
    let path = folder + "/spoken.wav"
    let flite = Process()
    flite.executableURL = URL(fileURLWithPath: "/usr/bin/flite")
    flite.arguments = ["-voice", voice, "--setf", "duration_stretch=\(sentence.stretch)", "-t", sentence.text, "-o", path]
    try flite.run()
    flite.waitUntilExit()
    return try WAVFile(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))).samples
}

func throughMuLaw(_ samples: [Int16]) throws -> [Int16] {
    var encoder = try FrameEncoder(codec: .pcmu)
    var decoder = try FrameDecoder(codec: .pcmu)
    var result: [Int16] = []
    var payload = [UInt8](repeating: 0, count: 160)
    var decoded = [Int16](repeating: 0, count: 320)
    for start in stride(from: 0, to: samples.count - 319, by: 320) {
        let written = samples[start..<start + 320].withUnsafeBufferPointer { frame in
            payload.withUnsafeMutableBytes { encoder.encode(frame, into: $0) }
        }
        guard let written else { continue }
        let count = payload[..<written].withUnsafeBytes { bytes in decoded.withUnsafeMutableBufferPointer { decoder.decode(bytes, into: $0) } }
        result += decoded[..<(count ?? 0)]
    }
    return result
}

final class Heard: Sendable {
    let words = Mutex<[String]>([])
    func take(_ event: RecognizerEvent) {
        let clear: Clear<SpokenWords>
        switch event {
        case .piece(let words, _, _, _), .final(let words, _, _, _): clear = words
        case .speechStarted, .partial, .processed, .gap, .failed: return
        }
        ClearArena.words.open(clear) { bytes in
            var reader = SpokenWordsReader(bytes)
            while let word = reader.next() {
                let text = String(decoding: word.text, as: UTF8.self)
                words.withLock { $0.append(text) }
            }
        }
        ClearArena.words.discard(clear)
    }
}

func recognize(_ samples: [Int16], _ recognizer: PocketSphinxRecognizer) throws -> [String] {
    let heard = Heard()
    let ring = AudioRing(content: .clear, capacity: 4_096)
    let stream = try recognizer.listen(
        to: ring, owner: CallID(high: 1, low: 1), grant: BoundaryGrant(recipient: "pocketsphinx", rule: "measurement"), events: heard.take)
    let all = [Int16](repeating: 0, count: 8_000) + samples + [Int16](repeating: 0, count: 16_000)
    for start in stride(from: 0, to: all.count, by: 320) {
        Array(all[start..<min(start + 320, all.count)]).withUnsafeBufferPointer {
            _ = ring.push(AudioFrameHeader(position: MediaTime(samplesAt16kHz: Int64(start))), $0)
        }
    }
    ring.close()
    while recognizer.streams > 0 { usleep(2_000) }
    withExtendedLifetime(stream) {}
    return heard.words.withLock { $0 }
}

func errors(_ wanted: [String], _ got: [String]) -> Int {
    var row = Array(0...got.count)
    for (i, word) in wanted.enumerated() {
        var previous = row[0]
        row[0] = i + 1
        for j in got.indices {
            let next = min(previous + (word == got[j] ? 0 : 1), row[j + 1] + 1, row[j] + 1)
            (previous, row[j + 1]) = (row[j + 1], next)
        }
    }
    return row[got.count]
}

enum Number: String { case whole, run, lost }

func number(_ wanted: [String], _ got: [String]) -> Number {
    let numberWords = SpokenEnglish.numberWords
    let fillers = Set(SpokenEnglish.fillers + ["no", "wait"])
    let spoken = wanted.filter(numberWords.contains)
    if got.filter(numberWords.contains) == spoken { return .whole }
    var best = 0
    var run = 0
    var strays = 0
    for word in got {
        if numberWords.contains(word) {
            run += 1
            strays = 0
        } else if !fillers.contains(word) {
            strays += 1
            if strays > 2 { run = 0 }
        }
        best = max(best, run)
    }
    return best >= spoken.count - 2 ? .run : .lost
}

/// This process's own, without flite's.
func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
}

var arguments = Array(CommandLine.arguments.dropFirst())
let isVerbose = arguments.first == "--verbose"
if isVerbose { arguments.removeFirst() }
let voices = arguments.isEmpty ? ["slt", "kal16", "rms", "awb"] : arguments
let folder = FileManager.default.temporaryDirectory.appendingPathComponent("measure-speech-\(ProcessInfo.processInfo.processIdentifier)").path
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(atPath: folder) }
let recognizer = try PocketSphinxRecognizer(phrases: ["opening hours", "pay my bill", "speak to a person"], threads: 1, folder: folder)

let kinds = ["grouped", "ungrouped", "fast", "corrected", "pairs", "short", "talk"]
func cell(_ text: String, _ width: Int = 18) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }
print(cell("voice", 16) + kinds.map { cell($0) }.joined() + "CPU/audio")
for voice in voices {
    for path in ["wideband", "µ-law"] {
        var wrong: [String: Int] = [:]
        var total: [String: Int] = [:]
        var numbers: [String: [Number: Int]] = [:]
        var audio = 0.0
        let began = processorSeconds()
        for sentence in sentences() {
            let clean = try speak(sentence, voice: voice, in: folder)
            let samples = path == "wideband" ? clean : try throughMuLaw(clean)
            audio += Double(samples.count) / 16_000
            let got = try recognize(samples, recognizer)
            let count = errors(sentence.words, got)
            wrong[sentence.kind, default: 0] += count
            total[sentence.kind, default: 0] += sentence.words.count
            let became = number(sentence.words, got)
            numbers[sentence.kind, default: [:]][became, default: 0] += 1
            if isVerbose, count > 0 { print("  \(voice) \(path) \(sentence.kind): \(sentence.words.joined(separator: " "))\n      → \(got.joined(separator: " "))") }
        }
        let busy = (processorSeconds() - began) / audio
        print(
            cell("\(voice) \(path)", 16)
                + kinds.map { kind in
                    let rate = cell("\(wrong[kind, default: 0] * 100 / max(1, total[kind, default: 0])) %", 6)
                    guard kind != "talk", kind != "short" else { return cell(rate) }
                    let n = numbers[kind, default: [:]]
                    return cell(rate + "\(n[.whole, default: 0])w \(n[.run, default: 0])r \(n[.lost, default: 0])l")
                }.joined() + String(format: "%.2f", busy))
        fflush(nil)
    }
}
