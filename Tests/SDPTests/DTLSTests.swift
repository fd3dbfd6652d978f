import SDP
import SottoBase
import Testing

private func hex(_ fill: UInt8, _ count: Int = 32) -> String {
    let byte = String(fill, radix: 16, uppercase: true)
    return Array(repeating: byte.count < 2 ? "0" + byte : byte, count: count).joined(separator: ":")
}

private func own(_ fill: UInt8 = 0xA1, id: String = "ourassociation-000001") throws -> LocalDTLS {
    LocalDTLS(fingerprint: try #require(CertificateFingerprint(bytes: Array(repeating: fill, count: 32))), associationID: WireText(id))
}

private let dtlsOnly = MediaCapabilities(keying: [.dtls])

private func line(
    _ setup: String? = "actpass", fingerprint: UInt8 = 0x0B, id: String? = "theirassociation-00001", port: Int = 40000,
    transport: String = "UDP/TLS/RTP/SAVP", extra: String = ""
) -> String {
    var text = "m=audio \(port) \(transport) 0\na=fingerprint:SHA-256 \(hex(fingerprint))\n"
    if let setup { text += "a=setup:\(setup)\n" }
    if let id { text += "a=tls-id:\(id)\n" }
    return text + extra
}

struct FingerprintTests {  // RFC 8122 §5
    @Test(arguments: [(CertificateFingerprint.Hash.sha256, 32), (.sha384, 48), (.sha512, 64)])
    func strongHashesAreReadAndWritten(_ hash: CertificateFingerprint.Hash, _ size: Int) throws {
        let value = try #require(CertificateFingerprint(WireText("\(hash.name.description.uppercased()) \(hex(0xAB, size).lowercased())")))
        #expect(value.hash == hash)
        #expect(value.bytes == Array(repeating: 0xAB, count: size))
        #expect(value.attribute.value == WireText("\(hash.name) \(hex(0xAB, size))"))
    }

    @Test(arguments: [
        "sha-1 \(hex(1, 20))", "md5 \(hex(1, 16))", "sha-256 \(hex(1, 31))", "sha-256 \(hex(1, 33))", "sha-256", "sha-256 " + hex(1).replacing(":", with: "-"),
        "sha-256 " + hex(1).replacing("0", with: "G"), "",
    ])
    func othersAreNone(_ value: String) { #expect(CertificateFingerprint(WireText(value)) == nil) }

    @Test func strongestHashAloneCounts() throws {  // RFC 8122 §5.1
        let media = try accepted(
            line(extra: "a=fingerprint:sha-512 \(hex(5, 64))\na=fingerprint:sha-1 \(hex(1, 20))\n"), capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(media.dtls?.remoteFingerprints.map(\.hash) == [.sha512])
    }

    @Test func sessionLevelHoldsWhereALineHasNone() throws {
        let offer = "a=fingerprint:sha-256 \(hex(7))\na=setup:active\nm=audio 4 UDP/TLS/RTP/SAVPF 0\n"
        let media = try accepted(offer, capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(media.dtls?.remoteFingerprints.first?.bytes == Array(repeating: 7, count: 32))
        #expect(media.dtls?.role == .passive)
    }
}

struct DTLSAnswerTests {  // RFC 5763 §5, RFC 8842 §5.3
    @Test func answerIsWrittenWhole() throws {
        let media = try accepted(line(), capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(
            text(media.answer).replacing("\r\n", with: "\n") == """
                v=0
                o=- 99 1 IN IP4 192.0.2.1
                s=-
                c=IN IP4 192.0.2.1
                t=0 0
                m=audio 20000 UDP/TLS/RTP/SAVP 0
                a=fingerprint:sha-256 \(hex(0xA1))
                a=setup:active
                a=tls-id:ourassociation-000001
                a=rtpmap:0 PCMU/8000
                a=ptime:20
                a=maxptime:60
                a=sendrecv

                """)
        #expect(media.crypto == nil)
        #expect(media.keyingName == "DTLS-SRTP")
    }

    @Test(arguments: [("actpass", DTLSAgreement.Role.active, "active"), ("passive", .active, "active"), ("active", .passive, "passive")])
    func roleFollowsTheOffer(_ setup: String, _ role: DTLSAgreement.Role, _ written: WireText) throws {
        let media = try accepted(line(setup), capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(media.dtls?.role == role)
        #expect(media.answer.media[0].attribute("setup")?.value == written)
    }

    @Test func missingSetupMeansActive() throws {  // RFC 4145 §4.1
        #expect(try accepted(line(nil), capabilities: dtlsOnly, local: local(dtls: own())).dtls?.role == .passive)
    }

    @Test(arguments: ["holdconn", "both", ""])
    func otherSetupIsRefused(_ setup: String) throws {  // RFC 5763 §5
        #expect(try answer(line(setup), capabilities: dtlsOnly, local: local(dtls: own())) == .failure(.noFingerprint))
    }

    @Test func withoutTrustedFingerprintThereIsNoAnswer() throws {
        let sha1 = "m=audio 4 UDP/TLS/RTP/SAVP 0\na=setup:actpass\na=fingerprint:sha-1 \(hex(1, 20))\n"
        #expect(try answer(sha1, capabilities: dtlsOnly, local: local(dtls: own())) == .failure(.noFingerprint))
        #expect(try answer(line(), capabilities: dtlsOnly) == .failure(.notSecure))  // we have no certificate
        #expect(try answer(line(), local: local(dtls: own())) == .failure(.notSecure))  // policy wants SDES
    }

    @Test func associationIDOnlyToThoseThatKnowIt() throws {  // RFC 8842 §5.3
        let media = try accepted(line(id: nil), capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(media.answer.media[0].attribute("tls-id") == nil)
        #expect(media.dtls?.localAssociationID == nil)
        let short = try accepted(line(id: "short"), capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(short.answer.media[0].attribute("tls-id") == nil)
    }

    @Test func fingerprintUnderPlainSAVPFIsTaken() throws {  // RFC 8829 §5.1.2
        let media = try accepted(line(transport: "RTP/SAVPF"), capabilities: dtlsOnly, local: local(dtls: own()))
        #expect(media.answer.media[0].transport == .rtpSAVPF)
        #expect(media.dtls != nil)
    }

    @Test func ourOrderOfKeyingDecidesOnOneLine() throws {
        let both = line(transport: "RTP/SAVP", extra: "")
        let sdes = "m=audio 40000 RTP/SAVP 0\n\(gcm)a=fingerprint:sha-256 \(hex(1))\na=setup:actpass\n"
        let any = MediaCapabilities(keying: [.dtls, .sdes])
        #expect(try accepted(both, capabilities: any, local: local(dtls: own())).dtls != nil)
        #expect(try accepted(sdes, capabilities: any, local: local(dtls: own())).crypto != nil)
    }

    @Test func doubleOfferIsAnsweredOnOneLine() throws {
        let any = MediaCapabilities(keying: [.sdes, .dtls])
        let media = try accepted(
            line() + "m=audio 40002 RTP/SAVP 0\n\(gcm)m=audio 40004 RTP/AVP 0\n", capabilities: any, local: local(dtls: own()))
        #expect(media.answer.media.map(\.port) == [20000, 0, 0])
        #expect(media.answer.media[1].cryptos.isEmpty)
        #expect(media.answer.media[1].attributes.isEmpty)
    }
}

struct DTLSReofferTests {  // RFC 8842 §3.1, §4
    private func reanswer(
        _ lines: String, previous: NegotiatedMedia, port: UInt16 = 20000, fingerprint: UInt8 = 0xA1
    ) throws -> NegotiatedMedia {
        try accepted(
            lines, capabilities: dtlsOnly, local: local(port: port, dtls: own(fingerprint, id: "ourassociation-000002")), previous: previous)
    }

    private func first(_ lines: String = line()) throws -> NegotiatedMedia {
        try accepted(lines, capabilities: dtlsOnly, local: local(dtls: own()))
    }

    @Test func sameIDKeepsTheAssociationWhereverMediaMoves() throws {
        let before = try first()
        let after = try reanswer(line(port: 40010), previous: before)
        #expect(after.keying == before.keying)
        #expect(after.answer.media[0].attribute("tls-id")?.value == "ourassociation-000001")
        #expect(after.changes(since: before) == .remoteAddress)
        #expect(try !reanswer(line(), previous: before).isChanged)
    }

    @Test(arguments: [
        line(id: "theirassociation-00002"), line(fingerprint: 0x0C), line("active"), line(id: nil),
    ])
    func anotherIDFingerprintOrRoleIsANewAssociation(_ lines: String) throws {
        let before = try first()
        let after = try reanswer(lines, previous: before)
        #expect(after.dtls?.generation == 1)
        #expect(after.changes(since: before).isSuperset(of: [.association, .localKey, .remoteKey]))
        #expect(after.dtls?.localAssociationID != "ourassociation-000001")
    }

    @Test func anotherCertificateOfOursIsANewAssociation() throws {
        #expect(try reanswer(line(), previous: first(), fingerprint: 0xA2).dtls?.generation == 1)
    }

    @Test func withoutIDsAMoveIsANewAssociation() throws {
        let before = try first(line(id: nil))
        #expect(try reanswer(line(id: nil), previous: before).dtls?.generation == 0)
        #expect(try reanswer(line(id: nil, port: 40010), previous: before).dtls?.generation == 1)
        #expect(try reanswer(line(id: nil), previous: before, port: 20010).dtls?.generation == 1)
        #expect(try reanswer(line(id: nil, extra: "c=IN IP4 0.0.0.0\n"), previous: before).dtls?.generation == 0)
    }

    @Test func actpassInAReofferKeepsTheRole() throws {
        let before = try first(line("active"))
        #expect(before.dtls?.role == .passive)
        let after = try reanswer(line("actpass"), previous: before)
        #expect(after.keying == before.keying)
        #expect(after.answer.media[0].attribute("setup")?.value == "passive")
    }
}

struct DTLSOfferTests {  // RFC 8842 §5.2, §5.4
    private func offer(_ id: String = "ourassociation-000001", previous: NegotiatedMedia? = nil, port: UInt16 = 20000) throws -> SessionDescription {
        SDPOfferer.makeOffer(capabilities: dtlsOnly, local: try local(port: port, dtls: own(id: id)), previous: previous)
    }

    private func accept(_ lines: String, _ offer: SessionDescription, previous: NegotiatedMedia? = nil) throws -> Result<NegotiatedMedia, OfferRefusal> {
        SDPOfferer.accept(answer: try describe(head + lines), to: offer, capabilities: dtlsOnly, previous: previous)
    }

    @Test func offerSaysActpass() throws {
        let audio = try offer().media[0]
        #expect(audio.transport == .dtlsSAVP)
        #expect(audio.attribute("setup")?.value == "actpass")
        #expect(audio.attribute("tls-id")?.value == "ourassociation-000001")
        #expect(audio.attribute("fingerprint")?.value == WireText("sha-256 \(hex(0xA1))"))
        #expect(audio.cryptos.isEmpty)
    }

    @Test func withoutCertificateTheNextWayIsOffered() throws {
        let offer = SDPOfferer.makeOffer(capabilities: MediaCapabilities(keying: [.dtls, .sdes]), local: try local())
        #expect(offer.media[0].transport == .rtpSAVP)
        #expect(!offer.media[0].cryptos.isEmpty)
    }

    @Test(arguments: [("active", DTLSAgreement.Role.passive), ("passive", .active)])
    func answerChoosesTheRoles(_ setup: String, _ role: DTLSAgreement.Role) throws {
        let agreed = try accept(line(setup), offer()).get()
        #expect(agreed.dtls?.role == role)
        #expect(agreed.dtls?.localFingerprint == (try own().fingerprint))
        #expect(agreed.dtls?.remoteAssociationID == "theirassociation-00001")
    }

    @Test(arguments: ["actpass", "holdconn"])
    func answerThatChoosesNothingIsRefused(_ setup: String) throws {
        #expect(try accept(line(setup), offer()) == .failure(.noFingerprint))
    }

    @Test func answerWithoutFingerprintOrOverAnotherTransportIsRefused() throws {
        #expect(try accept("m=audio 4 UDP/TLS/RTP/SAVP 0\na=setup:active\n", offer()) == .failure(.noFingerprint))
        #expect(try accept("m=audio 4 RTP/SAVP 0\n\(gcm)", offer()) == .failure(.notSecure))
    }

    @Test func reofferKeepsIDAndAssociation() throws {
        let before = try accept(line("active"), offer()).get()
        let again = try offer("ourassociation-000002", previous: before)
        #expect(again == before.local)
        let after = try accept(line("active"), again, previous: before).get()
        #expect(after.keying == before.keying)
        let other = try accept(line("active", id: "theirassociation-00002"), again, previous: before).get()
        #expect(other.dtls?.generation == 1)
    }
}
