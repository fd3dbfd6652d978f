import SRTP
import SottoBase
import Testing

/// Packets made by an independent implementation (Python `cryptography`) that reproduces RFC 3711's appendix B.2 and B.3, the derived keys
/// of RFC 6188 §7.3 and the packets of RFC 7714 §16. The RFC gives session keys in §16, while an SRTP context takes a
/// master key: the plain packets are the RFC's own,
/// the keys are derived from the master keys below by RFC 3711 §4.3 and RFC 7714 §11. The CM and the GCM-128 packet with the 16 bytes
/// `ab` are also libsrtp's known answers.
struct SRTPVector: Sendable, CustomTestStringConvertible {
    var name: String
    var profile: SRTPProfile
    var key: String
    var kind: Kind
    var plain: String
    var protected: String
    var testDescription: String { name }

    /// RFC 3711 B.3's master key and salt.
    static let keyB3 = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6"
    /// RFC 6188 §7.3's master key and salt.
    static let key6188 = "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2"
    static let key128 = "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab"
    static let key256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f a0a1a2a3a4a5a6a7a8a9aaab"
    static let shortPacket = "800f1234 decafbad cafebabe abababababababababababababababab"
    /// RFC 7714 §16.1: "Gallia est omnis divisa in partes tres".
    static let gallia = "8040f17b 8041f8d3 5501a0b2 47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
    /// RFC 7714 §17's compound.
    static let report =
        "81c8000d 4d617273 4e5450314e5450325254502000000 42a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"

    static let all = [
        SRTPVector(
            name: "AES_CM_128_HMAC_SHA1_80", profile: .aes128CMSHA1_80, key: keyB3, kind: .rtp, plain: shortPacket,
            protected: "800f1234 decafbad cafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb"),
        SRTPVector(
            name: "AES_CM_128_HMAC_SHA1_32", profile: .aes128CMSHA1_32, key: keyB3, kind: .rtp, plain: shortPacket,
            protected: "800f1234 decafbad cafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc"),
        SRTPVector(
            name: "AES_CM_128_HMAC_SHA1_80 RTCP", profile: .aes128CMSHA1_80, key: keyB3, kind: .rtcp,
            plain: "81c8000b cafebabe abababababababababababababababab",
            protected: "81c8000b cafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798"),
        SRTPVector(
            name: "AES_CM_128_HMAC_SHA1_32 RTCP keeps 80 bits", profile: .aes128CMSHA1_32, key: keyB3, kind: .rtcp,
            plain: "81c8000b cafebabe abababababababababababababababab",
            protected: "81c8000b cafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798"),
        SRTPVector(
            name: "AES_256_CM_HMAC_SHA1_80", profile: .aes256CMSHA1_80, key: key6188, kind: .rtp, plain: shortPacket,
            protected: "800f1234 decafbad cafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b"),
        SRTPVector(
            name: "AES_256_CM_HMAC_SHA1_80 RTCP", profile: .aes256CMSHA1_80, key: key6188, kind: .rtcp,
            plain: "81c8000b cafebabe abababababababababababababababab",
            protected: "81c8000b cafebabe b4d0e7a917d24b9faab9d3b6127b3ba6 80000001 e04ac0ec2846f71bd31c"),
        SRTPVector(
            name: "AEAD_AES_128_GCM, libsrtp", profile: .aeadAES128GCM, key: key128, kind: .rtp, plain: shortPacket,
            protected: "800f1234 decafbad cafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392"),
        SRTPVector(
            name: "AEAD_AES_128_GCM", profile: .aeadAES128GCM, key: key128, kind: .rtp, plain: gallia,
            protected: """
                8040f17b 8041f8d3 5501a0b2 56fd13d16ae124e495bd52cb9d53c8e0cdc3ef460b1af1bc07036df11f554003b9a2ca04074f
                31dab216ff9c760886ccad1ea77f21e3
                """),
        SRTPVector(
            name: "AEAD_AES_256_GCM", profile: .aeadAES256GCM, key: key256, kind: .rtp, plain: gallia,
            protected: """
                8040f17b 8041f8d3 5501a0b2 957960bab41213d85ec9a2e9c256cbd9dd4723d6951a67507a00e18a3899db6b9f7e1775a4dc
                f349ca95492af0d3c84a9c40e9f9dca9
                """),
        SRTPVector(
            name: "AEAD_AES_128_GCM RTCP", profile: .aeadAES128GCM, key: key128, kind: .rtcp, plain: report,
            protected: """
                81c8000d 4d617273 415477c21158eee6e12b91260d0e6e82202224e256a4d53e772695a32ca26667e3129f3847f33ce49529
                1361999469fa89af0a008dffb6397824e3eb 80000001
                """),
        SRTPVector(
            name: "AEAD_AES_256_GCM RTCP", profile: .aeadAES256GCM, key: key256, kind: .rtcp, plain: report,
            protected: """
                81c8000d 4d617273 c043b1d1837b0619bcc87e17870983406e8a1d934e99317bf307a9492d9ec01b67247acce926ce00b536
                d0467bd077aa033a0b7d8435000c7395db29 80000001
                """),
    ]
}

@Test(arguments: SRTPVector.all)
func sealsToThePublishedBytes(_ vector: SRTPVector) throws {
    let plain = hex(vector.plain)
    let at = vector.kind == .rtp ? 8 : 4
    let ssrc = plain[at..<at + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    var sender = try SRTPSender(profile: vector.profile, key: secret(hex(vector.key)), ssrc: ssrc)
    #expect(sender.sealed(plain, vector.kind) == hex(vector.protected))
}

@Test(arguments: SRTPVector.all)
func opensThePublishedBytes(_ vector: SRTPVector) throws {
    var receiver = try SRTPReceiver(profile: vector.profile, key: secret(hex(vector.key)))
    #expect(receiver.opened(hex(vector.protected), vector.kind) == hex(vector.plain))
}

/// RFC 3711 §4.1, §4.2: the rollover counter is part of the cipher's and of the tag's input.
@Test(arguments: [
    (SRTPProfile.aes128CMSHA1_80, SRTPVector.keyB3, "179265c8bf303e4c24e7279f739bb5a6 f8b3916fd670057bf1dc"),
    (.aes256CMSHA1_80, SRTPVector.key6188, "b07fe476abe1d1f6b9cd5f488cc912e5 19bb0033e2aba642f88e"),
])
func rolloverCounterOneGivesThePublishedBytes(_ profile: SRTPProfile, _ key: String, _ protected: String) throws {
    let ssrc: UInt32 = 0xCAFE_BABE
    var sender = try SRTPSender(profile: profile, key: secret(hex(key)), ssrc: ssrc)
    for sequence: UInt16 in [0x7000, 0xF000, 0x0001] { _ = sender.sealed(rtpPacket(sequence: sequence)) }
    #expect(sender.rolloverCounter == 1)
    #expect(sender.sealed(hex(SRTPVector.shortPacket)) == hex("800f1234 decafbad cafebabe" + protected))
}
