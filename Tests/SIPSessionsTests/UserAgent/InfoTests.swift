import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// INFO inside a dialog (RFC 6086): digits, and what is refused.
@Suite struct InfoTests {
    private func say(_ rig: inout Rig, _ body: String, type: String, headers: [String] = []) -> [String] {
        let known = rig.talking()
        let text = known.next().with {
            $0.body = body
            $0.headers = headers
        }.text("INFO").replacing("application/sdp", with: type)
        var raw = Array(text.utf8)
        guard let message = try? SIPMessageParser.parse(&raw) else { preconditionFailure("the test's own request does not parse") }
        return rig.receive(message)
    }

    private func digit(_ rig: Rig) -> (key: UInt8, duration: Duration?)? {
        guard case .digitArrived(_, let digit)? = rig.events.last else { return nil }
        return (digit.key.withBytes { $0[0] }, digit.duration)
    }

    @Test(arguments: [
        ("Signal=5\r\nDuration=160\r\n", "5", 160), ("Signal= *\r\nDuration= 250\r\n", "*", 250), ("signal=11\n", "#", nil),
        ("Duration=999999999999999999999\r\nSignal=d", "D", 10_000),
    ] as [(String, String, Int64?)])
    func aRelayedDigitArrives(body: String, key: String, milliseconds: Int64?) {
        var rig = Rig()
        #expect(say(&rig, body, type: "application/dtmf-relay") == ["→ 200 INFO", "digitArrived"])
        #expect(digit(rig)?.key == key.utf8.first)
        #expect(digit(rig)?.duration == milliseconds.map { .milliseconds($0) })
    }

    @Test(arguments: [("7", "7"), ("10", "*"), (" #\r\n", "#")]) func aBareDigitArrives(body: String, key: String) {
        var rig = Rig()
        #expect(say(&rig, body, type: "application/dtmf") == ["→ 200 INFO", "digitArrived"])
        #expect(digit(rig)?.key == key.utf8.first)
    }

    @Test(arguments: ["Signal=\r\n", "Signal=55\r\n", "Signal=x\r\n", "Sig", "Duration=100"]) func whatIsNoDigitGets400(body: String) {
        var rig = Rig()
        #expect(say(&rig, body, type: "application/dtmf-relay").first == "→ 400 INFO")
    }

    /// RFC 3261 §8.2.3: 415 says what would be understood.
    @Test func otherBodiesGet415() {
        var rig = Rig()
        #expect(say(&rig, "hello", type: "text/plain").first == "→ 415 INFO")
        #expect(rig.lastResponse?.list(.accept).map(\.string) == ["application/dtmf-relay", "application/dtmf"])
    }

    /// RFC 6086 §4.2.2.
    @Test func unknownPackagesGet469() {
        var rig = Rig()
        #expect(say(&rig, "hello", type: "text/plain", headers: ["Info-Package: foo"]).first == "→ 469 INFO")
        #expect(rig.lastResponse?.header(otherName: "Recv-Info") != nil)
    }

    @Test func anEmptyInfoIsASignOfLife() {
        var rig = Rig()
        let known = rig.talking()
        #expect(rig.receive(known.next().says("INFO")) == ["→ 200 INFO"])
    }

    @Test func outsideADialogItGets481() {
        var rig = Rig()
        #expect(rig.receive(Caller().says("INFO")).first == "→ 481 INFO")
    }

    /// A digit may be part of a PIN.
    @Test func aDigitShowsNothing() {
        var rig = Rig()
        _ = say(&rig, "Signal=7\r\n", type: "application/dtmf-relay")
        guard case .digitArrived(_, let digit)? = rig.events.last else { return }
        var text = ""
        dump(digit, to: &text)
        print(digit, to: &text)
        #expect(!text.contains("7"))
    }
}
