import SottoBase
import Testing

@testable import SIPMessages

/// The character lists of RFC 3261 §25.1, against the words that the parser tests with.
struct ByteSetTests {
    private static let alphanum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    private static let unreserved = alphanum + "-_.!~*'()"

    private func members(_ set: ByteSet) -> Set<UInt8> { Set((0...255).map { UInt8($0) }.filter { set.contains($0) }) }

    @Test func setsAreTheRFCs() {
        #expect(members(.token) == Set((Self.alphanum + "-.!%*_+`'~").utf8))
        #expect(members(.user) == Set((Self.unreserved + "&=+$,;?/" + "%" + "#").utf8))
        #expect(members(.password) == Set((Self.unreserved + "&=+$," + "%").utf8))
        #expect(members(.uriParameter) == Set((Self.unreserved + "[]/:&+$" + "%").utf8))
        #expect(members(.uriHeader) == Set((Self.unreserved + "[]/?:+$" + "%=&").utf8))
        #expect(members(.host) == Set((Self.alphanum + "-." + "_").utf8))
        #expect(members(.uric) == Set((Self.unreserved + ";/?:@&=+$," + "%").utf8))
        #expect(members(.word) == Set((Self.alphanum + "-.!%*_+`'~()<>:\\\"/[]?{}").utf8))
        #expect(members(.digit) == Set("0123456789".utf8))
        #expect(members(.hex) == Set("0123456789abcdefABCDEF".utf8))
    }

    @Test func everyNameAndCompactFormIsFound() {
        for name in SIPHeaderName.allCases where name != .other {
            let spelling = name.spelling.description
            #expect(SIPHeaderName(.init(spelling)) == name)
            #expect(SIPHeaderName(.init(spelling.uppercased())) == name)
            if let letter = name.compactForm { #expect(SIPHeaderName(.init([letter])) == name) }
            #expect(SIPHeaderName(.init(spelling + "x")) == .other)
            #expect(SIPHeaderName(.init("x" + spelling)) == .other)
        }
        #expect(SIPHeaderName("") == .other)
    }
}
