import DurableFiles
import Foundation
import SottoBase
import SottoCrypto
import Synchronization
import Testing

@testable import Keys

@Test func aCallKeyOpensAgainFromItsFileAfterARestart() async throws {
    let house = try House()
    let key = try await house.keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall)
    let file = try #require(CallKeyFile(key.file.serialized()))
    let restarted = try House.hierarchy(house.service, house.scratch, house.clocks)
    let again = try await restarted.openCallKey(file, tenant: acme, keyClass: .audio, call: firstCall)
    #expect(again.secret == key.secret)
}

@Test func everyCallAndClassHasAKeyOfItsOwn() async throws {
    let house = try House()
    let keys = house.keys
    let a = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall)
    let b = try await keys.newCallKey(tenant: acme, keyClass: .transcript, call: firstCall)
    let c = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: secondCall)
    #expect(a.secret != b.secret)
    #expect(a.secret != c.secret)
}

@Test func manyCallsCostOneOperationOfTheService() async throws {
    let house = try House()
    for low in UInt64(0)..<50 { _ = try await house.keys.newCallKey(tenant: acme, keyClass: .audio, call: CallID(high: 9, low: low)) }
    // One generate and one wrap made the branch key; the calls were wrapped under it here.
    #expect(house.service.state.withLock { $0.operations } == 2)
}

@Test func aKeyFileOpensNowhereElse() async throws {
    let house = try House()
    let keys = house.keys
    let file = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file
    await #expect(throws: KeyError.wrongPlace) { try await keys.openCallKey(file, tenant: globex, keyClass: .audio, call: firstCall) }
    await #expect(throws: KeyError.wrongPlace) { try await keys.openCallKey(file, tenant: acme, keyClass: .transcript, call: firstCall) }
    await #expect(throws: KeyError.wrongPlace) { try await keys.openCallKey(file, tenant: acme, keyClass: .audio, call: secondCall) }
}

@Test func eachFieldOfAKeyFileIsBound() async throws {
    let house = try House()
    let keys = house.keys
    _ = try await keys.newCallKey(tenant: globex, keyClass: .audio, call: firstCall)
    _ = try await keys.newCallKey(tenant: acme, keyClass: .transcript, call: firstCall)
    let file = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file

    var forged = file
    forged.tenant = globex
    await #expect(throws: KeyError.crypto(.notAuthentic)) {
        try await keys.openCallKey(forged, tenant: globex, keyClass: .audio, call: firstCall)
    }
    forged = file
    forged.keyClass = .transcript
    await #expect(throws: KeyError.crypto(.notAuthentic)) {
        try await keys.openCallKey(forged, tenant: acme, keyClass: .transcript, call: firstCall)
    }
    forged = file
    forged.call = secondCall
    await #expect(throws: KeyError.crypto(.notAuthentic)) {
        try await keys.openCallKey(forged, tenant: acme, keyClass: .audio, call: secondCall)
    }
    forged = file
    forged.branchVersion = 2
    await #expect(throws: KeyError.unknownBranch(version: 2)) {
        try await keys.openCallKey(forged, tenant: acme, keyClass: .audio, call: firstCall)
    }
    forged = file
    forged.recipient = "elsewhere"
    await #expect(throws: KeyError.wrongPlace) { try await keys.openCallKey(forged, tenant: acme, keyClass: .audio, call: firstCall) }
    for place in file.wrap.indices {
        forged = file
        forged.wrap[place] ^= 1
        await #expect(throws: KeyError.crypto(.notAuthentic)) {
            try await keys.openCallKey(forged, tenant: acme, keyClass: .audio, call: firstCall)
        }
    }
}

@Test func aKeyFileHasOneSpelling() async throws {
    let house = try House()
    let bytes = try await house.keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file.serialized()
    #expect(CallKeyFile(bytes)?.serialized() == bytes)
    for place in bytes.indices {
        var other = bytes
        other.insert(0x20, at: place)
        #expect(CallKeyFile(other).map { $0.serialized() == other } ?? true)
        #expect(CallKeyFile(Array(bytes[0..<place])) == nil)
    }
}

@Test func anUnreachableServiceIsATypedErrorAndCachedKeysGoOn() async throws {
    let house = try House()
    let keys = house.keys
    let before = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall)
    house.service.state.withLock { $0.isReachable = false }
    #expect(await keys.health() != .ready)

    _ = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: secondCall)
    let error = await #expect(throws: KeyError.self) { try await keys.newCallKey(tenant: globex, keyClass: .audio, call: secondCall) }
    #expect(error == .service(.unreachable(reason: "switched off by the test")))
    #expect(error?.isTransient == true)

    house.clocks.advance(301)
    await #expect(throws: KeyError.self) {
        try await keys.openCallKey(before.file, tenant: acme, keyClass: .audio, call: firstCall)
    }
    #expect(keys.cachedKeys == 0)

    house.service.state.withLock { $0.isReachable = true }
    let again = try await keys.openCallKey(before.file, tenant: acme, keyClass: .audio, call: firstCall)
    #expect(again.secret == before.secret)
}

@Test func aRevokedTenantKeyClosesItsDataWithinTheCacheTime() async throws {
    let house = try House()
    let keys = house.keys
    let file = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file
    let other = try await keys.newCallKey(tenant: globex, keyClass: .audio, call: firstCall).file
    let path = house.scratch.path + "/service/acme.audio"
    try FileManager.default.moveItem(atPath: path, toPath: path + ".disabled")

    house.clocks.advance(300)
    await #expect(throws: KeyError.service(.disabled(.tenant(acme, .audio)))) {
        try await keys.openCallKey(file, tenant: acme, keyClass: .audio, call: firstCall)
    }
    await #expect(throws: KeyError.self) { try await keys.newCallKey(tenant: acme, keyClass: .audio, call: secondCall) }
    #expect(try house.service.describe(.tenant(acme, .audio)).isEnabled == false)
    _ = try await keys.openCallKey(other, tenant: globex, keyClass: .audio, call: firstCall)
}

@Test func aDestroyedTenantKeyIsNotMadeAnewInSilence() async throws {
    let house = try House()
    let keys = house.keys
    _ = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall)
    try FileManager.default.removeItem(atPath: house.scratch.path + "/service/acme.audio")
    house.clocks.advance(301)
    await #expect(throws: KeyError.service(.unknownKey(.tenant(acme, .audio)))) {
        try await keys.newCallKey(tenant: acme, keyClass: .audio, call: secondCall)
    }
}

@Test func anOldBranchGetsASuccessorAndStillOpensWhatItWrapped() async throws {
    let house = try House()
    let keys = house.keys
    let old = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall)
    house.clocks.advance(90 * 86_400)
    let new = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: secondCall)
    #expect(old.file.branchVersion == 1)
    #expect(new.file.branchVersion == 2)
    #expect(try await keys.openCallKey(old.file, tenant: acme, keyClass: .audio, call: firstCall).secret == old.secret)
    let rewrapped = try await keys.rewrapped(old)
    #expect(rewrapped.file.branchVersion == 2)
    #expect(rewrapped.secret == old.secret)
    #expect(try await keys.rotate(tenant: acme, keyClass: .audio) == 3)
}

@Test func anAnswerForAnotherContextIsNoticed() async throws {
    let house = try House()
    let keys = house.keys
    let file = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file
    keys.forgetOpenedKeys()
    // A payload of the right form, for another purpose: SHA-256(context) is what tells them apart.
    let other = try SHA256.hash(KeyContext(key: .tenant(acme, .audio), purpose: "branch", version: 9).canonicalBytes)
    house.service.state.withLock { $0.substitute = SecretBytes(copying: (other + [UInt8](repeating: 5, count: 32))[...]) }
    await #expect(throws: KeyError.wrongContext) { try await keys.openCallKey(file, tenant: acme, keyClass: .audio, call: firstCall) }
}

@Test func exchangedBranchFilesAreNoticed() async throws {
    let house = try House()
    let keys = house.keys
    let file = try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file
    _ = try await keys.newCallKey(tenant: globex, keyClass: .audio, call: firstCall)
    keys.forgetOpenedKeys()
    let folder = house.scratch.path + "/keys/"
    try FileManager.default.removeItem(atPath: folder + "acme/audio.1")
    try FileManager.default.copyItem(atPath: folder + "globex/audio.1", toPath: folder + "acme/audio.1")
    await #expect(throws: KeyError.malformed(path: folder + "acme/audio.1")) {
        try await keys.openCallKey(file, tenant: acme, keyClass: .audio, call: firstCall)
    }
}

@Test func anotherRootKeyOpensNothing() async throws {
    let house = try House()
    let file = try await house.keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall).file
    let stranger = SwitchedService(try LocalKeyService(root: RandomBytes.secret(count: 32), folder: house.scratch.path + "/service"))
    let keys = try House.hierarchy(stranger, house.scratch, house.clocks)
    await #expect(throws: KeyError.service(.notAuthentic(.tenant(acme, .audio)))) {
        try await keys.openCallKey(file, tenant: acme, keyClass: .audio, call: firstCall)
    }
}

@Test func theCacheIsBounded() async throws {
    var settings = KeyHierarchy.Settings()
    settings.cacheLimit = 3
    let house = try House(settings: settings)
    for name in ["a", "b", "c", "d", "e"] { _ = try await house.keys.newCallKey(tenant: tenant(name), keyClass: .audio, call: firstCall) }
    #expect(house.keys.cachedKeys == 3)
    house.keys.forgetOpenedKeys()
    #expect(house.keys.cachedKeys == 0)
}

@Test func digestAndSigningKeysStayTheSame() async throws {
    let house = try House()
    let digest = try await house.keys.digestKey(tenant: acme)
    let identity = try await house.keys.signingIdentity(.checkpoint)
    #expect(identity.life.utf8.count == 16)
    let restarted = try House.hierarchy(house.service, house.scratch, house.clocks)
    #expect(try await restarted.digestKey(tenant: acme) == digest)
    #expect(try await restarted.digestKey(tenant: globex) != digest)
    let again = try await restarted.signingIdentity(.checkpoint)
    #expect(again.key.publicKey == identity.key.publicKey)
    #expect(again.life == identity.life)
    #expect(try await restarted.signingIdentity(.receipt).key.publicKey != identity.key.publicKey)
}

@Test func noKeyLiesClearOnTheDisk() async throws {
    let house = try House()
    let key = try await house.keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall)
    let digest = try await house.keys.digestKey(tenant: acme)
    let secrets = [key.secret, digest].map { secret in secret.withBytes { Array($0) } }
    let files = FileManager.default.enumerator(atPath: house.scratch.path)?.allObjects as? [String] ?? []
    var checked = 0
    for name in files {
        guard let data = FileManager.default.contents(atPath: house.scratch.path + "/" + name) else { continue }
        checked += 1
        for secret in secrets {
            #expect(data.range(of: Data(secret)) == nil)
            #expect(data.range(of: Data(Base64.encode(secret).utf8)) == nil)
            #expect(data.range(of: Data(Hex.encode(secret).utf8)) == nil)
        }
    }
    #expect(checked >= 4)
}

@Test func aFullDiskMakesNoHalfAKey() async throws {
    let scratch = Scratch()
    let clocks = Clocks()
    let full = Disk { operation, path, _ in operation == .write && path.contains("/acme/") ? .fail(.full) : nil }
    let service = try LocalKeyService(root: RandomBytes.secret(count: 32), folder: scratch.path + "/service")
    let keys = try KeyHierarchy(
        service: service, folder: scratch.path + "/keys", disk: full, now: { clocks.now }, wallTime: { clocks.wall })
    let error = await #expect(throws: KeyError.self) { try await keys.newCallKey(tenant: acme, keyClass: .audio, call: firstCall) }
    #expect(error?.isTransient == true)
    #expect(try Disk().list(scratch.path + "/keys/acme").isEmpty)
}
