import SIPMessages
import SottoBase
import Testing

/// All bytes of a body that are in ordinary memory.
private func clear(_ body: SIPBody) -> String {
    body.chunks.map { chunk in if case .bytes(let bytes) = chunk { String(decoding: bytes, as: UTF8.self) } else { "<secret>" } }.joined()
}

struct PressedKeyTests {
    @Test(arguments: [
        ("application/dtmf-relay", "Signal=7\nDuration=160\n"), ("application/dtmf", "7"), ("Application/DTMF-Relay", "Signal= 7\n"),
        ("application/vnd.nortelnetworks.digits", "d=7\n"), ("text/plain", "7"), ("application/kpml-response+xml", "<x digits=\"7\"/>"),
    ])
    func bodyOfAnINFOIsOneSecret(_ type: String, _ text: String) throws {
        let request = try parseRequest("INFO sip:a@b SIP/2.0\nContent-Type: \(type)\n\n\(text)")
        #expect(clear(request.body) == "<secret>")
        #expect(request.body.count == wire(text).count)
        #expect(!String(decoding: request.requestURI.text.storage, as: UTF8.self).contains("7"))
        #expect(try parse(SIPMessage.request(request).serialized).fields.body == request.body)
    }

    @Test func typeAloneMakesItSecret() throws {
        let request = try parseRequest("MESSAGE sip:a@b SIP/2.0\nc: application/dtmf-relay\n\nSignal=7")
        #expect(clear(request.body) == "<secret>")
    }

    @Test func signalLineIsFoundUnderAnyType() throws {
        let request = try parseRequest("MESSAGE sip:a@b SIP/2.0\nContent-Type: text/plain\n\nx\nSIGNAL = 7\nDuration=160\n")
        #expect(clear(request.body) == "x\r\nSIGNAL =<secret>\r\nDuration=160\r\n")
    }

    @Test func sessionNameThatLooksLikeASignalIsNone() throws {
        let request = try parseRequest("INVITE sip:a@b SIP/2.0\nContent-Type: application/sdp\n\nv=0\ns=ignal=7\n")
        #expect(!request.body.holdsSecrets)
    }
}

struct MultipartTests {  // RFC 2046 §5.1, RFC 5621
    private let sdp = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nm=audio 4 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\n"

    private func request(_ type: String, _ body: String) throws -> SIPRequest {
        try parseRequest("INVITE sip:a@b SIP/2.0\nContent-Type: \(type)\n\n\(body)")
    }

    @Test func descriptionIsFoundAmongParts() throws {
        let request = try request(
            "Multipart/MIXED ; boundary=\"a b\"",
            "preamble\n--a b\nContent-Type: application/isup;version=x\nContent-Disposition: signal;handling=optional\n\n\u{1}\u{2}\n--a b  \ncontent-TYPE:\n application/SDP\n\n\(sdp)\n--a b--\nepilogue --a b\n")
        guard case .description(let body) = request.sessionBody else { throw NotThat() }
        #expect(clear(body) == String(decoding: wire(sdp), as: UTF8.self).replacing("c2VjcmV0", with: "<secret>"))
        #expect(body.holdsSecrets)
    }

    @Test func partsKeepOrderTypesAndEmptyContent() throws {
        let request = try request("multipart/mixed;boundary=x", "--x\n\n--x\n\nplain\n--x\nc: text/html\n\n\n--x--")
        let parts = try request.body.parts(of: try #require(request.contentType))
        #expect(parts.map(\.contentType?.text) == [nil, nil, "text/html"])
        #expect(parts.map { clear($0.body) } == ["", "plain", ""])
        #expect(request.sessionBody == .unsupported)
    }

    @Test func keyAtTheEndOfAPartBelongsToIt() throws {
        let request = try request("multipart/mixed;boundary=x", "--x\nContent-Type: application/sdp\n\nk=clear:abc\n--x\nContent-Type: text/plain\n\nlater\n--x--\n")
        let parts = try request.body.parts(of: try #require(request.contentType))
        #expect(parts.map { clear($0.body) } == ["k=<secret>", "later"])
    }

    @Test func ofAlternativesTheLastCounts() throws {  // RFC 2046 §5.1.4
        let part = "--x\nContent-Type: application/sdp\n\n"
        let alternative = try request("multipart/alternative;boundary=x", part + "first\n" + part + "second\n--x--\n")
        #expect(alternative.sessionBody == .description(SIPBody(Array("second".utf8))))
        let mixed = try request("multipart/mixed;boundary=x", part + "first\n" + part + "second\n--x--\n")
        #expect(mixed.sessionBody == .description(SIPBody(Array("first".utf8))))
    }

    @Test func nestedPartsAreSearched() throws {
        let request = try request(
            "multipart/mixed;boundary=o",
            "--o\nContent-Type: multipart/alternative;boundary=i\n\n--i\nContent-Type: application/sdp\n\nv=0\n--i--\n\n--o--\n")
        #expect(request.sessionBody == .description(SIPBody(Array("v=0".utf8))))
    }

    @Test func whatMustBeUnderstoodIsRefused() throws {
        let request = try request(
            "multipart/mixed;boundary=x",
            "--x\nContent-Type: application/sdp\n\nv=0\n--x\nContent-Type: application/x\nContent-Disposition: render;handling=required\n\ny\n--x--\n")
        #expect(request.sessionBody == .unsupported)
    }

    @Test func encodedAndEarlySessionPartsAreNotTaken() throws {
        let encoded = "--x\nContent-Type: application/sdp\nContent-Transfer-Encoding: base64\n\ndj0w\n--x--\n"
        #expect(try request("multipart/mixed;boundary=x", encoded).sessionBody == .unsupported)
        let early = "--x\nContent-Type: application/sdp\nContent-Disposition: early-session\n\nv=0\n--x--\n"
        #expect(try request("multipart/mixed;boundary=x", early).sessionBody == .unsupported)
    }

    @Test(arguments: [
        ("multipart/mixed", "--x\n\n--x--\n"), ("multipart/mixed;boundary=\"\"", "--\n\n----\n"), ("multipart/mixed;boundary=x", "--y\n\n--y--\n"),
        ("multipart/mixed;boundary=x", "--x\nContent-Type: application/sdp\n\nv=0\n"), ("multipart/mixed;boundary=x", "--x--\n"),
        ("multipart/mixed;boundary=x", "--x\nno header\n\nv=0\n--x--\n"),
        ("multipart/mixed;boundary=x", "--x\n" + String(repeating: "X: y\n", count: 33) + "\n--x--\n"),
        ("multipart/mixed;boundary=x", String(repeating: "--x\n\ny\n", count: 17) + "--x--\n"),
        ("multipart/mixed;boundary=" + String(repeating: "b", count: 71), "x"),
    ])
    func whatCannotBeTakenApartIsMalformed(_ type: String, _ body: String) throws {
        #expect(try request(type, body).sessionBody == .malformed)
    }

    @Test func depthIsBounded() throws {
        var body = "v=0"
        var type = "application/sdp"
        for level in 0..<5 {
            body = "--l\(level)\nContent-Type: \(type)\n\n\(body)\n--l\(level)--\n"
            type = "multipart/mixed;boundary=l\(level)"
        }
        #expect(try request(type, body).sessionBody == .malformed)
    }

    @Test func bodiesAloneAreWhatTheirTypeSays() throws {
        #expect(try request("application/sdp", "v=0").sessionBody == .description(SIPBody(Array("v=0".utf8))))
        #expect(try request("application/sdp", "").sessionBody == .none)
        #expect(try request("text/plain", "v=0").sessionBody == .unsupported)
    }
}
