import SDP
import SottoBase
import Testing

/// What carriers do every day: G.722, comfort noise, packet times, hold, lines that are not for us, IPv6.
struct MediaHabitsTests {
    @Test func g722CountsAt8000() throws {  // RFC 3551 §4.5.2
        let only = MediaCapabilities(codecs: [.g722])
        let codec = NegotiatedCodec(name: .g722, payloadType: 9, clockRate: 8000, channels: 1)
        #expect(try accepted("m=audio 4 RTP/SAVP 9\n\(gcm)", capabilities: only).codec == codec)
        #expect(try accepted("m=audio 4 RTP/SAVP 9\na=rtpmap:9 g722/8000/1\n\(gcm)", capabilities: only).codec == codec)
        #expect(try answer("m=audio 4 RTP/SAVP 109\na=rtpmap:109 G722/16000\n\(gcm)", capabilities: only) == .failure(.noCommonCodec))
        #expect(try accepted("m=audio 4 RTP/SAVP 9\n\(gcm)", capabilities: only).answer.media[0].attribute("rtpmap")?.value == "9 G722/8000")
    }

    @Test func comfortNoiseBesideTelephoneCodecs() throws {  // RFC 3389 §4
        let media = try accepted("m=audio 4 RTP/SAVP 0 13 101\na=rtpmap:101 telephone-event/8000\n\(gcm)")
        #expect(media.comfortNoise == 13)
        #expect(media.answer.media[0].formats == ["0", "13", "101"])
        #expect(try accepted("m=audio 4 RTP/SAVP 0\n\(gcm)").comfortNoise == nil)
        #expect(try accepted("m=audio 4 RTP/SAVP 96 13\na=rtpmap:96 opus/48000/2\n\(gcm)").comfortNoise == nil)
        #expect(try accepted("m=audio 4 RTP/SAVP 0 13\n\(gcm)", capabilities: MediaCapabilities(comfortNoise: false)).comfortNoise == nil)
    }

    @Test func comfortNoiseOfOursNeedsTheAnswers() throws {
        let offer = SDPOfferer.makeOffer(capabilities: MediaCapabilities(), local: try local())
        func noise(_ formats: String) throws -> UInt8? {
            let answer = try describe(head + "m=audio 5000 RTP/SAVP \(formats)\n\(gcm)")
            return try SDPOfferer.accept(answer: answer, to: offer, capabilities: MediaCapabilities()).get().comfortNoise
        }
        #expect(try noise("0 13") == 13)
        #expect(try noise("0") == nil)
    }

    @Test func bothPacketTimesAreWritten() throws {
        let line = try accepted("m=audio 4 RTP/SAVP 0\n\(gcm)a=ptime:30\n").answer.media[0]
        #expect(line.packetTime == 30)
        #expect(line.maximumPacketTime == 60)
        let offer = SDPOfferer.makeOffer(capabilities: MediaCapabilities(packetTime: 40), local: try local())
        #expect(offer.media[0].packetTime == 40)
    }

    @Test(arguments: [("a=ptime:10\n", 10), ("a=ptime:60\n", 60), ("a=ptime:120\n", 60), ("a=maxptime:20\na=ptime:40\n", 20)])
    func packetTimeOfAnAnswerIsKept(_ lines: String, _ expected: UInt16) throws {
        let offer = SDPOfferer.makeOffer(capabilities: MediaCapabilities(), local: try local())
        let answer = try describe(head + "m=audio 5000 RTP/SAVP 0\n\(gcm)\(lines)")
        #expect(try SDPOfferer.accept(answer: answer, to: offer, capabilities: MediaCapabilities()).get().packetTime == expected)
    }

    @Test(arguments: [64, 72, 95])
    func payloadTypeThatLooksLikeRTCPIsNotMultiplexed(_ number: Int) throws {  // RFC 5761 §4
        let offer = "m=audio 40000 RTP/SAVP \(number)\na=rtpmap:\(number) PCMA/8000\na=rtcp-mux\n\(gcm)"
        let media = try accepted(offer)
        #expect(media.codec.payloadType == UInt8(number))
        #expect(!media.multiplexesRTCP)
        #expect(media.answer.media[0].attribute("rtcp-mux") == nil)
        #expect(media.remoteRTCPPort == 40001)
        let answer = try describe(head + offer)
        let ours = SDPOfferer.makeOffer(capabilities: MediaCapabilities(), local: try local())
        #expect(SDPOfferer.accept(answer: answer, to: ours, capabilities: MediaCapabilities()) == .failure(.noCommonCodec))
        #expect(try accepted(offer.replacing("\(number)", with: "96")).multiplexesRTCP)
    }

    /// The order in which our offers name suites.
    @Test func longCounterModeIsOfferedAfterGCM() throws {
        let suites = SDPOfferer.makeOffer(capabilities: MediaCapabilities(), local: try local()).media[0].cryptos
        #expect(suites.map(\.suite) == [.aeadAES256GCM, .aeadAES128GCM, .aes256CMHMACSHA1_80, .aesCM128HMACSHA1_80])
        #expect(suites.map(\.key.count) == [44, 28, 46, 30])
    }

    @Test(arguments: ["AES_256_CM_HMAC_SHA1_80", "aes_256_cm_hmac_sha1_80", "AES_CM_256_HMAC_SHA1_80"])
    func longCounterModeIsAnswered(_ name: String) throws {  // RFC 6188 §4
        let media = try accepted("m=audio 4 RTP/SAVP 0\na=crypto:1 \(name) inline:@46@\n")
        #expect(media.suite == .aes256CMHMACSHA1_80)
        #expect(media.localKey.count == 46)
    }

    @Test(arguments: ["m=image 5 udptl t38\n", "m=video 6 RTP/SAVP 99 98\n", "m=text 7 RTP/SAVP 98\n", "m=application 9 UDP/BFCP *\n", "m=audio 8 RTP/AVP 0\n"])
    func lineThatIsNotForUsKeepsTheCall(_ other: String) throws {
        for isFirst in [true, false] {
            let audio = "m=audio 40000 RTP/SAVP 0\n\(gcm)"
            let media = try accepted(isFirst ? other + audio : audio + other)
            #expect(media.answer.media.map(\.port) == (isFirst ? [0, 20000] : [20000, 0]))
            #expect(media.answer.media[isFirst ? 0 : 1].cryptos.isEmpty)
            #expect(media.remoteAddress?.port == 40000)
        }
    }

    @Test func faxReinviteInsideACallKeepsTheAudio() throws {
        let line = "m=audio 40000 RTP/SAVP 0\n\(gcm)"
        let first = try accepted(line)
        let again = try accepted(line + "m=image 4000 udptl t38\n", local: local(fill: 2), previous: first)
        #expect(again.localKey == first.localKey)
        #expect(again.changes(since: first) == [])
        #expect(again.answer.media.map(\.port) == [20000, 0])
        #expect(again.answer.origin.version == first.answer.origin.version + 1)
    }
}

struct IPv6Tests {
    private let v6 = "v=0\no=- 7 3 IN IP6 2001:db8::7\ns=-\nc=IN IP6 2001:db8::7\nt=0 0\n"

    @Test func answerIsOfOurFamily() throws {
        let media = try SDPAnswerer.answer(
            offer: describe(v6 + "m=audio 40000 RTP/SAVP 0\n\(gcm)"), capabilities: MediaCapabilities(), local: local(host: "2001:db8::1")).get()
        #expect(media.remoteAddress == PeerAddress(host: "2001:db8::7", port: 40000))
        #expect(media.remoteRTCPAddress == PeerAddress(host: "2001:db8::7", port: 40001))
        #expect(media.localAddress == PeerAddress(host: "2001:db8::1", port: 20000))
        let written = text(media.answer)
        #expect(written.contains("o=- 99 1 IN IP6 2001:db8::1\r\n"))
        #expect(written.contains("c=IN IP6 2001:db8::1\r\n"))
    }

    @Test func holdByAddressIsUnderstood() throws {
        let media = try SDPAnswerer.answer(
            offer: describe(v6 + "m=audio 40000 RTP/SAVP 0\nc=IN IP6 ::\n\(gcm)"), capabilities: MediaCapabilities(),
            local: local(host: "2001:db8::1")).get()
        #expect(media.remoteAddress == nil)
        #expect(!media.direction.sends)
    }

    @Test func multicastIsRefused() throws {
        let offer = try describe(v6 + "m=audio 40000 RTP/SAVP 0\nc=IN IP6 FF15::101/3\n\(gcm)")
        #expect(SDPAnswerer.answer(offer: offer, capabilities: MediaCapabilities(), local: try local(host: "2001:db8::1")) == .failure(.multicast))
    }

    @Test func rtcpAddressIsRead() throws {  // RFC 3605 §2.1
        let offer = try describe(v6 + "m=audio 40000 RTP/SAVP 0\na=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD\n\(gcm)")
        let media = try SDPAnswerer.answer(offer: offer, capabilities: MediaCapabilities(), local: local(host: "2001:db8::1")).get()
        #expect(media.remoteRTCPAddress == PeerAddress(host: "2001:2345:6789:abcd:ef01:2345:6789:abcd", port: 53020))
    }
}

/// RFC 4568 §7.1.4 and RFC 3264 §8, for offers of our own.
struct OwnReofferTests {
    private let line = "m=audio 40000 RTP/SAVP 0\n\(gcm)"

    private func offer(_ previous: NegotiatedMedia, port: UInt16 = 20000, fill: UInt8 = 2, direction: MediaDirection = .sendrecv) throws -> SessionDescription {
        SDPOfferer.makeOffer(
            capabilities: MediaCapabilities(), local: try local(port: port, fill: fill, direction: direction), previous: previous)
    }

    @Test func ourKeyStaysWhileOurAddressDoes() throws {
        let first = try accepted(line)
        let keys = try offer(first).media[0].cryptos
        #expect(keys.first { $0.suite == .aeadAES256GCM }?.key == first.localKey)
        #expect(keys.first { $0.suite == .aeadAES128GCM }?.key == key(.aeadAES128GCM, 2))
    }

    @Test func anotherAddressOfOursBringsANewKey() throws {
        let first = try accepted(line)
        #expect(try offer(first, port: 20010).media[0].cryptos.first?.key == key(.aeadAES256GCM, 2))
        // The old key again, from another address: that suite is not offered at all.
        #expect(try offer(first, port: 20010, fill: 1).media[0].cryptos.allSatisfy { $0.suite != .aeadAES256GCM })
    }

    @Test func holdOfOursSaysSendonlyAndRaisesTheVersion() throws {
        let first = try accepted(line)
        let hold = try offer(first, direction: .sendonly)
        #expect(hold.direction(of: hold.media[0]) == .sendonly)
        #expect(hold.origin.version == first.local.origin.version + 1)
        #expect(hold.origin.sessionID == first.local.origin.sessionID)
        let held = try SDPOfferer.accept(
            answer: describe(head + line + "a=recvonly\n"), to: hold, capabilities: MediaCapabilities(), previous: first).get()
        #expect(held.direction == .sendonly)
        #expect(held.changes(since: first) == .direction)
        let resume = try offer(held)
        #expect(resume.direction(of: resume.media[0]) == .sendrecv)
        #expect(resume.origin.version == hold.origin.version + 1)
    }

    @Test func changesNameWhatTheMediaSideMustDo() throws {
        let first = try accepted(line)
        let moved = try accepted(line.replacing("40000", with: "40008"), local: local(fill: 2), previous: first)
        #expect(moved.changes(since: first) == [.remoteAddress, .localKey])
        let rekeyed = try accepted("m=audio 40000 RTP/SAVP 0\na=crypto:1 AEAD_AES_256_GCM inline:@44@|2^20|1:4\n", capabilities: MediaCapabilities(allowsMKI: true), local: local(fill: 2), previous: first)
        #expect(rekeyed.changes(since: first) == .remoteKey)
        let held = try accepted(line + "c=IN IP4 0.0.0.0\n", local: local(fill: 2), previous: first)
        #expect(held.changes(since: first) == .direction)
        #expect(try accepted(line, local: local(fill: 3), previous: held).changes(since: held) == .direction)
        let other = try accepted("m=audio 40000 RTP/SAVP 8\n\(gcm)", local: local(fill: 2), previous: first)
        #expect(other.changes(since: first) == .format)
    }
}
