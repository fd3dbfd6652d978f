import SDP
import SottoBase
import Testing

func key(_ suite: SRTPSuite, _ fill: UInt8) -> SecretBytes {
    SecretBytes(copying: ArraySlice(repeating: fill, count: suite.keyingLength))
}

func keys(_ fill: UInt8) -> [SRTPSuite: SecretBytes] {
    Dictionary(uniqueKeysWithValues: SRTPSuite.allCases.map { ($0, key($0, fill)) })
}

func local(
    host: String = "192.0.2.1", port: UInt16 = 20000, rtcp: UInt16? = nil, fill: UInt8 = 1, dtls: LocalDTLS? = nil,
    direction: MediaDirection = .sendrecv
) throws -> LocalMedia {
    LocalMedia(
        address: try #require(PeerAddress(host: host, port: port)), rtcpPort: rtcp, sessionID: 99, keys: keys(fill), dtls: dtls,
        direction: direction)
}

let gcm = "a=crypto:1 AEAD_AES_256_GCM inline:@44@\n"

func answer(
    _ lines: String, capabilities: MediaCapabilities = MediaCapabilities(), local: LocalMedia? = nil, previous: NegotiatedMedia? = nil
) throws -> Result<NegotiatedMedia, OfferRefusal> {
    SDPAnswerer.answer(
        offer: try describe(head + lines), capabilities: capabilities, local: try local ?? SDPTests.local(), previous: previous)
}

func accepted(
    _ lines: String, capabilities: MediaCapabilities = MediaCapabilities(), local: LocalMedia? = nil, previous: NegotiatedMedia? = nil
) throws -> NegotiatedMedia {
    try answer(lines, capabilities: capabilities, local: local, previous: previous).get()
}

func text(_ description: SessionDescription) -> String {
    description.chunks().map { chunk in
        switch chunk {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .secret(let secret): "<\(secret.count)>"
        }
    }.joined()
}

struct SDPAnswererTests {
    @Test func answerIsWrittenWhole() throws {
        let media = try accepted("m=audio 40000 RTP/SAVP 0 8 101\na=rtpmap:101 telephone-event/8000\n\(gcm)")
        #expect(
            text(media.answer).replacing("\r\n", with: "\n") == """
                v=0
                o=- 99 1 IN IP4 192.0.2.1
                s=-
                c=IN IP4 192.0.2.1
                t=0 0
                m=audio 20000 RTP/SAVP 0 101
                a=crypto:1 AEAD_AES_256_GCM inline:<60>
                a=rtpmap:0 PCMU/8000
                a=rtpmap:101 telephone-event/8000
                a=fmtp:101 0-16
                a=ptime:20
                a=maxptime:60
                a=sendrecv

                """)
        #expect(media.codec == NegotiatedCodec(name: .pcmu, payloadType: 0, clockRate: 8000, channels: 1))
        #expect(media.telephoneEvent == TelephoneEvent(payloadType: 101, clockRate: 8000))
        #expect(media.localKey == key(.aeadAES256GCM, 1))
        #expect(media.remoteKey == SecretBytes(copying: ArraySlice((0..<44).map { UInt8($0) })))
        #expect(media.remoteAddress == PeerAddress(host: "198.51.100.7", port: 40000))
        #expect(media.remoteRTCPPort == 40001)
        #expect(media.direction == .sendrecv)
    }

    @Test func codecIsTheFirstOfTheOfferThatPolicyAllows() throws {
        let line = "m=audio 40000 RTP/SAVP 18 96 8 0\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n\(gcm)"
        #expect(try accepted(line).codec.name == .opus)
        #expect(try accepted(line).codec.payloadType == 96)
        #expect(try accepted(line).codec.parameters == "useinbandfec=1")
        #expect(try accepted(line, capabilities: MediaCapabilities(codecs: [.pcmu, .pcma])).codec.name == .pcma)
        #expect(try answer(line, capabilities: MediaCapabilities(codecs: [])) == .failure(.noCommonCodec))
    }

    @Test func opusMustBe48000And2() throws {  // RFC 7587 §7
        #expect(try answer("m=audio 4 RTP/SAVP 96\na=rtpmap:96 opus/16000/1\n\(gcm)") == .failure(.noCommonCodec))
    }

    @Test func staticTypesNeedNoMap() throws {
        #expect(try accepted("m=audio 4 RTP/SAVP 8\n\(gcm)").codec.name == .pcma)
        #expect(try accepted("m=audio 4 RTP/SAVP 97\na=rtpmap:97 pcmu/8000\n\(gcm)").codec == NegotiatedCodec(name: .pcmu, payloadType: 97, clockRate: 8000, channels: 1))
    }

    @Test func suiteIsOurFirst() throws {
        let line =
            "m=audio 40000 RTP/SAVP 0\na=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:@30@\na=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:@30@\n"
            + "a=crypto:5 AEAD_AES_128_GCM inline:@28@\n"
        let media = try accepted(line)
        #expect(media.suite == .aeadAES128GCM)
        #expect(media.answer.media[0].cryptos.map(\.tag) == [5])  // RFC 4568 §5.1.2: the offer's tag
        #expect(try accepted(line, capabilities: MediaCapabilities(suites: [.aesCM128HMACSHA1_80])).remoteCrypto.tag == 4)
        #expect(try answer(line, capabilities: MediaCapabilities(suites: [.aeadAES256GCM])) == .failure(.noCommonSuite))
    }

    @Test func voidLinesAreNoCommonSuite() throws {
        #expect(try answer("m=audio 4 RTP/SAVP 0\na=crypto:1 AEAD_AES_256_GCM inline:@44@ UNENCRYPTED_SRTP\n") == .failure(.noCommonSuite))
        #expect(try answer("m=audio 4 RTP/SAVP 0\n") == .failure(.noCommonSuite))
        #expect(try answer("m=audio 4 RTP/SAVP 0\na=crypto:1 AEAD_AES_256_GCM inline:@44@|1:4\n") == .failure(.noCommonSuite))
        #expect(try accepted("m=audio 4 RTP/SAVP 0\na=crypto:1 AEAD_AES_256_GCM inline:@44@|1:4\n", capabilities: MediaCapabilities(allowsMKI: true)).remoteCrypto.mki?.length == 4)
    }

    @Test func plainTransportIsRefusedEvenWithKeys() throws {
        let refused = try answer("m=audio 4 RTP/AVP 0\n\(gcm)")
        #expect(refused == .failure(.notSecure))
        #expect(OfferRefusal.notSecure.status == 488)
        #expect(OfferRefusal.notSecure.warningCode == 302)
        #expect(try answer("m=audio 4 UDP/TLS/RTP/SAVPF 0\n\(gcm)") == .failure(.notSecure))
    }

    @Test func feedbackProfileIsAcceptedAsItIs() throws {
        #expect(try accepted("m=audio 4 RTP/SAVPF 0\n\(gcm)").answer.media[0].transport == .rtpSAVPF)
    }

    @Test(arguments: [true, false])
    func doubleOfferIsAnsweredOnOneLine(_ secureFirst: Bool) throws {
        let secure = "m=audio 40002 RTP/SAVP 0\n\(gcm)"
        let plain = "m=audio 40000 RTP/AVP 0\n"
        let media = try accepted(secureFirst ? secure + plain : plain + secure)
        #expect(media.answer.media.map(\.port) == (secureFirst ? [20000, 0] : [0, 20000]))
        #expect(media.mediaIndex == (secureFirst ? 0 : 1))
        #expect(media.remoteAddress?.port == 40002)
    }

    /// RFC 3264 §6: number and order of lines stay, a refused one has port 0.
    @Test func otherMediaKeepTheirPlaceWithPortZero() throws {
        let media = try accepted("m=image 5 udptl t38\nm=video 6 RTP/SAVP 99 98\nm=audio 40000 RTP/SAVP 0\n\(gcm)m=audio 8 RTP/SAVP 0\n\(gcm)")
        #expect(media.answer.media.map(\.port) == [0, 0, 20000, 0])
        #expect(media.answer.media.map(\.kind) == ["image", "video", "audio", "audio"])
        #expect(media.answer.media[0].transport == .other("udptl"))
        #expect(media.answer.media[1].formats == ["99"])
        #expect(media.answer.media[3].cryptos.isEmpty)
    }

    @Test func withoutAudioNothingIsAnswered() throws {
        #expect(try answer("m=video 6 RTP/SAVP 99\n") == .failure(.noAudio))
        #expect(try answer("m=audio 0 RTP/SAVP 0\n\(gcm)") == .failure(.noAudio))
        #expect(try answer("") == .failure(.noAudio))
    }

    @Test func refusalsHaveTheWarningCodesOfTheRFC() {  // RFC 3261 §20.43
        #expect(OfferRefusal.allCases.map(\.warningCode) == [304, 302, 305, 306, 306, 301, 330, 399])
        #expect(OfferRefusal.allCases.allSatisfy { $0.status == 488 && !$0.warningText.isEmpty })
    }

    @Test(arguments: [
        ("sendrecv", MediaDirection.sendrecv), ("sendonly", .recvonly), ("recvonly", .sendonly), ("inactive", .inactive),
    ])
    func directionIsMirrored(_ offered: String, _ ours: MediaDirection) throws {  // RFC 3264 §6.1, §8.4
        let media = try accepted("m=audio 4 RTP/SAVP 0\n\(gcm)a=\(offered)\n")
        #expect(media.direction == ours)
        #expect(media.answer.direction(of: media.answer.media[0]) == ours)
    }

    @Test func sessionDirectionHoldsForTheLine() throws {
        #expect(try accepted("a=inactive\nm=audio 4 RTP/SAVP 0\n\(gcm)").direction == .inactive)
    }

    @Test func ownHoldGoesIntoTheAnswer() throws {
        #expect(try accepted("m=audio 4 RTP/SAVP 0\n\(gcm)", local: local(direction: .sendonly)).direction == .sendonly)
        #expect(try accepted("m=audio 4 RTP/SAVP 0\n\(gcm)a=sendonly\n", local: local(direction: .sendonly)).direction == .inactive)
    }

    @Test(arguments: ["IP4 0.0.0.0", "IP6 ::"])
    func unspecifiedAddressIsHold(_ address: String) throws {  // RFC 3264 §8.4
        let media = try accepted("m=audio 4 RTP/SAVP 0\nc=IN \(address)\n\(gcm)")
        #expect(media.remoteAddress == nil)
        #expect(media.direction == .recvonly)
    }

    @Test func namesAndMulticastAreRefused() throws {
        #expect(try answer("m=audio 4 RTP/SAVP 0\nc=IN IP4 host.example\n\(gcm)") == .failure(.address))
        #expect(try answer("m=audio 4 RTP/SAVP 0\nc=IN IP4 224.2.1.1/127\n\(gcm)") == .failure(.multicast))
        for nobody in ["255.255.255.255", "240.0.0.1", "0.0.0.1"] {
            #expect(try answer("m=audio 4 RTP/SAVP 0\nc=IN IP4 \(nobody)\n\(gcm)") == .failure(.address))
        }
    }

    @Test(arguments: [("", 20), ("a=ptime:40\n", 40), ("a=ptime:5\n", 10), ("a=ptime:200\n", 60), ("a=ptime:35\n", 30), ("a=ptime:60\na=maxptime:30\n", 30), ("a=ptime:0\n", 20), ("a=ptime:x\n", 20)])
    func packetTimeStaysWithinBounds(_ lines: String, _ expected: UInt16) throws {
        #expect(try accepted("m=audio 4 RTP/SAVP 0\n\(gcm)\(lines)").packetTime == expected)
    }

    @Test func opusHasNoFrameOf30() throws {
        #expect(try accepted("m=audio 4 RTP/SAVP 96\na=rtpmap:96 opus/48000/2\na=ptime:30\n\(gcm)").packetTime == 20)
    }

    @Test func multiplexingOnlyWhenBothWantIt() throws {  // RFC 5761 §5.1.1
        let offered = "m=audio 4000 RTP/SAVP 0\n\(gcm)a=rtcp-mux\n"
        #expect(try accepted(offered).multiplexesRTCP)
        #expect(try accepted(offered).remoteRTCPPort == 4000)
        #expect(try accepted(offered).answer.media[0].multiplexesRTCP)
        #expect(try !accepted(offered, capabilities: MediaCapabilities(multiplexesRTCP: false)).answer.media[0].multiplexesRTCP)
        #expect(try !accepted("m=audio 4000 RTP/SAVP 0\n\(gcm)").answer.media[0].multiplexesRTCP)
    }

    @Test func separatePortIsNamed() throws {  // RFC 3605
        let media = try accepted("m=audio 4000 RTP/SAVP 0\n\(gcm)a=rtcp:4010 IN IP4 198.51.100.9\n", local: local(rtcp: 20007))
        #expect(media.remoteRTCPAddress == PeerAddress(host: "198.51.100.9", port: 4010))
        #expect(media.answer.media[0].rtcp?.port == 20007)
    }

    @Test func eventsTakeTheCodecsClockFirst() throws {  // RFC 4733 §2.1
        let lines = "m=audio 4 RTP/SAVP 96 101 102\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n\(gcm)"
        #expect(try accepted(lines).telephoneEvent == TelephoneEvent(payloadType: 101, clockRate: 8000))
        #expect(try accepted(lines + "a=rtpmap:102 telephone-event/48000\n").telephoneEvent == TelephoneEvent(payloadType: 102, clockRate: 48000))
        #expect(try accepted(lines, capabilities: MediaCapabilities(telephoneEvents: false)).telephoneEvent == nil)
    }
}

struct ReofferTests {
    private let line = "m=audio 40000 RTP/SAVP 0\n\(gcm)"

    @Test func unchangedReofferKeepsVersionAndKey() throws {  // RFC 3264 §8
        let first = try accepted(line)
        let second = try accepted(line, local: local(fill: 2), previous: first)
        #expect(second.local == first.local)
        #expect(!second.isChanged)
        #expect(second.localKey == first.localKey)
    }

    @Test func changedReofferRaisesTheVersionByOne() throws {
        let first = try accepted(line)
        let held = try accepted(line + "a=sendonly\n", local: local(fill: 2), previous: first)
        #expect(held.isChanged)
        #expect(held.local.origin.version == first.local.origin.version + 1)
        #expect(held.local.origin.sessionID == first.local.origin.sessionID)
        #expect(held.localKey == first.localKey)
        let resumed = try accepted(line, local: local(fill: 3), previous: held)
        #expect(resumed.local.origin.version == first.local.origin.version + 2)
    }

    /// RFC 4568 §7.1.4.
    @Test func changedAddressBringsANewKey() throws {
        let first = try accepted(line)
        #expect(try accepted(line.replacing("40000", with: "40008"), local: local(fill: 2), previous: first).localKey == key(.aeadAES256GCM, 2))
        #expect(try accepted(line, local: local(port: 20008, fill: 2), previous: first).localKey == key(.aeadAES256GCM, 2))
    }

    @Test func newRemoteKeyBringsANewKey() throws {
        let first = try accepted("m=audio 40000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:@30@\n")
        #expect(try accepted(line, local: local(fill: 2), previous: first).localKey == key(.aeadAES256GCM, 2))
    }

    @Test func holdByAddressKeepsTheKey() throws {
        let first = try accepted(line)
        #expect(try accepted(line + "c=IN IP4 0.0.0.0\n", local: local(fill: 2), previous: first).localKey == first.localKey)
    }
}

struct SDPOffererTests {
    private func offer(_ capabilities: MediaCapabilities = MediaCapabilities(), previous: NegotiatedMedia? = nil) throws -> SessionDescription {
        SDPOfferer.makeOffer(capabilities: capabilities, local: try local(), previous: previous)
    }

    @Test func offerNamesAllThatPolicyAllows() throws {
        let offer = try offer()
        let audio = try #require(offer.media.first)
        #expect(offer.media.count == 1)
        #expect(audio.transport == .rtpSAVP)
        #expect(audio.formats == ["96", "9", "0", "8", "13", "101", "102"])
        #expect(audio.payloads.map(\.encoding) == ["opus", "G722", "PCMU", "PCMA", "CN", "telephone-event", "telephone-event"])
        #expect(audio.cryptos.map(\.suite) == [.aeadAES256GCM, .aeadAES128GCM, .aes256CMHMACSHA1_80, .aesCM128HMACSHA1_80])
        #expect(audio.cryptos.map(\.tag) == [1, 2, 3, 4])
        #expect(audio.multiplexesRTCP)
        #expect(try SessionDescription.parse(offer.chunks()) == offer)
    }

    @Test func answerToOurOfferIsNegotiated() throws {
        let offer = try offer()
        let answer = try describe(
            head + "m=audio 5000 RTP/SAVP 0 101\na=rtpmap:101 telephone-event/8000\na=crypto:2 AEAD_AES_128_GCM inline:@28@\n")
        let media = try SDPOfferer.accept(answer: answer, to: offer, capabilities: MediaCapabilities()).get()
        #expect(media.suite == .aeadAES128GCM)
        #expect(media.localKey == key(.aeadAES128GCM, 1))
        #expect(media.codec.name == .pcmu)
        #expect(media.telephoneEvent?.payloadType == 101)
        #expect(!media.multiplexesRTCP)
        #expect(media.remoteRTCPPort == 5001)
    }

    @Test func renumberedCodecIsSentUnderTheAnswersNumber() throws {  // RFC 3264 §6.1
        let answer = try describe(head + "m=audio 5000 RTP/SAVP 111\na=rtpmap:111 opus/48000/2\na=crypto:1 AEAD_AES_256_GCM inline:@44@\n")
        let media = try SDPOfferer.accept(answer: answer, to: offer(), capabilities: MediaCapabilities()).get()
        #expect(media.codec.payloadType == 96)
        #expect(media.codec.sendPayloadType == 111)
    }

    @Test(arguments: [
        ("m=audio 0 RTP/SAVP 0\n", OfferRefusal.noAudio),
        ("m=audio 5000 RTP/AVP 0\n", .notSecure),
        ("m=audio 5000 RTP/SAVP 18\na=crypto:1 AEAD_AES_256_GCM inline:@44@\n", .noCommonCodec),
        ("m=audio 5000 RTP/SAVP 0\n", .noCommonSuite),
        ("m=audio 5000 RTP/SAVP 0\na=crypto:1 AEAD_AES_256_GCM inline:@44@\na=crypto:2 AEAD_AES_128_GCM inline:@28@\n", .noCommonSuite),
        ("m=audio 5000 RTP/SAVP 0\na=crypto:9 AEAD_AES_256_GCM inline:@44@\n", .answerMismatch),
        ("m=audio 5000 RTP/SAVP 0\na=crypto:2 AEAD_AES_256_GCM inline:@44@\n", .answerMismatch),
        ("m=audio 5000 RTP/SAVP 0\na=crypto:1 AEAD_AES_256_GCM inline:@44@\nm=video 0 RTP/AVP 31\n", .answerMismatch),
        ("", .answerMismatch),
    ])
    func wrongAnswerIsRefused(_ lines: String, _ reason: OfferRefusal) throws {
        let answer = try describe(head + lines)
        #expect(SDPOfferer.accept(answer: answer, to: try offer(), capabilities: MediaCapabilities()) == .failure(reason))
    }

    @Test func reofferKeepsLinesNumbersAndRaisesTheVersion() throws {
        let first = try accepted("m=video 6 RTP/SAVP 99\nm=audio 40000 RTP/SAVPF 111 97\na=rtpmap:111 opus/48000/2\na=rtpmap:97 telephone-event/48000\n\(gcm)")
        let again = try offer(previous: first)
        #expect(again.origin.version == first.local.origin.version + 1)
        #expect(again.media.map(\.port) == [0, 20000])
        #expect(again.media[1].transport == .rtpSAVPF)
        #expect(again.media[1].formats.first == "111")
        #expect(again.media[1].payloads.first { $0.payloadType == 97 }?.encoding == "telephone-event")
        #expect(Set(again.media[1].formats).count == again.media[1].formats.count)
    }
}
