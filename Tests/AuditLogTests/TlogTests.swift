import SottoBase
import SottoCrypto
import Testing

@testable import AuditLog

// MARK: - Merkle tree (RFC 6962 §2.1; leaves and roots of certificate-transparency-go's reference test vectors)

private let leaves: [[UInt8]] = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
].map { Hex.decode($0) ?? [] }

private let roots = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

@Test func rootsMatchTheReferenceVectors() throws {
    var frontier = MerkleFrontier()
    #expect(Hex.encode(try frontier.root()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for (leaf, root) in zip(leaves, roots) {
        try frontier.append(leafHash: MerkleHash.leaf(leaf))
        #expect(Hex.encode(try frontier.root()) == root)
    }
    #expect(frontier.size == 8)
    #expect(frontier.hashes.count == 1)
}

/// RFC 6962 §2.1's definition, word by word: k is the largest power of two below n.
private func definedRoot(_ hashes: ArraySlice<[UInt8]>) throws -> [UInt8] {
    if hashes.count == 1, let only = hashes.first { return only }
    var k = 1
    while k * 2 < hashes.count { k *= 2 }
    return try MerkleHash.node(
        definedRoot(hashes[hashes.startIndex..<hashes.startIndex + k]), definedRoot(hashes[(hashes.startIndex + k)...]))
}

@Test func theGrowingRootIsTheDefinedOneAtEverySize() throws {
    var frontier = MerkleFrontier()
    var hashes: [[UInt8]] = []
    for number in 0..<300 {
        hashes.append(try MerkleHash.leaf(Array(String(number).utf8)))
        try frontier.append(leafHash: hashes[number])
        #expect(try frontier.root() == definedRoot(hashes[...]))
    }
    #expect(MerkleFrontier(size: frontier.size, hashes: frontier.hashes) == frontier)
    #expect(MerkleFrontier(size: 3, hashes: [hashes[0]]) == nil)
}

// MARK: - Signed notes (c2sp.org/signed-note: the example of golang.org/x/mod/sumdb/note)

@Test func theNotePackagesExampleVerifies() throws {
    let verifier = try #require(CheckpointVerifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"))
    #expect(verifier.description == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    let line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    let blob = try #require(Base64.decode(line))
    #expect(Array(blob[0..<4]) == verifier.keyHash)
    #expect(try Ed25519VerifyingKey(verifier.publicKey).isValid(Array(blob[4...]), for: Array(text.utf8)))
}

@Test func aCheckpointIsReadBackByItsKeyAlone() throws {
    let house = try LogHouse()
    let head = AuditHead(origin: house.signer.origin, size: 7, root: [UInt8](repeating: 3, count: 32))
    let note = try house.signer.sign(head)
    #expect(house.verifierKey.head(ofNote: note) == head)
    #expect(AuditHead(origin: head.origin, compact: head.compact) == head)
    #expect(AuditHead(origin: head.origin, compact: "7:AAAA") == nil)
    #expect(try LogHouse().verifierKey.head(ofNote: note) == nil)
    for place in note.indices {
        var spoilt = note
        spoilt[place] ^= 1
        #expect(house.verifierKey.head(ofNote: spoilt) != head || spoilt == note)
    }
    // Another signature (a witness) beside ours is passed over.
    let witnessed = note + Array("\u{2014} witness.example AAAAAAAAAAAA\n".utf8)
    #expect(house.verifierKey.head(ofNote: witnessed) == head)
}

@Test(arguments: ["", "a b", "a+b", "a\nb"]) func anOriginThatANoteCannotCarryIsRefused(_ origin: String) throws {
    #expect(CheckpointSigner(origin: origin, key: try Ed25519SigningKey()) == nil)
}

@Test(arguments: ["", "x", "a+b", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "PeterNeumann+c74f20a3+AAAA"])
func aMalformedVerifierKeyIsRefused(_ text: String) { #expect(CheckpointVerifier(text) == nil) }

// MARK: - Paths (c2sp.org/tlog-tiles §"Parameters")

@Test func bundlePathsAreThoseOfTlogTiles() {
    #expect(EntryBundles.path(0) == "tile/entries/000")
    #expect(EntryBundles.path(999, partial: 3) == "tile/entries/999.p/3")
    #expect(EntryBundles.path(1_234_067) == "tile/entries/x001/x234/067")
}

// MARK: - Entries

@Test func anEntryHasOneSpelling() throws {
    let tenant = try #require(TenantName("acme"))
    let entry = AuditEntry(
        act: .recordExported, actor: .user(id: 1_000, name: "ada", role: "auditor"), outcome: .refused, tenant: tenant,
        call: CallID(high: 0, low: 1), reason: "say \"why\"\n", facts: ["b": "2", "a": "1"],
        subjects: [AuditSubject(field: "caller", commitment: [1, 2, 3])])
    let json = entry.serialized(sequence: 9, time: WallTime(milliseconds: 0), previous: [0])
    #expect(
        String(decoding: json, as: UTF8.self)
            == #"{"v":1,"sequence":9,"time":"1970-01-01T00:00:00.000Z","act":"record.exported","outcome":"refused","#
            + #""actor":{"kind":"user","id":1000,"name":"ada","role":"auditor"},"tenant":"acme","call":"00000000000000000000000001","#
            + #""reason":"say \"why\"\n","facts":{"a":"1","b":"2"},"subjects":{"caller":"AQID"},"previous":"AA=="}"#)
}

@Test func aCommitmentTellsNothingAndIsOpenedByItsSalt() throws {
    let (subject, opening) = try AuditSubject.commit("caller", "+4930123456")
    let (other, _) = try AuditSubject.commit("caller", "+4930123456")
    #expect(subject.commitment != other.commitment)
    #expect(try opening.commitment() == subject.commitment)
    // HMAC-SHA-256(salt, field ‖ 00 ‖ value), as an outsider computes it.
    let outside = try HMAC.code(.sha256, key: opening.salt, Array("caller\0+4930123456".utf8))
    #expect(outside == subject.commitment)
    #expect(try AuditOpening(field: "caller", salt: opening.salt, value: "+4930123457").commitment() != subject.commitment)
}
