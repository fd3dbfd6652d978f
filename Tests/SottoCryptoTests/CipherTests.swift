import Foundation
import SottoBase
import Testing

@testable import SottoCrypto

// MARK: - XAES-256-GCM (Vectors/xaes-256-gcm.txt, from the specification)

struct XAESVector: CustomTestStringConvertible {
    var fields: [String: String] = [:]
    var testDescription: String { fields["K"] ?? "" }

    func bytes(_ name: String) -> [UInt8] {
        let value = fields[name] ?? ""
        return value.hasPrefix("\"") ? Array(value.dropFirst().dropLast().utf8) : hex(value)
    }

    static let all: [XAESVector] = {
        guard let url = Bundle.module.url(forResource: "Vectors/xaes-256-gcm", withExtension: "txt"),
            let text = try? String(contentsOf: url, encoding: .utf8)
        else { return [] }
        return text.components(separatedBy: "\n\n").map { block in
            var vector = XAESVector()
            for line in block.split(separator: "\n") where !line.hasPrefix("#") {
                let words = line.split(separator: " ", omittingEmptySubsequences: true)
                for index in stride(from: 0, to: words.count - 1, by: 2) { vector.fields[String(words[index])] = String(words[index + 1]) }
            }
            return vector
        }
    }()
}

@Test func bothXAESVectorsAreThere() { #expect(XAESVector.all.count == 2) }

@Test(arguments: XAESVector.all) func xaesMatchesTheSpecificationStepByStep(_ vector: XAESVector) throws {
    let key = SecretBytes(copying: vector.bytes("K")[...])
    let nonce = vector.bytes("N")
    try XAES256GCM.withDerivation(key: key, nonce: nonce) { steps throws(CryptoError) in
        #expect(Array(steps.l) == vector.bytes("L"))
        #expect(Array(steps.k1) == vector.bytes("K1"))
        #expect(steps.m1 == vector.bytes("M1"))
        #expect(steps.m2 == vector.bytes("M2"))
        #expect(Array(steps.messageKey) == vector.bytes("Kx"))
    }
    #expect(Array(nonce[12...]) == vector.bytes("Nx"))

    let plaintext = vector.bytes("plaintext")
    let sealed = try plaintext.withUnsafeBytes { raw in
        try XAES256GCM.seal(raw, key: key, nonce: nonce, associatedData: vector.bytes("aad"))
    }
    #expect(sealed == vector.bytes("ciphertext"))

    let opened = try XAES256GCM.open(nonce + sealed, key: key, associatedData: vector.bytes("aad"))
    #expect(opened == SecretBytes(copying: plaintext[...]))
}

@Test func xaesRefusesEachChange() throws {
    let key = try RandomBytes.secret(count: 32)
    let plaintext = try RandomBytes.secret(count: 32)
    let sealed = try XAES256GCM.seal(plaintext, key: key, associatedData: [1])
    #expect(sealed.count == 24 + 32 + 16)
    for place in sealed.indices {
        var spoilt = sealed
        spoilt[place] ^= 1
        #expect(throws: CryptoError.notAuthentic) { try XAES256GCM.open(spoilt, key: key, associatedData: [1]) }
    }
    #expect(throws: CryptoError.notAuthentic) { try XAES256GCM.open(sealed, key: key, associatedData: [2]) }
    #expect(throws: CryptoError.wrongMessageLength) { try XAES256GCM.open(Array(sealed[0..<39]), key: key, associatedData: [1]) }
    #expect(throws: CryptoError.wrongKeyLength) {
        try XAES256GCM.open(sealed, key: RandomBytes.secret(count: 31), associatedData: [1])
    }
}

// MARK: - AES-256-GCM (NIST GCM specification, test cases 13, 14 and 16)

@Test func gcmMatchesNISTTestCases() throws {
    let zero = secret(String(repeating: "00", count: 32))
    #expect(try AES256GCM.seal([], key: zero, nonce: [UInt8](repeating: 0, count: 12)) == hex("530f8afbc74536b9a963b4f1c4cb738b"))
    #expect(
        try AES256GCM.seal([UInt8](repeating: 0, count: 16), key: zero, nonce: [UInt8](repeating: 0, count: 12))
            == hex("cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919"))
    let sealed = try AES256GCM.seal(
        hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
        key: secret("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"), nonce: hex("cafebabefacedbaddecaf888"),
        associatedData: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
    #expect(
        sealed
            == hex(
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                    + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                    + "76fc6ece0f4e1768cddf8853bb2d551b"
            ))
}

@Test func gcmOpensWhatItSealedAndNothingElse() throws {
    let key = try RandomBytes.secret(count: 32)
    let nonce = try RandomBytes.bytes(12)
    let sealed = try AES256GCM.seal([1, 2, 3], key: key, nonce: nonce, associatedData: [4])
    #expect(try AES256GCM.open(sealed, key: key, nonce: nonce, associatedData: [4]) == [1, 2, 3])
    #expect(throws: CryptoError.notAuthentic) { try AES256GCM.open(sealed, key: key, nonce: nonce) }
    #expect(throws: CryptoError.wrongMessageLength) { try AES256GCM.open([1], key: key, nonce: nonce) }
    #expect(throws: CryptoError.wrongNonceLength) { try AES256GCM.seal([1], key: key, nonce: [1]) }
}

// MARK: - Hashes (FIPS 180-4 examples, RFC 4231 §4.3, RFC 5869 A.1)

@Test func sha256OfABC() throws {
    #expect(Hex.encode(try SHA256.hash([0x61], [0x62, 0x63])) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
}

@Test func hmacMatchesRFC4231() throws {
    let key = SecretBytes(copying: Array("Jefe".utf8)[...])
    let text = Array("what do ya want for nothing?".utf8)
    #expect(Hex.encode(try HMAC.code(.sha256, key: key, text)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(
        Hex.encode(try HMAC.code(.sha512, key: key, Array(text[0..<5]), Array(text[5...])))
            == "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
}

@Test func hkdfMatchesRFC5869() throws {
    // Its pseudo-random key as the vector gives it: the house has no extract step.
    let prk = secret("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    let okm = try HKDF.expand(.sha256, key: prk, info: hex("f0f1f2f3f4f5f6f7f8f9"), count: 42)
    #expect(okm == secret("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
    #expect(throws: CryptoError.wrongMessageLength) { try HKDF.expand(.sha256, key: prk, info: [], count: 255 * 32 + 1) }
}

// MARK: - Ed25519 (RFC 8032 §7.1, test 2)

@Test func ed25519MatchesRFC8032() throws {
    let key = try Ed25519SigningKey(seed: secret("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    #expect(Hex.encode(key.publicKey) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    let signature = try key.sign([0x72])
    #expect(
        Hex.encode(signature)
            == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    let verifier = try Ed25519VerifyingKey(key.publicKey)
    #expect(verifier.isValid(signature, for: [0x72]))
    #expect(!verifier.isValid(signature, for: [0x73]))
    var spoilt = signature
    spoilt[3] ^= 1
    #expect(!verifier.isValid(spoilt, for: [0x72]))
    #expect(!verifier.isValid([], for: [0x72]))
}

// MARK: - Text

@Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
])
func base64MatchesRFC4648(_ plain: String, _ coded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == coded)
    #expect(Base64.decode(coded) == Array(plain.utf8))
}

@Test(arguments: ["Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zm9v=", "Zm 9", "=m9v", "Zg==Zg=="])
func base64IsStrict(_ text: String) { #expect(Base64.decode(text) == nil) }

@Test func secretsReturnTheirMemory() throws {
    let before = SecretBytes.bytesInUse
    do {
        let key = try RandomBytes.secret(count: 32)
        let sealed = try XAES256GCM.seal(key, key: key, associatedData: [])
        _ = try? XAES256GCM.open(sealed, key: key, associatedData: [1])
    }
    #expect(SecretBytes.bytesInUse <= before + 64 * 1024)
}
