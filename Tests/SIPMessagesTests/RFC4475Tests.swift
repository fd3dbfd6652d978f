import Foundation
import SIPMessages
import SottoBase
import Testing

/// The 49 messages of RFC 4475, each with the verdict of its section. The files are the RFC's own, from its appendix.
struct RFC4475Tests {
    enum Verdict: Equatable {
        /// Parsed without defect, and a UAS with an ordinary set of abilities owes nothing.
        case accepted
        /// Parsed, and this status is owed.
        case owed(UInt16)
        /// A response that must have no effect.
        case discarded
        /// Cannot be represented: dropped.
        case refused
    }

    static let verdicts: [(file: String, verdict: Verdict, section: String)] = [
        ("wsinv", .accepted, "3.1.1.1"),
        ("intmeth", .accepted, "3.1.1.2"),
        ("esc01", .accepted, "3.1.1.3"),
        ("escnull", .accepted, "3.1.1.4"),
        ("esc02", .accepted, "3.1.1.5"),
        ("lwsdisp", .accepted, "3.1.1.6"),
        ("longreq", .accepted, "3.1.1.7"),
        ("dblreq", .accepted, "3.1.1.8"),
        ("semiuri", .accepted, "3.1.1.9"),
        ("transports", .accepted, "3.1.1.10"),
        ("mpart01", .accepted, "3.1.1.11"),
        ("unreason", .accepted, "3.1.1.12"),
        ("noreason", .accepted, "3.1.1.13"),
        ("badinv01", .owed(400), "3.1.2.1"),
        ("clerr", .owed(400), "3.1.2.2"),
        ("ncl", .owed(400), "3.1.2.3"),
        ("scalar02", .owed(400), "3.1.2.4"),
        ("scalarlg", .discarded, "3.1.2.5"),
        ("quotbal", .owed(400), "3.1.2.6"),
        ("ltgtruri", .owed(400), "3.1.2.7"),
        ("lwsruri", .owed(400), "3.1.2.8"),
        ("lwsstart", .owed(400), "3.1.2.9"),
        ("trws", .owed(400), "3.1.2.10"),
        ("escruri", .owed(400), "3.1.2.11"),
        ("baddate", .owed(400), "3.1.2.12"),
        ("regbadct", .owed(400), "3.1.2.13"),
        ("badaspec", .owed(400), "3.1.2.14"),
        ("baddn", .owed(400), "3.1.2.15"),
        ("badvers", .owed(505), "3.1.2.16"),
        ("mismatch01", .owed(400), "3.1.2.17"),
        ("mismatch02", .owed(400), "3.1.2.18"),
        ("bigcode", .refused, "3.1.2.19"),
        ("badbranch", .owed(400), "3.2.1"),
        ("insuf", .owed(400), "3.3.1"),
        ("unkscm", .owed(416), "3.3.2"),
        ("novelsc", .owed(416), "3.3.3"),
        ("unksm2", .accepted, "3.3.4"),  // the registrar's business, not the grammar's
        ("bext01", .owed(420), "3.3.5"),
        ("invut", .owed(415), "3.3.6"),
        ("regaut01", .accepted, "3.3.7"),  // an unknown scheme of credentials is as good as none
        ("multi01", .owed(400), "3.3.8"),
        ("mcl01", .owed(400), "3.3.9"),
        ("bcast", .discarded, "3.3.10"),
        ("zeromf", .accepted, "3.3.11"),  // 483 is a proxy's, see below
        ("cparam01", .accepted, "3.3.12"),
        ("cparam02", .accepted, "3.3.13"),
        ("regescrt", .accepted, "3.3.14"),
        ("sdp01", .owed(406), "3.3.15"),
        ("inv2543", .accepted, "3.4.1"),
    ]

    static func bytes(_ file: String) throws -> [UInt8] {
        let url = try #require(Bundle.module.url(forResource: file, withExtension: "dat", subdirectory: "Corpus/rfc4475"))
        return [UInt8](try Data(contentsOf: url))
    }

    static let validator = SIPValidator(contentTypes: ["application/sdp", "multipart/mixed", "multipart/signed", "text/plain"])

    static func verdict(_ bytes: [UInt8]) -> Verdict {
        do throws(SIPParseError) {
            switch try parse(bytes) {
            case .request(let request):
                return validator.statusOwed(for: request).map { .owed($0.status) } ?? .accepted
            case .response(let response):
                return validator.reasonToDiscard(response) == nil ? .accepted : .discarded
            }
        } catch {
            return .refused
        }
    }

    @Test func allMessagesOfTheRFCAreHere() {
        #expect(Self.verdicts.count == 49)
        #expect(Set(Self.verdicts.map(\.file)).count == 49)
    }

    @Test(arguments: verdicts.map { $0 })
    func messageGetsTheVerdictOfItsSection(_ entry: (file: String, verdict: Verdict, section: String)) throws {
        #expect(Self.verdict(try Self.bytes(entry.file)) == entry.verdict, "\(entry.file), RFC 4475 §\(entry.section)")
    }

    /// What is accepted keeps its meaning through our writer.
    @Test(arguments: verdicts.filter { $0.verdict == .accepted }.map(\.file))
    func acceptedMessageSurvivesRewriting(_ file: String) throws {
        let message = try parse(try Self.bytes(file))
        #expect(try parse(message.serialized) == message)
    }

    /// A request that is owed something can be answered: the response parses without defect unless it echoes the fault itself.
    @Test(arguments: verdicts.map(\.file))
    func answerToAnyRequestIsWritable(_ file: String) throws {
        guard let message = try? parse(try Self.bytes(file)), case .request(let request) = message,
            let owed = Self.validator.statusOwed(for: request)
        else { return }
        let response = SIPResponse(owed, to: request, toTag: "t1")
        let again = try parse(SIPMessage.response(response).serialized)
        guard case .response(let parsed) = again else {
            Issue.record("not a response")
            return
        }
        #expect(parsed.status == owed.status)
        #expect(parsed.vias.map(\.text) == request.vias.map(\.text))
    }

    /// §3.1.1.1: white space, case and folding vanish.
    @Test func tortuousInviteIsTyped() throws {
        guard case .request(let request) = try parse(try Self.bytes("wsinv")) else { throw NotThat() }
        #expect(request.method == .invite)
        #expect(request.to.tag == "1918181833n")
        #expect(request.from.tag == "98asjd8")
        #expect(request.from.displayName == "J Rosenberg \\\"")
        #expect(request.maxForwards == 68)
        #expect(request.cseq == CSeq(9, .invite))
        #expect(request.callID.text == "wsinv.ndaksdj@192.0.2.1")
        #expect(request.vias.count == 3)
        #expect(request.vias.map(\.transport) == [.udp, .tcp, .udp])
        #expect(request.vias.map(\.branch) == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"])
        #expect(request.routes.first?.uri.isLooseRouter == true)
        #expect(request.contacts.first?.displayName == "Quoted string \"\"")
        #expect(request.contacts.first?.parameters.value("newparam") == "newvalue")
        #expect(request.contacts.first?.parameters.value("q") == "0.33")
        #expect(request.header(otherName: "unknownheaderwithunusualvalue") == ";;,,;;,;")
        #expect(request.body.count == 150)
    }

    /// §3.1.1.2: method, user, password, display name and Call-ID with every legal byte.
    @Test func wideRangeOfCharactersIsKept() throws {
        guard case .request(let request) = try parse(try Self.bytes("intmeth")) else { throw NotThat() }
        #expect(request.method == .other("!interesting-Method0123456789_*+`.%indeed'~"))
        #expect(request.requestURI.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
        #expect(request.requestURI.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        #expect(request.requestURI.host == "example.com")
        #expect(request.to.displayName == "BEL:\u{7} NUL:\u{0} DEL:\u{7F}")
        #expect(request.from.displayName == "token1~` token2'+_ token3*%!.-")
    }

    /// §3.1.1.4: an escaped zero byte is part of the user.
    @Test func escapedNullsAreKept() throws {
        guard case .request(let request) = try parse(try Self.bytes("escnull")) else { throw NotThat() }
        #expect(request.to.uri.user == "null-%00-null")
        #expect(request.contacts.map(\.uri.user) == ["%00", "%00%00"])
    }

    /// §3.1.1.5: a percent sign in a method is no escape, and RE%47IST%45R is not REGISTER.
    @Test func percentInMethodIsNoEscape() throws {
        guard case .request(let request) = try parse(try Self.bytes("esc02")) else { throw NotThat() }
        #expect(request.method == .other("RE%47IST%45R"))
    }

    /// §3.1.1.8: a second request behind the first one's body belongs to no datagram, but to the stream.
    @Test func secondRequestInStreamIsCutOff() throws {
        var framer = SIPStreamFramer()
        framer.append(try Self.bytes("dblreq"))
        var messages: [[UInt8]] = []
        // Behind the second body stand bytes that its Content-Length does not count.
        while messages.count < 2, let frame = try framer.next() {
            if case .message(let message) = frame { messages.append(message) }
        }
        try #require(messages.count == 2)
        guard case .request(let register) = try parse(messages[0]), case .request(let invite) = try parse(messages[1]) else {
            throw NotThat()
        }
        #expect(register.method == .register)
        #expect(invite.method == .invite)
    }

    /// §3.1.1.9: semicolon and escapes stay in the user.
    @Test func semicolonStaysInUser() throws {
        guard case .request(let request) = try parse(try Self.bytes("semiuri")) else { throw NotThat() }
        #expect(request.requestURI.user == "user;par=u%40example.net")
        #expect(request.requestURI.parameters.isEmpty)
    }

    /// §3.3.11: a forwarding element owes 483.
    @Test func proxyOwes483ForZeroMaxForwards() throws {
        guard case .request(let request) = try parse(try Self.bytes("zeromf")) else { throw NotThat() }
        #expect(SIPValidator(isForwarding: true).statusOwed(for: request)?.status == 483)
    }

    /// §3.3.5: each unknown tag is named.
    @Test func unknownExtensionsAreNamed() throws {
        guard case .request(let request) = try parse(try Self.bytes("bext01")) else { throw NotThat() }
        let owed = try #require(Self.validator.statusOwed(for: request))
        #expect(owed.headers == [SIPHeader(.unsupported, "nothingSupportsThis, nothingSupportsThisEither")])
    }

    /// §3.3.12 and §3.3.13: header parameter or URI parameter, as the brackets say.
    @Test func bracketsTellWhoseParameterItIs() throws {
        guard case .request(let header) = try parse(try Self.bytes("cparam01")),
            case .request(let uri) = try parse(try Self.bytes("cparam02"))
        else { throw NotThat() }
        #expect(header.contacts.first?.parameters.contains("unknownparam") == true)
        #expect(header.contacts.first?.uri.parameters.isEmpty == true)
        #expect(uri.contacts.first?.uri.parameters.contains("unknownparam") == true)
        #expect(uri.contacts.first?.parameters.isEmpty == true)
    }
}
