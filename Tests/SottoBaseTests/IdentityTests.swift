import SottoBase
import Testing

struct CallIDTests {
    @Test(
        arguments: [
            (0, 0), (UInt64.max, UInt64.max), (1, 0), (0, 1), (0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210), (1 << 63, 1), (15, 15 << 60),
        ] as [(UInt64, UInt64)])
    func itsTextReadsBack(_ high: UInt64, _ low: UInt64) {
        let id = CallID(high: high, low: low)
        #expect(id.description.count == 26)
        #expect(CallID(id.description) == id)
    }

    @Test(arguments: [
        "", "0", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "0000000000000000000000000i", "0000000000000000000000000O", "00000000000000000000000000 ",
    ])
    func otherTextIsRefused(_ text: String) {
        #expect(CallID(text) == nil)
    }

    @Test func orderIsThatOfTheText() {
        let ids = [CallID(high: 0, low: 9), CallID(high: 0, low: .max), CallID(high: 1, low: 0), CallID(high: .max, low: 0)]
        #expect(ids.sorted() == ids)
        #expect(ids.map(\.description).sorted() == ids.map(\.description))
    }
}

struct NameTests {
    @Test(arguments: ["acme", "a", "carrier-a", "0x"])
    func goodNames(_ text: String) {
        #expect(TenantName(text)?.text == text)
        #expect(TrunkName(text)?.text == text)
    }

    @Test(arguments: ["", "-a", "a-", "Acme", "a/b", "..", "a b", "ä", String(repeating: "a", count: 64)])
    func badNames(_ text: String) {
        #expect(TenantName(text) == nil)
        #expect(TrunkName(text) == nil)
    }

    @Test func aMappedAddressIsItsIPv4Address() {
        let mapped = PeerAddress(bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1], port: 5061)
        #expect(mapped == PeerAddress(bytes: [192, 0, 2, 1], port: 5061))
        #expect(mapped?.isIPv6 == false)
        #expect(PeerAddress(bytes: [1, 2, 3], port: 1) == nil)
    }
}

struct ByteCursorTests {
    @Test func readingPastTheEndMovesNothing() {
        var cursor = ByteCursor([1, 2, 3])
        #expect(cursor.read(4) == nil)
        #expect(cursor.read(-1) == nil)
        #expect(cursor.readInteger(UInt16.self) == 0x0102)
        #expect(cursor.readInteger(UInt16.self) == nil)
        #expect(cursor.next() == 3)
        #expect(cursor.next() == nil)
        #expect(cursor.isAtEnd)
    }

    @Test func decimalsAreBounded() {
        var cursor = ByteCursor(Array("18446744073709551616 42x".utf8))
        #expect(cursor.readDecimal() == nil)
        #expect(cursor.position == 0)
        cursor = ByteCursor(Array("42x".utf8)[...])
        #expect(cursor.readDecimal(limit: 41) == nil)
        #expect(cursor.readDecimal(limit: 42) == 42)
        #expect(cursor.readDecimal() == nil)
        let isSkipped = cursor.skip(0x78)
        #expect(isSkipped)
    }

    @Test func aSliceKeepsItsOwnIndexes() {
        let bytes = Array("abcdef".utf8)
        var cursor = ByteCursor(bytes[2..<4])
        #expect(cursor.peek() == 0x63)
        #expect(cursor.peek(-1) == nil)
        let rest = cursor.read(while: { _ in true })
        #expect(rest.count == 2)
        #expect(cursor.isAtEnd)
    }
}
