import AdministrationAPI
import SottoBase
import Testing

@testable import sotto

@Suite struct FormatTests {
    @Test func columnsStandBelowEachOther() {
        var table = Table(["CALL", "STATE"])
        table.add("a", "ringing")
        table.add("longer", nil)
        #expect(table.text == "CALL    STATE\na       ringing\nlonger  -")
    }

    @Test func nothingMovesTheTerminal() {
        #expect(Terminal.harmless("a\u{1B}[2Jb\u{9B}c\u{202E}d\ne") == "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d e")
        #expect(Terminal.harmless("a\n\tb", keepingLines: true) == "a\n\tb")
        var table = Table()
        table.add("a\nb", "\u{7}")
        #expect(table.text == "a b  \u{FFFD}")
    }

    @Test func positionsAreClockTimes() {
        #expect(ReportText.clock(0) == "0:00.000")
        #expect(ReportText.clock(62_345) == "1:02.345")
        #expect(ReportText.clock(-5) == "-0:00.005")
        #expect(ReportText.clock(.min) == "-153722867280912:55.808")
    }

    @Test func numbersLoseWhatPeopleWriteBetweenDigits() {
        #expect(NumberInput.cleaned(" +49 (30) 12-34/5.6\t") == "+49301234" + "56")
        #expect(NumberInput.cleaned("  alice smith ") == "alice smith")
        #expect(NumberInput.cleaned("   ") == "")
    }

    @Test func documentsAreShownFieldByField() throws {
        let value = try #require(
            AdministrationJSON.decode(JSONValue.self, from: Array("{\"b\":[1,{\"c\":true}],\"a\":null,\"d\":[]}".utf8)))
        #expect(value.rows().map { "\($0.name)=\($0.value)" } == ["a=-", "b[0]=1", "b[1].c=yes", "d=none"])
    }

    @Test func eventIsOneLine() {
        let event = EventReport(
            time: "T", level: "info", event: "call.ended", call: nil, tenant: "acme", fields: ["why": "the \"peer\"\nleft", "code": "200"])
        #expect(ReportText.event(event) == "T  info     call.ended  tenant=acme  code=200  why=\"the \"peer\" left\"")
    }

    @Test func auditEntriesKeepWhatHasNoColumn() {
        let text = ReportText.audit([
            AuditReport(
                sequence: 3,
                entry: "{\"v\":1,\"time\":\"T\",\"act\":\"call.ended\",\"actor\":\"daemon\",\"facts\":{\"p\":\"1\"},\"previous\":\"x\"}"),
            AuditReport(sequence: 4, entry: "not json"),
        ])
        #expect(
            text.split(separator: "\n").dropFirst().map { $0.split(separator: " ").joined(separator: " ") } == [
                "3 T call.ended - daemon facts.p=1", "4 - - - - not json",
            ])
    }

    @Test func everyProblemHasItsExitCode() {
        let codes = AdministrationProblem.Kind.allCases.map { Failure(AdministrationProblem($0, "x")).code }
        #expect(codes == [.permission, .no, .usage, .tryAgain, .fault])
    }
}
