import SDP
import SottoBase
import Testing

struct NotThat: Error {}

/// Chunks of a description whose `@30@`-like marks stand for that many key bytes in base64; `@30-@` leaves the padding out.
func chunks(_ text: String) -> [SDPChunk] {
    var chunks: [SDPChunk] = []
    for (index, part) in text.split(separator: "@", omittingEmptySubsequences: false).enumerated() {
        if index % 2 == 0 {
            if !part.isEmpty { chunks.append(.bytes(Array(part.utf8).flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] })) }
        } else {
            let count = Int(part.filter(\.isNumber)) ?? 0
            var base64 = encode((0..<count).map { UInt8(truncatingIfNeeded: $0) })
            if part.hasSuffix("-") { base64 = base64.filter { $0 != "=" } }
            chunks.append(.secret(SecretBytes(copying: ArraySlice(base64.utf8))))
        }
    }
    return chunks
}

/// Base64 by another way than the code under test.
func encode(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - UInt8($0)) & 1 } }
    while bits.count % 6 != 0 { bits.append(0) }
    var text = ""
    for start in stride(from: 0, to: bits.count, by: 6) { text.append(alphabet[bits[start..<start + 6].reduce(0) { $0 * 2 + Int($1) }]) }
    while text.count % 4 != 0 { text.append("=") }
    return text
}

func describe(_ text: String) throws -> SessionDescription { try SessionDescription.parse(chunks(text)) }

let head = "v=0\no=- 7 3 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n"

struct SessionDescriptionTests {
    @Test func linesAreTyped() throws {
        let description = try describe(
            head + "a=tool:x\nm=audio 40000 RTP/SAVP 96 0\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1; stereo=1\n"
                + "a=crypto:1 AEAD_AES_256_GCM inline:@44@|2^48\na=rtcp:40009 IN IP4 198.51.100.8\na=ptime:40\na=sendonly\nm=video 0 RTP/AVP 31\n")
        #expect(description.origin == SDPOrigin(sessionID: 7, version: 3, addressType: "IP4", address: "198.51.100.7"))
        #expect(description.media.count == 2)
        let audio = description.media[0]
        #expect(audio.port == 40000)
        #expect(audio.transport == .rtpSAVP)
        #expect(audio.payloads.map(\.encoding) == ["opus", "PCMU"])
        #expect(audio.payloads.map(\.clockRate) == [48000, 8000])
        #expect(audio.payloads.map(\.channels) == [2, 1])
        #expect(audio.payloads[0].parameter("stereo") == "1")
        #expect(audio.packetTime == 40)
        #expect(audio.rtcp?.port == 40009)
        #expect(audio.rtcp?.connection?.address == "198.51.100.8")
        #expect(description.direction(of: audio) == .sendonly)
        #expect(audio.cryptos.map(\.suite) == [.aeadAES256GCM])
        #expect(audio.cryptos.map(\.lifetime) == [1 << 48])
        #expect(audio.cryptos.first?.key == SecretBytes(copying: ArraySlice((0..<44).map { UInt8($0) })))
    }

    @Test func writtenDescriptionIsTheSame() throws {
        let description = try describe(head + "m=audio 40000 RTP/SAVPF 0\na=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:@30@|2^20|1:4 WSH=128\na=x\na=y:\n")
        #expect(try SessionDescription.parse(description.chunks()) == description)
    }

    @Test func keyIsAChunkOfItsOwnAndNowhereElse() throws {
        let description = try describe(head + "m=audio 40000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:@30@\n")
        let key = encode((0..<30).map { UInt8($0) })
        var secrets = 0
        for chunk in description.chunks() {
            switch chunk {
            case .bytes(let bytes): #expect(!String(decoding: bytes, as: UTF8.self).contains(key))
            case .secret(let secret):
                secrets += 1
                #expect(secret.withBytes { String(decoding: $0, as: UTF8.self) } == key)
            }
        }
        #expect(secrets == 1)
        var text = "\(description) \(description.media)"
        dump(description, to: &text)
        #expect(!text.contains(key))
    }

    @Test(arguments: [
        ("", SDPParseError.Rule.version), ("v=1\n", .version), ("s=-\nv=0\n", .version), ("v=0\ns=-\n", .origin), ("v=0\no=- 1 IN IP4 h\n", .origin),
        ("v=0\nxyz\n", .notALine), (head + "m=audio 1 RTP/SAVP\n", .media), (head + "m=audio 70000 RTP/SAVP 0\n", .media),
        (head + "m=audio -1 RTP/SAVP 0\n", .media), (head + "c=IN IP4\n", .connection), ("v=0\no=- 1 1 IN IP4 h\ns=a\rb\n\n", .notALine),
    ])
    func brokenLineNamesItsRule(_ text: String, _ rule: SDPParseError.Rule) {
        do throws(SDPParseError) {
            _ = try SessionDescription.parse(chunks(text))
            Issue.record("it was read")
        } catch {
            #expect(error.rule == rule)
        }
    }

    @Test func boundsHold() {
        func rule(_ text: String) -> SDPParseError.Rule? {
            do throws(SDPParseError) {
                _ = try SessionDescription.parse(chunks(text))
                return nil
            } catch {
                return error.rule
            }
        }
        let line = "m=audio 1 RTP/SAVP 0\n"
        #expect(rule(head + String(repeating: line, count: 64)) == nil)
        #expect(rule(head + String(repeating: line, count: 65)) == .tooManyMedia)
        #expect(rule(head + String(repeating: "a=x\n", count: 1100)) == .tooManyLines)
        #expect(rule(head + "a=" + String(repeating: "x", count: 17_000)) == .tooLarge)
        #expect(rule(head + "m=audio 1 RTP/SAVP" + String(repeating: " 0", count: 129) + "\n") == .tooManyFormats)
    }
}

/// RFC 4568 §9.1, §6.1 and §6.3.
struct CryptoAttributeTests {
    private func media(_ line: String) throws -> MediaDescription { try describe(head + "m=audio 4 RTP/SAVP 0\na=crypto:\(line)\n").media[0] }

    @Test(arguments: [
        ("AES_CM_128_HMAC_SHA1_80", 30), ("AES_CM_128_HMAC_SHA1_32", 30), ("AES_256_CM_HMAC_SHA1_80", 46), ("AEAD_AES_128_GCM", 28),
        ("AEAD_AES_256_GCM", 44),
    ])
    func keyLengthIsTheSuites(_ suite: String, _ length: Int) throws {
        for padding in ["", "-"] {
            let crypto = try #require(try media("1 \(suite) inline:@\(length)\(padding)@").cryptos.first)
            #expect(crypto.suite.name.description == suite)
            #expect(crypto.key.count == length)
            #expect(crypto.key == SecretBytes(copying: ArraySlice((0..<length).map { UInt8($0) })))
        }
        for wrong in [length - 1, length + 1, 16, 0] {
            let media = try media("1 \(suite) inline:@\(wrong)@")
            #expect(media.cryptos.isEmpty)
            #expect(media.voidCryptos.count == 1)
        }
    }

    @Test(arguments: [
        ("|2^31", UInt64?(1 << 31), nil as CryptoAttribute.MKI?), ("|1048576", 1 << 20, nil), ("|2^20|1:4", 1 << 20, .init(value: 1, length: 4)),
        ("|1:4", nil, .init(value: 1, length: 4)), ("|2^48|18446744073709551615:128", 1 << 48, .init(value: .max, length: 128)),
    ])
    func lifetimeAndMKIAreRead(_ info: String, _ lifetime: UInt64?, _ mki: CryptoAttribute.MKI?) throws {
        let crypto = try #require(try media("1 AEAD_AES_128_GCM inline:@28@\(info)").cryptos.first)
        #expect(crypto.lifetime == lifetime)
        #expect(crypto.mki == mki)
    }

    @Test(arguments: [
        ("1 AEAD_AES_128_GCM inline:@28@ UNENCRYPTED_SRTP", CryptoVoid.unprotected),
        ("1 AEAD_AES_128_GCM inline:@28@ UNENCRYPTED_SRTCP", .unprotected),
        ("1 AEAD_AES_128_GCM inline:@28@ WSH=64 unauthenticated_srtp", .unprotected),
        ("1 AEAD_AES_128_GCM inline:@28@ KDR=1", .sessionParameter),
        ("1 AEAD_AES_128_GCM inline:@28@ FEC_ORDER=FEC_SRTP", .sessionParameter),
        ("1 AEAD_AES_128_GCM inline:@28@ NEW=1", .sessionParameter),
        ("1 F8_128_HMAC_SHA1_80 inline:@30@", .unknownSuite),
        ("1 AEAD_AES_128_GCM inline:@28@|2^49", .lifetime),
        ("1 AEAD_AES_128_GCM inline:@28@|0", .lifetime),
        ("1 AEAD_AES_128_GCM inline:@28@|3^4", .lifetime),
        ("1 AEAD_AES_128_GCM inline:@28@|1:0", .mki),
        ("1 AEAD_AES_128_GCM inline:@28@|1:129", .mki),
        ("1 AEAD_AES_128_GCM inline:@28@|1:4;inline:@28@|2:4", .severalKeys),
        ("1 AEAD_AES_128_GCM uri:@28@", .grammar),
        ("x AEAD_AES_128_GCM inline:@28@", .grammar),
        ("1 AEAD_AES_128_GCM inline:", .keyLength),
    ])
    func lineIsVoid(_ line: String, _ reason: CryptoVoid) throws {
        let media = try media(line)
        #expect(media.cryptos.isEmpty)
        #expect(media.voidCryptos == [reason])
    }

    @Test func optionalSessionParametersArePassedOver() throws {
        #expect(try media("1 AEAD_AES_128_GCM inline:@28@ -NEW=1 WSH=64 KDR=0").cryptos.first?.sessionParameters == ["-NEW=1", "WSH=64", "KDR=0"])
    }

    @Test func repeatedTagCountsOnce() throws {
        let media = try describe(
            head + "m=audio 4 RTP/SAVP 0\na=crypto:1 AEAD_AES_128_GCM inline:@28@\na=crypto:1 AEAD_AES_256_GCM inline:@44@\n").media[0]
        #expect(media.cryptos.map(\.suite) == [.aeadAES128GCM])
    }

    @Test(arguments: ["AAA", "A===", "AA=A", "AAAA=", "A*AA", "AAAAA"])
    func wrongBase64IsVoid(_ key: String) throws {
        var body = chunks(head + "m=audio 4 RTP/SAVP 0\na=crypto:1 AEAD_AES_128_GCM inline:")
        body.append(.secret(SecretBytes(copying: ArraySlice(key.utf8))))
        #expect(try SessionDescription.parse(body).media[0].cryptos.isEmpty)
    }
}
