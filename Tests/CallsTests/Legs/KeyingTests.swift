import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import Testing

@testable import Calls

/// Keys by DTLS-SRTP (RFC 5763, RFC 8842) and by SDES, as each trunk's policy says.
@Suite struct KeyingTests {
    private static let theirs = "a=fingerprint:sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":")

    private static func media(_ keying: MediaKeying) -> MediaPolicy {
        MediaPolicy(suites: MediaPolicy.standard.suites, keying: keying, codecs: [.pcmu, .pcma])
    }

    private static func house(_ keying: MediaKeying) -> House {
        var house = House()
        house.media = media(keying)
        return house
    }

    private static let certificate: @Sendable (inout CallsConfiguration) -> Void = {
        $0.dtlsFingerprint = CertificateFingerprint(bytes: Array(repeating: 0xC0, count: 32))
    }

    /// `lines` at the end of the audio line's section.
    private static func dtls(_ lines: [String] = [theirs, "a=setup:actpass", "a=rtcp-mux"], crypto: [String] = []) -> String {
        Caller.sdp(transport: "UDP/TLS/RTP/SAVP", crypto: crypto) + lines.map { $0 + "\r\n" }.joined()
    }

    @Test func offerWithAFingerprintIsAnsweredWithOurs() {
        var board = Switchboard(Self.house(.dtls), Self.certificate)
        #expect(board.receive(Caller(body: Self.dtls()).says("INVITE")).contains("agreed PCMU DTLS-SRTP"))
        let line = board.lastResponse?.sdp?.media.first
        #expect(line?.cryptos.isEmpty == true && line?.multiplexesRTCP == true)
        #expect(line?.attribute("setup")?.value == "active")
        #expect(line?.attribute("fingerprint")?.value?.string.hasPrefix("sha-256 C0:C0:") == true)
        #expect(board.started?.dtls?.role == .active && board.started?.multiplexesRTCP == true)
        #expect(board.table.summaries.first?.suite == "DTLS-SRTP")
    }

    /// RFC 5764 §4.1: RTCP on a port of its own would need an association of its own. There is none, and so no RTCP either.
    @Test func withoutMultiplexingNothingIsSaidOfRTCP() {
        var board = Switchboard(Self.house(.dtls), Self.certificate)
        board.receive(Caller(body: Self.dtls([Self.theirs, "a=setup:passive"])).says("INVITE"))
        let line = board.lastResponse?.sdp?.media.first
        #expect(line != nil && line?.multiplexesRTCP == false && line?.attribute("rtcp") == nil)
        #expect(board.started?.dtls?.role == .active && board.started?.multiplexesRTCP == false)
    }

    @Test(arguments: [
        (MediaKeying.sdes, dtls(), 488), (.sdes, Caller.sdp(), 200), (.dtls, Caller.sdp(), 488), (.dtls, dtls(), 200), (.any, dtls(), 200),
        (.any, Caller.sdp(), 200), (.dtls, dtls(["a=setup:actpass"]), 488), (.any, dtls(["a=setup:actpass"]), 488),
        (.dtls, dtls([theirs, "a=setup:holdconn"]), 488), (.dtls, dtls(["a=fingerprint:sha-1 AB", "a=setup:actpass"]), 488),
    ])
    func policyDecidesHowKeysAreAgreedOn(_ keying: MediaKeying, _ offer: String, _ status: Int) {
        var board = Switchboard(Self.house(keying), Self.certificate)
        board.receive(Caller(body: offer).says("INVITE"))
        #expect(board.lastResponse?.status == UInt16(status))
        #expect(status == 200 || (board.isIdle && board.lastResponse?.header(.warning) != nil))
    }

    /// Never SDES in place of the DTLS that policy wants.
    @Test func withoutACertificateThereIsNoCall() {
        var board = Switchboard(Self.house(.dtls))
        board.receive(Caller(body: Self.dtls()).says("INVITE"))
        #expect(board.lastResponse?.status == 488)
        var offerless = Switchboard(Self.house(.dtls))
        offerless.receive(Caller(body: "").says("INVITE"))
        #expect(offerless.lastResponse?.status == 488)
        var out = Desk(House.bridging([House.outbound("pbx", media: Self.media(.dtls))]))
        #expect(out.calls().contains("caller 503"))
        #expect(out.invites.isEmpty && out.isIdle)
    }

    @Test func offerOfOursInThe200IsAnsweredInTheAck() {
        var board = Switchboard(Self.house(.dtls), Self.certificate)
        let caller = board.answered(Caller(body: ""))
        #expect(board.lastResponse?.sdp?.media.first?.attribute("setup")?.value == "actpass")
        #expect(board.receive(caller.ack(body: Self.dtls([Self.theirs, "a=setup:active", "a=rtcp-mux"]))).contains("media start"))
        #expect(board.started?.dtls?.role == .passive)
    }

    /// RFC 8842 §5: a hold is no new association.
    @Test func holdKeepsTheAssociation() {
        var board = Switchboard(Self.house(.dtls), Self.certificate)
        var caller = board.talking(Caller(body: Self.dtls()))
        let before = board.started?.dtls
        let hold = Self.dtls([Self.theirs, "a=setup:actpass", "a=rtcp-mux", "a=sendonly"]).replacing("o=- 77 1", with: "o=- 77 2")
        #expect(board.receive(caller.next(body: hold).says("INVITE")).contains("media update recvonly"))
        #expect(before != nil && board.updatedTo?.dtls == before)
        let other = hold.replacing("AB:AB", with: "CD:AB").replacing("o=- 77 2", with: "o=- 77 3")
        board.receive(caller.ack())
        board.receive(caller.next(body: other).says("INVITE"))
        #expect(board.updatedTo?.dtls?.generation == 1)
    }

    @Test func eachSideOfABridgeHasItsOwnKeying() {
        var desk = Desk(House.bridging([House.outbound("pbx", media: Self.media(.dtls))]), Self.certificate)
        desk.calls()
        #expect(desk.offer?.media.first?.cryptos.isEmpty == true)
        #expect(desk.offer?.media.first?.attribute("setup")?.value == "actpass")
        desk.far(200, body: Self.dtls([Self.theirs, "a=setup:passive", "a=rtcp-mux"]))
        desk.acks()
        #expect(desk.started[.callee(1)]?.dtls?.role == .active)
        #expect(desk.started[.caller]?.crypto != nil)
        desk.ends(desk.caller, .remoteBye(FarSide.bye()))
        #expect(desk.records.first?.suite == "AEAD_AES_256_GCM")
        #expect(desk.records.first?.farLegs.first?.suite == "DTLS-SRTP")
    }

    /// RFC 8842 §5.3: an answer brings a fingerprint and chooses its role.
    @Test(arguments: [["a=setup:active"], [theirs, "a=setup:actpass"]])
    func answerWithoutAFingerprintOrARoleEndsTheLeg(_ lines: [String]) {
        var desk = Desk(House.bridging([House.outbound("pbx", media: Self.media(.dtls))]), Self.certificate)
        desk.calls()
        let said = desk.far(200, body: Self.dtls(lines))
        #expect(said.contains("BYE callee") && said.contains("caller 502"))
        #expect(desk.isIdle)
    }
}
