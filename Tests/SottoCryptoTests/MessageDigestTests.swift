import SottoBase
import SottoCrypto
import Testing

@Suite struct MessageDigestTests {
    private func hex(_ function: MessageDigest, _ text: String) -> String {
        var digest = [UInt8](repeating: 0, count: function.size)
        digest.withUnsafeMutableBytes { target in
            Array(text.utf8).withUnsafeBytes { function.hash($0, into: target) }
        }
        return digest.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    /// FIPS 180-4 and RFC 1321 §A.5: "abc".
    @Test func publishedValues() {
        #expect(hex(.sha256, "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(hex(.sha512_256, "abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23")
        #expect(hex(.dangerMD5, "abc") == "900150983cd24fb0d6963f7d28e17f72")
    }

    @Test func emptyInputHasADigest() {
        #expect(hex(.sha256, "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }
}
