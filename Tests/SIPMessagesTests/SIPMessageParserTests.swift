import SIPMessages
import SottoBase
import Testing

struct SIPMessageParserTests {
    @Test func ordinaryInviteIsTyped() throws {
        let request = try parseRequest(ordinaryInvite)
        #expect(request.defects.isEmpty)
        #expect(SIPValidator().statusOwed(for: request) == nil)
        #expect(request.method == .invite)
        #expect(request.calledNumber == "+4930123456")
        #expect(request.vias.count == 2)
        #expect(request.topVia?.host == "198.51.100.7")
        #expect(request.topVia?.port == 5061)
        #expect(request.topVia?.responsePort == .requested)
        #expect(request.vias[1].host == "[2001:db8::9]")
        #expect(request.vias[1].received == "2001:db8::1")
        #expect(request.from.displayName == "Alice Example")
        #expect(request.from.tag == "9fxced76sl")
        #expect(request.contacts.first?.uri.port == 5061)
        #expect(request.contacts.first?.uri.transport == "tls")
        #expect(request.assertedIdentities.map(\.uri.calledNumber) == ["+4940987654", "+4940987654"])
        #expect(request.has("timer", in: .supported))
        #expect(request.allow == [.invite, .ack, .cancel, .bye, .options, .update])
        #expect(request.contentType?.isSDP == true)
    }

    @Test func keysAndCredentialsLeaveTheBuffer() throws {
        var raw = wire(ordinaryInvite)
        let request: SIPRequest
        switch try SIPMessageParser.parse(&raw) {
        case .request(let parsed): request = parsed
        case .response: throw NotThat()
        }
        #expect(raw.isEmpty)
        let secrets = request.body.chunks.compactMap { chunk in
            if case .secret(let secret) = chunk { secret.withBytes { String(decoding: $0, as: UTF8.self) } } else { nil }
        }
        #expect(secrets == ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"])
        #expect(request.secret(.authorization)?.withBytes { String(decoding: $0, as: UTF8.self).hasPrefix("Digest username=") } == true)
        #expect(request.header(.authorization) == nil)
        // The buffer under the typed fields holds the whole message, but neither key nor credential nor body.
        let buffer = String(decoding: request.callID.text.storage, as: UTF8.self)
        #expect(buffer.contains("INVITE sip:"))
        #expect(!buffer.contains("AAECAwQF"))
        #expect(!buffer.contains("0123456789abcdef"))
        #expect(!buffer.contains("m=audio"))
        for chunk in request.body.chunks {
            if case .bytes(let bytes) = chunk { #expect(!String(decoding: bytes, as: UTF8.self).contains("AAECAwQF")) }
        }
    }

    @Test func nothingOfAMessageIsInItsDescription() throws {
        let request = try parseRequest(ordinaryInvite)
        var text = "\(request)\(SIPMessage.request(request))\(request.from.text)\(request.body)"
        dump(request, to: &text)
        dump(SIPMessage.request(request), to: &text)
        for word in ["Alice", "4930123456", "AAECAwQF", "0123456789abcdef"] { #expect(!text.contains(word)) }
    }

    @Test func writingSplicesTheSecretsIn() throws {
        let message = try parse(wire(ordinaryInvite))
        let text = String(decoding: message.serialized, as: UTF8.self)
        #expect(text.contains("inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^31\r\n"))
        #expect(text.contains("response=\"0123456789abcdef0123456789abcdef\"\r\n"))
        #expect(text.hasSuffix("a=sendrecv\r\n"))
        #expect(try parse(message.serialized) == message)
    }

    @Test func secretsAreFoundInMislabelledBodies() throws {
        for line in ["A=Crypto:1 X INLINE:c2VjcmV0", "k=clear:c2VjcmV0", "a=key-mgmt:mikey c2VjcmV0", "a=crypto:1 X inline:x;inline:c2VjcmV0"] {
            let request = try parseRequest("MESSAGE sip:a@b SIP/2.0\nContent-Type: text/plain\n\nfirst\n\(line)\nlast")
            for chunk in request.body.chunks {
                if case .bytes(let bytes) = chunk { #expect(!String(decoding: bytes, as: UTF8.self).contains("c2VjcmV0")) }
            }
            #expect(request.body.holdsSecrets)
        }
    }

    @Test func compactFormsAreTheSameHeaders() throws {
        let request = try parseRequest(
            """
            INVITE sip:a@b SIP/2.0
            v: SIP/2.0/TLS h;branch=z9hG4bK1
            f: <sip:x@y>;tag=1
            t: <sip:a@b>
            i: id
            CSEQ: 1 INVITE
            m: <sip:x@h>
            k: timer
            s: hello
            x: 1800
            c: text/plain
            l: 0


            """)
        #expect(request.defects.isEmpty)
        #expect(request.topVia?.branch == "z9hG4bK1")
        #expect(request.has("TIMER", in: .supported))
        #expect(request.header(.subject) == "hello")
        #expect(request.seconds(.sessionExpires) == 1800)
    }

    @Test func missingHeadersAreDefects() throws {
        let request = try parseRequest("OPTIONS sip:a@b SIP/2.0\n\n")
        #expect(request.defects == [.missing(.via), .missing(.from), .missing(.to), .missing(.callID), .missing(.cseq)])
    }

    @Test func limitsRefuse() {
        let head = "OPTIONS sip:a@b SIP/2.0\n"
        func rule(_ text: String) -> SIPParseError.Rule? {
            do throws(SIPParseError) {
                _ = try parse(wire(text))
                return nil
            } catch {
                return error.rule
            }
        }
        #expect(rule(head + String(repeating: "X: y\n", count: 128) + "\n") == nil)
        #expect(rule(head + "Via: " + Array(repeating: "SIP/2.0/TLS h", count: 64).joined(separator: ",") + "\n\n") == nil)
        #expect(rule(head + "Via: " + Array(repeating: "SIP/2.0/TLS h", count: 65).joined(separator: ",") + "\n\n") == .tooManyVias)
        #expect(rule(head + "\n" + String(repeating: "x", count: 66_000)) == .messageTooLarge)
        #expect(rule(head + "\n" + String(repeating: "k=x\n", count: 65)) == .tooManySecrets)
        #expect(rule("OPTIONS sip:a@b SIP/2.0") == .startLine)
        #expect(rule("OPTIONS\n\n") == .startLine)
        #expect(rule("SIP/2.0 99 x\n\n") == .statusCode)
        #expect(rule(head + "X: y") == .noHeaderEnd)
    }

    /// RFC 3261 §21.5.7: what can still be answered is owed 513. What is left out leaves the buffer as well.
    @Test(arguments: [
        String(repeating: "X: y\n", count: 124), "X: " + String(repeating: "y", count: 8190) + "\n",
        "Route: " + Array(repeating: "<sip:h>", count: 65).joined(separator: ",") + "\n",
        "Authorization: Digest " + String(repeating: "y", count: 8190) + "\n",
    ])
    func tooLargeHeadsCanBeAnswered(_ lines: String) throws {
        let request = try parseRequest(
            "OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 OPTIONS\n"
                + lines + "Content-Length: 0\n\n")
        #expect(request.defects == [.tooLarge])
        #expect(SIPValidator().statusOwed(for: request)?.status == 513)
        #expect(!String(decoding: request.callID.text.storage, as: UTF8.self).contains("yyyy"))
    }

    @Test func headersUpToTheLimitAreWelcome() throws {
        let request = try parseRequest(
            "OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 OPTIONS\n"
                + String(repeating: "X: y\n", count: 123) + "Content-Length: 0\n\n")
        #expect(request.defects.isEmpty)
        #expect(request.headers.count == 123)
    }

    @Test func errorsShowNoBytes() {
        var raw = wire("secret-word\n\n")
        do throws(SIPParseError) {
            _ = try SIPMessageParser.parse(&raw)
        } catch {
            #expect(error.description == "SIP message refused at byte 11: startLine")
        }
        #expect(raw.isEmpty)
    }

    @Test func bareLineEndInHeaderIsADefect() throws {
        guard case .request(let request) = try parse(Array("OPTIONS sip:a@b SIP/2.0\r\nX: a\nVia: SIP/2.0/TLS evil\r\n\r\n".utf8)) else {
            throw NotThat()
        }
        #expect(request.defects.contains(.headerLine))
        #expect(request.vias.isEmpty)
    }

    @Test func valueWithLineEndStartsNoHeader() {
        var request = SIPRequest(
            .options, SIPURI("sip:a@b"), via: Via(host: "h", port: nil, branch: "z9hG4bK1"), from: NameAddress(SIPURI("sip:x@y")),
            to: NameAddress(SIPURI("sip:a@b")), callID: SIPCallID("c"), cseq: 1)
        request.add(.subject, "x\r\nInjected: yes")
        var output: [UInt8] = []
        request.serialize(into: &output)
        #expect(!String(decoding: output, as: UTF8.self).contains("\nInjected"))
    }
}
