import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls
@testable import SIPSessions

/// Calls that lead to a trunk: two legs, each with its own dialog, keys, suite and codec.
@Suite struct BridgeTests {
    // MARK: - Set-up

    @Test func callIsBridgedWithADifferentSuiteAndCodecOnEachSide() {
        var desk = Desk(House.bridging())
        #expect(
            desk.calls() == [
                "caller reserve", "dial pbx", "callee reserve", "INVITE sip:+4930123@pbx.example;transport=tls;user=phone",
            ])
        #expect(desk.far(180) == ["caller 180"])
        #expect(
            desk.far(200, body: FarSide.answer(to: desk.offer)) == [
                "dial over alive", "callee start bridge sendrecv", "caller start bridge sendrecv", "caller bridge callee", "caller 200 sdp",
            ])
        #expect(desk.state == "answered")
        #expect(desk.acks() == [])
        #expect(desk.state == "bridged")
        #expect(desk.started[.caller]?.suite == .aeadAES256GCM && desk.started[.caller]?.codec.name == .pcmu)
        #expect(desk.started[.callee(1)]?.suite == .aesCM128HMACSHA1_80 && desk.started[.callee(1)]?.codec.name == .pcma)
        #expect(desk.started[.caller]?.localKey != desk.started[.callee(1)]?.localKey)
        #expect(desk.table.summaries.first?.farLegs.first?.state == "connected")
        #expect(desk.table.summaries.first?.consent == "none")
    }

    /// A far leg's offer holds all that its trunk's policy allows, whatever the caller can do.
    @Test func farOfferHoldsTheTrunksOwnSuitesAndCodecs() {
        let media = MediaPolicy(suites: [.aes128CMSHA1_80], codecs: [.pcma, .opus])
        var desk = Desk(House.bridging([House.outbound("pbx", media: media)]))
        desk.calls()
        let line = desk.offer?.media.first
        #expect(line?.cryptos.map { "\($0.suite)" } == ["AES_CM_128_HMAC_SHA1_80"])
        #expect(line?.formats.map(\.string).prefix(2) == ["8", "96"])
        #expect(line?.port == 20_100)
    }

    @Test func earlyMediaReachesTheCallerOneWayBeforeTheAnswer() {
        var desk = Desk(House.bridging())
        desk.calls()
        #expect(
            desk.far(183, body: FarSide.answer(to: desk.offer)) == [
                "callee start bridge sendrecv", "caller start bridge sendonly", "caller bridge callee", "caller 183 sdp reliable",
            ])
        #expect(desk.table.summaries.first?.farLegs.first?.state == "early")
        let early = desk.answers.last?.body
        // The answer is the one that the 183 brought; the 200 needs no other.
        #expect(desk.far(200) == ["dial over alive", "caller update sendrecv", "caller 200 sdp"])
        #expect(desk.answers.last?.body == early)
        desk.acks()
        #expect(desk.state == "bridged")
    }

    @Test func earlyMediaIsReplacedByRingBackWherePolicySaysSo() {
        let media = MediaPolicy(suites: [.aes128CMSHA1_80], codecs: [.pcma], earlyMedia: .ring)
        var desk = Desk(House.bridging([House.outbound("pbx", media: media)]))
        desk.calls()
        #expect(desk.far(183, body: FarSide.answer(to: desk.offer)) == ["caller 180", "callee start bridge sendrecv"])
    }

    /// Several early dialogs (RFC 3261 §13.2.2.4): the first that can be heard is, until another answers.
    @Test func forkThatAnswersIsHeardInsteadOfTheOneThatPlayed() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.far(183, body: FarSide.answer(to: desk.offer, port: 7_000), on: DialogID(value: 21))
        #expect(desk.far(183, body: FarSide.answer(to: desk.offer, port: 7_002), on: DialogID(value: 22)) == [])
        #expect(desk.started[.callee(1)]?.remoteAddress?.port == 7_000)
        #expect(
            desk.far(200, body: FarSide.answer(to: desk.offer, port: 7_002), on: DialogID(value: 22)) == [
                "dial over alive", "callee update sendrecv", "caller update sendrecv", "caller 200 sdp",
            ])
        #expect(desk.started[.callee(1)]?.remoteAddress?.port == 7_002)
    }

    /// RFC 3261 §13.2.1 with no offer in the INVITE: ours goes out when the far side has answered.
    @Test func callerWithoutAnOfferIsBridgedOnItsAnswerInTheACK() {
        var desk = Desk(House.bridging())
        desk.calls(Caller(body: ""))
        #expect(desk.far(183, body: FarSide.answer(to: desk.offer)) == ["caller 183", "callee start bridge sendrecv"])
        #expect(desk.far(200) == ["dial over alive", "caller 200 sdp"])
        #expect(desk.acks(Caller.sdp(crypto: [Caller.gcm])) == ["caller start bridge sendrecv", "caller bridge callee"])
        #expect(desk.state == "bridged")
        var other = Desk(House.bridging())
        other.calls(Caller(body: ""))
        other.far(200, body: FarSide.answer(to: other.offer))
        // No answer in the ACK: both sides are let go.
        #expect(other.acks().filter { $0.hasPrefix("BYE") } == ["BYE callee", "BYE caller"])
        #expect(other.isIdle)
    }

    @Test func provisionalResponsesAreToldOnceInARow() {
        var desk = Desk(House.bridging())
        desk.calls()
        #expect(desk.far(183) == ["caller 183"])
        #expect(desk.far(183) == [])
        #expect(desk.far(180) == ["caller 180"])
        #expect(desk.far(199) == [])
        #expect(desk.far(182) == ["caller 182"])
    }

    // MARK: - What crosses

    /// Nothing of the inner leg is in the INVITE that leaves, and nothing of the far leg in what the caller gets.
    @Test func topologyIsHiddenBothWays() {
        var desk = Desk(House.bridging())
        let caller = Caller("inner-call-id").with {
            $0.headers = ["User-Agent: Inner-Phone/1", "P-Asserted-Identity: <sip:+4940999@carrier.example>", "Subject: inner-subject"]
        }
        desk.calls(caller)
        guard let invite = desk.invites.last else { return }
        var outward = "\(invite.requestURI.text.string) \(invite.to.text.string) \(invite.from.text.string) "
        outward += invite.headers.map { "\($0.name) \($0.text?.string ?? "")" }.joined(separator: " ")
        outward += Desk.text(of: invite.body)
        for inner in ["inner", "carrier.example", "192.0.2.9", "1928301774", "Inner-Phone", "Via"] {
            #expect(!outward.contains(inner), "\(inner) crossed")
        }
        #expect(invite.routes.isEmpty && invite.connection == ConnectionID(50))
        desk.far(183, body: FarSide.answer(to: desk.offer))
        desk.far(200)
        for answer in desk.answers {
            let text = answer.headers.map { $0.text?.string ?? "" }.joined() + (answer.body.map { Desk.text(of: $0) } ?? "")
            for inner in ["pbx", "10.9.8.7", "192.0.2.77", "Inner-PBX", "theirs", "far-call"] { #expect(!text.contains(inner)) }
        }
    }

    /// RFC 7332; RFC 3261 §8.1.1.6.
    @Test func maxForwardsIsCarriedDownAndEndsALoop() {
        var desk = Desk(House.bridging())
        desk.calls()
        #expect(desk.invites.last?.maxForwards == 69)
        var arrived = desk.arrived(Caller("b"), desk.invite, desk.caller, nil)
        var request = arrived.request
        request.fields.maxForwards = 0
        arrived = InviteArrived(
            invite: arrived.invite, dialog: arrived.dialog, connection: arrived.connection, peer: arrived.peer, request: request,
            replaces: nil)
        var other = Desk(House.bridging())
        #expect(
            other.feed(.invited(arrived, trunk: House.trunk(of: "acme"), source: Switchboard.source))
                == ["refused 483 route 1", "caller 483"])
        #expect(other.invites.isEmpty && other.isIdle)
    }

    /// RFC 3325 §5, §7; RFC 3323 §4.1.1.3.
    @Test func identityLeavesToTrustedTrunksAloneAndPrivacyIsKept() {
        func invite(_ trunk: TrunkPolicy, _ headers: [String]) -> OutgoingInvite? {
            var desk = Desk(House.bridging([trunk]) { $0.isTrusted = true })
            desk.calls(Caller().with { $0.headers = headers })
            return desk.invites.last
        }
        let asserted = ["P-Asserted-Identity: <sip:+4940111@carrier.example>"]
        let open = invite(House.outbound("pbx"), asserted)
        #expect(open?.from.text.string == "<sip:+4940111@us.example>")
        #expect(open?.headers.contains { $0.name == .pAssertedIdentity } == false)
        let trusted = invite(House.outbound("pbx", isTrusted: true), asserted)
        #expect(trusted?.headers.first { $0.name == .pAssertedIdentity }?.text?.string == "<sip:+4940111@us.example>")
        let hidden = invite(House.outbound("pbx"), asserted + ["Privacy: id"])
        #expect(hidden?.from.text.string == "\"Anonymous\" <sip:anonymous@anonymous.invalid>")
        #expect(hidden?.headers.contains { $0.name == .pAssertedIdentity } == false)
        #expect(hidden?.headers.first { $0.name == .privacy }?.text?.string == "id")
        let hiddenButTrusted = invite(House.outbound("pbx", isTrusted: true), asserted + ["Privacy: id"])
        #expect(hiddenButTrusted?.from.uri.host == "anonymous.invalid")
        #expect(hiddenButTrusted?.headers.contains { $0.name == .pAssertedIdentity } == true)
        let fixed = invite(House.outbound("pbx", callerID: .fixed(DialledNumber(user: "+49800"))), asserted)
        #expect(fixed?.from.text.string == "<sip:+49800@us.example>")
    }

    /// RFC 3323 §5.
    @Test func criticalPrivacyThatIsNotUnderstoodEndsTheCall() {
        var desk = Desk(House.bridging())
        #expect(desk.calls(Caller().with { $0.headers = ["Privacy: shape;critical"] }) == ["refused 500 route 1", "caller 500"])
        #expect(desk.isIdle)
    }

    // MARK: - Echo

    @Test func echoNeedsNeitherVoiceNorConsentNorRecorder() {
        var house = House()
        house.routes = [RoutePolicy(target: .echo, rule: RuleReference("route 1", at: .builtIn))]
        var desk = Desk(house)
        #expect(desk.calls() == ["caller 180", "caller reserve", "caller start echo sendrecv", "caller 200 sdp"])
        #expect(desk.acks() == [])
        #expect(desk.state == "echo")
        #expect(
            desk.ends(desk.caller, .remoteBye(FarSide.bye())) == [
                "ending completed: the caller hung up", "caller close", "record finish", "gone",
            ])
        let record = desk.records.first
        #expect(record?.consent?.outcome == .notRecorded && record?.consent?.mode == .never)
        #expect(record?.consent?.rule.name == "route 1")
        #expect(record?.route == "echo" && record?.wasRecorded == false)
        #expect(desk.isIdle)
    }

    /// What can be known is refused before anything rings and before a port is taken.
    @Test(arguments: [
        Caller.sdp(transport: "RTP/AVP"), Caller.sdp(payloads: "18"), Caller.sdp(crypto: []),
        Caller.sdp(address: "2001:db8::9", family: "IP6"),
    ])
    func unusableOfferIsRefusedBeforeAnythingRings(_ offer: String) {
        for house in [House(), House.bridging()] {
            var desk = Desk(house)
            let lines = desk.calls(Caller(body: offer))
            #expect(lines.contains("caller 488"))
            #expect(!lines.contains("caller 180") && !lines.contains("caller reserve") && desk.invites.isEmpty)
            #expect(desk.isIdle)
        }
    }
}

extension Desk {
    static func text(of body: SIPBody) -> String {
        body.chunks.map { chunk in
            if case .bytes(let bytes) = chunk { String(decoding: bytes, as: UTF8.self) } else { "key" }
        }.joined()
    }

    /// Both legs are up, and the caller has acknowledged.
    mutating func bridged(_ caller: Caller = Caller()) {
        calls(caller)
        far(200, body: FarSide.answer(to: offer))
        acks()
    }
}
