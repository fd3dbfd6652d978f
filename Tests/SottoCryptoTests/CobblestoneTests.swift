import COpenSSL
import Foundation
import SottoBase
import Testing

@testable import SottoCrypto

/// Wycheproof-style vectors of c2sp.org/chunked-encryption (Vectors/cobblestone-256.json, from filippo.io/cobblestone).
struct CobblestoneVector: Decodable, CustomTestStringConvertible {
    var tcId: Int
    var comment: String
    var key: String
    var ctx: String
    var ct: String
    var aeadKey: String?
    var baseNonce: String?
    var msgLength: Int?
    var msgSha512: String?
    var result: String
    var flags: [String]

    var testDescription: String { "\(tcId) \(comment)" }

    private struct File: Decodable {
        struct Group: Decodable { var tests: [CobblestoneVector] }
        var numberOfTests: Int
        var testGroups: [Group]
    }

    static let all: [CobblestoneVector] = {
        guard let url = Bundle.module.url(forResource: "Vectors/cobblestone-256", withExtension: "json"),
            let data = try? Data(contentsOf: url), let file = try? JSONDecoder().decode(File.self, from: data)
        else { return [] }
        let tests = file.testGroups.flatMap(\.tests)
        return tests.count == file.numberOfTests ? tests : []
    }()
}

func hex(_ text: String) -> [UInt8] { Hex.decode(text.filter { $0 != " " }) ?? [] }
func secret(_ text: String) -> SecretBytes { SecretBytes(copying: hex(text)[...]) }

func sha512(_ bytes: [UInt8]) -> String {
    var digest = [UInt8](repeating: 0, count: 64)
    var size: UInt32 = 0
    EVP_Digest(bytes, bytes.count, &digest, &size, EVP_sha512(), nil)
    return Hex.encode(digest)
}

@Test func everyPublishedVectorIsThere() { #expect(CobblestoneVector.all.count == 35) }

@Test(arguments: CobblestoneVector.all) func publishedMessageOpensOrIsRefused(_ vector: CobblestoneVector) throws {
    let message = Inflate.zlib(hex(vector.ct))
    let key = secret(vector.key)
    let context = hex(vector.ctx)

    if vector.result == "valid" {
        let plaintext = try Cobblestone256.open(message, key: key, context: context)
        #expect(plaintext.count == vector.msgLength)
        #expect(sha512(plaintext) == vector.msgSha512)
        // The other direction: the same salt gives the same message, byte for byte.
        let again = try Cobblestone256.seal(plaintext, key: key, context: context, salt: Array(message[0..<24]))
        #expect(again == message)
        #expect(message.count == Cobblestone256.messageSize(forPlaintext: plaintext.count))
    } else {
        #expect(throws: CryptoError.self) { try Cobblestone256.open(message, key: key, context: context) }
    }

    if vector.flags.contains("HeaderFailure") {
        #expect(throws: CryptoError.self) { try Cobblestone256.openPrefix(message, key: key, context: context) }
    } else {
        let (prefix, isWhole) = try Cobblestone256.openPrefix(message, key: key, context: context)
        #expect(isWhole == (vector.result == "valid"))
        if let length = vector.msgLength {
            #expect(prefix.count == length)
            #expect(sha512(prefix) == vector.msgSha512)
        } else {
            #expect(prefix.isEmpty)
        }
    }

    if let aeadKey = vector.aeadKey, let baseNonce = vector.baseNonce {
        try Cobblestone256.withMessageKey(key, salt: Array(message[0..<24]), context: context) { derived throws(CryptoError) in
            #expect(Hex.encode(derived.key) == aeadKey)
            #expect(Hex.encode(derived.baseNonce) == baseNonce)
            #expect(Array(derived.commitment) == Array(message[24..<56]))
        }
    }
}

@Test func twoMessagesOfTheSameTextShareNothing() throws {
    let key = try RandomBytes.secret(count: 32)
    let a = try Cobblestone256.seal([1, 2, 3], key: key, context: [])
    let b = try Cobblestone256.seal([1, 2, 3], key: key, context: [])
    #expect(a != b)
    #expect(Cobblestone256.commitment(of: a) != Cobblestone256.commitment(of: b))
    #expect(try Cobblestone256.open(a, key: key, context: []) == [1, 2, 3])
}

@Test(arguments: [0, 1, 16_383, 16_384, 16_385, 40_000]) func eachFlippedByteIsNoticed(_ size: Int) throws {
    let key = try RandomBytes.secret(count: 32)
    let message = try Cobblestone256.seal([UInt8](repeating: 7, count: size), key: key, context: [9])
    for place in stride(from: 0, to: message.count, by: max(1, message.count / 61)) {
        var spoilt = message
        spoilt[place] ^= 0x40
        #expect(throws: CryptoError.notAuthentic) { try Cobblestone256.open(spoilt, key: key, context: [9]) }
    }
}

extension Cobblestone256 {
    /// The longest authentic prefix of chunks, as a streaming reader gives it, and whether the message ends well behind it.
    /// The vectors ask for it; the house takes whole messages alone.
    static func openPrefix(
        _ message: [UInt8], key: SecretBytes, context: [UInt8]
    ) throws(CryptoError) -> (plaintext: [UInt8], isWhole: Bool) {
        try withOpenedHeader(message, key: key, context: context) { derived throws(CryptoError) in
            var cipher = try GCMContext(key: derived.key, .opening)
            var plaintext: [UInt8] = []
            var number = 0
            while true {
                let rest = message.count - headerSize - number * sealedChunkSize
                guard rest >= AES256GCM.tagSize else { return (plaintext, false) }
                let isLast = rest < sealedChunkSize
                let size = (isLast ? rest : sealedChunkSize) - AES256GCM.tagSize
                do throws(CryptoError) {
                    let chunk = try filled(size) { target throws(CryptoError) in
                        try openChunk(message, number, size: size, &cipher, derived, into: target)
                    }
                    plaintext += chunk
                } catch {
                    return (plaintext, false)
                }
                if isLast { return (plaintext, true) }
                number += 1
            }
        }
    }
}
