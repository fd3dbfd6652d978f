import Policy
import SottoBase
import Testing

@Suite struct AddressRangeTests {
    private func peer(_ text: String) throws -> PeerAddress { try #require(PeerAddress(host: text, port: 5061)) }

    @Test(arguments: [
        ("198.51.100.0/24", "198.51.100.7", true), ("198.51.100.0/24", "198.51.101.7", false), ("198.51.100.7", "198.51.100.7", true),
        ("198.51.100.7", "198.51.100.8", false), ("0.0.0.0/0", "203.0.113.9", true), ("10.128.0.0/9", "10.200.0.1", true),
        ("10.128.0.0/9", "10.127.255.255", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("2001:db8::/32", "198.51.100.7", false), ("::/0", "198.51.100.7", false),
        ("198.51.100.0/31", "198.51.100.1", true), ("198.51.100.0/31", "198.51.100.2", false),
    ])
    func rangeContains(_ range: String, _ address: String, _ expected: Bool) throws {
        #expect(try AddressRange(range).contains(try peer(address)) == expected)
    }

    /// An IPv4-mapped peer of a dual-stack socket counts as IPv4.
    @Test func mappedAddressCountsAsIPv4() throws {
        #expect(try AddressRange("198.51.100.0/24").contains(try peer("::ffff:198.51.100.7")))
    }

    @Test func hostBitsAreRefusedWithWhatWasMeant() {
        #expect(throws: AddressRange.Problem.hostBitsSet("198.51.100.0/24")) { try AddressRange("198.51.100.9/24") }
        #expect(throws: AddressRange.Problem.hostBitsSet("2001:db8::/32")) { try AddressRange("2001:db8::1/32") }
    }

    @Test(arguments: [
        "", "/", "198.51.100.0/", "198.51.100.0/33", "198.51.100.0/-1", "2001:db8::/129", "sbc.example", "1.2.3.4/24/1", "1.2.3.4/ 8",
    ])
    func garbageIsRefused(_ text: String) { #expect(throws: AddressRange.Problem.self) { try AddressRange(text) } }
}

@Suite struct DialledNumberTests {
    @Test(arguments: [
        ("+49 (30) 12-34.5", NumberStyle.plus, "+493012345"), ("4930123456", .plus, "4930123456"), ("4930123456", .bare, "+4930123456"),
        ("030123456", .bare, "030123456"), ("112", .bare, "112"), ("004930123456", .doubleZero, "+4930123456"),
        ("030123456", .doubleZero, "030123456"), ("+4930123456;phone-context=x", .plus, "+4930123456"), ("Sales", .plus, "Sales"),
        ("first.last", .plus, "first.last"), ("", .plus, ""), ("+", .plus, "+"), ("00", .doubleZero, "00"),
    ])
    func numberIsBroughtToOneSpelling(_ user: String, _ style: NumberStyle, _ expected: String) {
        #expect(DialledNumber(user: user, style: style).text == expected)
    }

    @Test func numberIsNeverShown() {
        let number = DialledNumber(user: "+4930123456")
        var dumped = ""
        dump(number, to: &dumped)
        #expect(!"\(number)\(String(reflecting: number))\(dumped)".contains("4930123"))
    }

    @Test func hugeUserPartIsCut() {
        #expect(DialledNumber(user: String(repeating: "9", count: 100_000)).text.utf8.count <= 128)
    }

    @Test(arguments: [
        ("+4930*", "+493012", true), ("+4930*", "+4930", true), ("+4930*", "+4931", false), ("+493012", "+493012", true),
        ("+493012", "+4930123", false), ("*", "anything", true), ("sales", "sales", true), ("sales", "Sales", false),
    ])
    func patternMatches(_ pattern: String, _ number: String, _ expected: Bool) throws {
        #expect(try #require(NumberPattern(pattern)).matches(DialledNumber(user: number)) == expected)
    }

    @Test(arguments: ["", "**", "*1", "+49*30", "a b", "a;b", String(repeating: "1", count: 65)])
    func badPatternIsRefused(_ text: String) { #expect(NumberPattern(text) == nil) }
}

@Suite struct HourWindowTests {
    /// 2026-11-24 is a Tuesday.
    private func time(_ day: Int, _ hour: Int, _ minute: Int) -> WallTime {
        WallTime(milliseconds: 1_795_478_400_000 + Int64(day) * 86_400_000 + Int64(hour * 60 + minute) * 60_000)
    }

    @Test func clockOfThisTest() { #expect(time(0, 9, 30).rfc3339 == "2026-11-24T09:30:00.000Z") }

    @Test func windowWithinADay() {
        let window = HourWindow(days: [2], from: 540, to: 1_020, utcOffset: 0)
        #expect(window.contains(time(0, 9, 0)) && window.contains(time(0, 16, 59)))
        #expect(!window.contains(time(0, 17, 0)) && !window.contains(time(0, 8, 59)) && !window.contains(time(1, 9, 0)))
    }

    @Test func windowOverMidnightBelongsToTheDayOnWhichItStarts() {
        let window = HourWindow(days: [2], from: 1_320, to: 360, utcOffset: 0)
        #expect(window.contains(time(0, 23, 0)) && window.contains(time(1, 5, 59)))
        #expect(!window.contains(time(0, 5, 0)) && !window.contains(time(1, 23, 0)))
    }

    @Test func windowFollowsItsOffset() {
        let window = HourWindow(days: [3], from: 0, to: 60, utcOffset: 60)
        #expect(window.contains(time(0, 23, 30)) && !window.contains(time(1, 0, 30)))
    }

    @Test func timesBeforeTheEpochAndAtTheEndsDoNotTrap() {
        let window = HourWindow(days: [4], from: 0, to: 1_440, utcOffset: -720)
        for milliseconds in [Int64.min, -1, 0, .max] { _ = window.contains(WallTime(milliseconds: milliseconds)) }
        #expect(HourWindow(days: [3], from: 0, to: 1_440, utcOffset: 0).contains(WallTime(milliseconds: -1)))
    }
}
