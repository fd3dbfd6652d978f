import SottoBase
import Testing

@testable import ProviderProcesses

private enum Field: String, CaseIterable {
    case name, at, list, on
}

private struct Read: Equatable {
    var name: String?
    var at: Int64?
    var list: [Int64] = []
    var on: Bool?
}

private func read(_ text: String) throws(JSONReader.Fault) -> Read {
    try read(Array(text.utf8))
}

private func read(_ bytes: [UInt8]) throws(JSONReader.Fault) -> Read {
    var bytes = bytes
    var result = Read()
    var fault: JSONReader.Fault?
    bytes.withUnsafeMutableBytes { line in
        do throws(JSONReader.Fault) {
            var reader = JSONReader(line)
            try reader.beginObject()
            while let field = try reader.nextField(of: Field.self) {
                switch field {
                case .name: result.name = String(decoding: try reader.text(atMost: 16), as: UTF8.self)
                case .at: result.at = try reader.integer(in: -10...1_000)
                case .on: result.on = try reader.boolean()
                case .list:
                    try reader.beginArray()
                    while try reader.nextElement() { result.list.append(try reader.integer(in: 0...9)) }
                }
            }
            try reader.finish()
        } catch { fault = error }
    }
    if let fault { throw fault }
    return result
}

@Suite struct JSONReaderTests {
    @Test func membersComeInAnyOrderWithBlanks() throws {
        #expect(try read(#"{"name":"four","at":12,"on":true,"list":[1,2]}"#) == Read(name: "four", at: 12, list: [1, 2], on: true))
        #expect(try read("\t{ \"list\" : [ ] , \"at\" : -3 , \"on\" : false } \r") == Read(at: -3, on: false))
        #expect(try read("{}") == Read())
    }

    @Test func escapesAreReadInPlace() throws {
        #expect(try read(#"{"name":"a\u00e9\"\\\/"}"#).name == "aé\"\\/")
        #expect(try read(#"{"name":"\ud83d\ude00"}"#).name == "😀")
        #expect(try read(#"{"\u006eame":"x"}"#).name == "x")
    }

    @Test(arguments: [
        ("", .syntax), ("nonsense", .wrongType), ("[]", .wrongType), (#"{"at":1"#, .syntax), (#"{"at" 1}"#, .syntax), (#"{"at":1,}"#, .syntax),
        (#"{,"at":1}"#, .syntax), (#"{"at":01}"#, .syntax), (#"{"list":[1 2]}"#, .syntax), (#"{"list":[1,]}"#, .wrongType),
        (#"{"name":"x"#, .syntax), (#"{"name":"\x"}"#, .syntax), (#"{"name":"\u12"}"#, .syntax),
        (#"{"at":1}{"at":1}"#, .trailingBytes), (#"{"who":1}"#, .unknownField), (#"{"at":1,"at":2}"#, .repeatedField),
        (#"{"at":"1"}"#, .wrongType), (#"{"at":1.5}"#, .wrongType), (#"{"at":1e2}"#, .wrongType), (#"{"at":null}"#, .wrongType),
        (#"{"at":1001}"#, .outOfRange), (#"{"at":-11}"#, .outOfRange), (#"{"at":99999999999999999999999}"#, .outOfRange),
        (#"{"at":-9223372036854775808}"#, .outOfRange), (#"{"at":9223372036854775808}"#, .outOfRange),
        (#"{"name":"12345678901234567"}"#, .tooLong), (#"{"name":"\n"}"#, .invalidText), (#"{"name":"\u0007"}"#, .invalidText),
        (#"{"name":"\ud83d"}"#, .invalidText), (#"{"name":"\udc00"}"#, .invalidText), (#"{"name":"\ud83d\u0041"}"#, .invalidText),
        (#"{"on":tru}"#, .wrongType), (#"{"on":1}"#, .wrongType),
    ] as [(String, JSONReader.Fault)])
    func whatIsNotOursIsAFault(_ text: String, _ fault: JSONReader.Fault) {
        #expect(throws: fault) { try read(text) }
    }

    /// RFC 3629 §3 and §10: shortest form only, no surrogates, nothing past U+10FFFF.
    @Test(arguments: [
        [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x80], [0xC3],
        [0xE2, 0x82], [0xC2, 0x85], [0x7F], [0x00], [0xFF],
    ] as [[UInt8]])
    func bytesThatAreNoTextAreAFault(_ bytes: [UInt8]) {
        #expect(throws: JSONReader.Fault.invalidText) { try read(Array(#"{"name":""#.utf8) + bytes + Array(#""}"#.utf8)) }
    }

    /// Whatever comes, reading ends, and never with a trap.
    @Test func noLineStopsTheReader() {
        let whole = Array(#"{"name":"a\u00e9é","at":-7,"list":[1,2,3],"on":true}"#.utf8)
        for end in 0..<whole.count { #expect(throws: JSONReader.Fault.self) { try read(Array(whole[..<end])) } }
        for index in whole.indices {
            for value in stride(from: UInt8(0), through: 250, by: 5) {
                var changed = whole
                changed[index] = value
                _ = try? read(changed)
            }
        }
        _ = try? read(Array(repeating: 0x5B, count: 100_000))
    }

    @Test func faultsSayNothingOfTheLine() {
        do {
            _ = try read(#"{"name":"four one one one one"}"#)
            Issue.record("accepted")
        } catch {
            #expect("\(error)" == "text too long")
        }
    }
}

@Suite struct LineBufferTests {
    private func lines(_ chunks: [String], limit: Int) -> (lines: [String], last: LineBuffer.Next) {
        var buffer = LineBuffer(limit: limit)
        var lines: [String] = []
        var last = LineBuffer.Next.none
        for chunk in chunks {
            let fits = Array(chunk.utf8).withUnsafeBytes { buffer.append($0) }
            if !fits { return (lines, .tooLong) }
            repeat {
                last = buffer.nextLine { lines.append(String(decoding: $0, as: UTF8.self)) }
            } while last == .line
        }
        return (lines, last)
    }

    @Test func linesComeWholeHoweverTheyAreCut() {
        #expect(lines(["one\ntw", "o\n", "\n", "th"], limit: 64).lines == ["one", "two", ""])
        #expect(lines("one\ntwo\n".map(String.init), limit: 64).lines == ["one", "two"])
    }

    @Test func lineOverTheLimitIsRefused() {
        #expect(lines(["12345678\n"], limit: 8).lines == ["12345678"])
        #expect(lines(["123456789"], limit: 8).last == .tooLong)
    }
}

@Suite struct StartBackOffTests {
    private let start = Instant(nanoseconds: 0)

    @Test func twoFailuresDelayNothing() {
        var backOff = StartBackOff()
        backOff.failed(now: start)
        backOff.failed(now: start)
        #expect(backOff.mayStart(now: start))
    }

    @Test func furtherFailuresDoubleTheWaitUpToAMinute() {
        var backOff = StartBackOff()
        for _ in 0..<2 { backOff.failed(now: start) }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            backOff.failed(now: start)
            #expect(!backOff.mayStart(now: start + .milliseconds(seconds * 1_000 - 1)))
            #expect(backOff.mayStart(now: start + .seconds(seconds)))
        }
    }

    @Test func orderlyEndForgetsFailures() {
        var backOff = StartBackOff()
        for _ in 0..<5 { backOff.failed(now: start) }
        backOff.endedWell()
        #expect(backOff.mayStart(now: start))
        backOff.failed(now: start)
        #expect(backOff.mayStart(now: start))
    }
}
