import SottoBase
import Testing

struct WireTextTests {
    @Test func viewsAreCutToTheirBuffer() {
        let text = WireText(Array("hello".utf8), 1..<99)
        #expect(text.string == "ello")
        #expect(text.slice(-3..<2).string == "el")
        #expect(text.byte(at: 4) == nil)
        #expect(text.slice(1..<3) == WireText("ll"))
    }

    @Test func caseFoldsInASCIIAlone() {
        #expect(WireText("Via-1").equalsIgnoringCase("vIA-1"))
        #expect(!WireText("[").equalsIgnoringCase("{"))
        #expect(!WireText("@").equalsIgnoringCase("`"))
        #expect(!WireText("É").equalsIgnoringCase(WireText("é")))
    }

    @Test func searchFindsTheFirstOfTwo() {
        for length in 0..<40 {
            for position in 0...length {
                var bytes = [UInt8](repeating: 0x0B, count: length)
                if position < length { bytes[position] = position % 2 == 0 ? 0x0D : 0x0A }
                #expect(bytes.span.firstIndex(of: 0x0D, or: 0x0A, from: 0, to: 99) == position)
                #expect(bytes.span.firstIndex(of: 0x0D, or: 0x0A, from: min(position, length), to: length) == position)
            }
        }
        for length in 0..<40 {
            for position in 0..<length {
                for lineEnd: UInt8 in [0x0D, 0x0A] {
                    // Neighbours in value on both sides, tabs and NULs among them.
                    var bytes = (0..<length).map { [UInt8(0x0E), 0x0B, 0x09, 0x00, 0x8A, 0x8D, 0x7F, 0x0C][$0 % 8] }
                    bytes[position] = lineEnd
                    #expect(bytes.span.firstLineEnd(from: 0, to: 99) == position)
                    #expect(bytes.span.firstLineEnd(from: position + 1, to: length) == length)
                }
            }
        }
        #expect([UInt8](repeating: 0x8D, count: 20).span.firstIndex(of: 0x0D, or: 0x0A, from: 0, to: 20) == 20)
        #expect([0x0C, 0x0D, 0x0E, 0x0D, 0, 0, 0, 0, 0x0D].span.firstIndex(of: 0x0D, or: 0x0A, from: 2, to: 3) == 3)
    }
}

struct PeerAddressTextTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("[::]", "::"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("fe80::", "fe80::"),
    ])
    func addressesReadAndWriteAsRFC5952(_ text: String, _ canonical: String) {
        #expect(PeerAddress(host: text, port: 1)?.hostText == canonical)
    }

    @Test(arguments: ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":::", "1::2::3", "::g", "[1.2.3.4]", "[::1", "::1%lo", "1:2:3:4:5:6:7:8:9", "1:", ":1", "::+1", "host.example"])
    func otherTextIsNoAddress(_ text: String) {
        #expect(PeerAddress(host: text, port: 1) == nil)
    }
}
