import DurableFiles
import Foundation
import SottoBase
import SottoCrypto
import Testing

@testable import Keys

private func put(_ bytes: [UInt8], mode: Int, _ scratch: Scratch) throws -> String {
    let path = scratch.path + "/root.key"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
}

@Test(arguments: [0o600, 0o400]) func privateRootKeyIsRead(_ mode: Int) throws {
    let scratch = Scratch()
    let path = try put([UInt8](1...32), mode: mode, scratch)
    #expect(try RootKey.read(.file(path: path)) == SecretBytes(copying: [UInt8](1...32)[...]))
}

@Test(arguments: [0o644, 0o640, 0o604, 0o660, 0o700, 0o610]) func looseRootKeyIsRefusedWithTheCommandThatMendsIt(_ mode: Int) throws {
    let scratch = Scratch()
    let path = try put([UInt8](1...32), mode: mode, scratch)
    #expect(throws: RootKeyError.loosePermissions(path: path, mode: UInt32(mode))) { try RootKey.read(.file(path: path)) }
    #expect(RootKeyError.loosePermissions(path: path, mode: UInt32(mode)).description.contains("chmod 0600 \(path)"))
}

@Test func anotherUsersRootKeyIsRefusedWithTheCommandThatMendsIt() {
    let status = Disk.Status(kind: .file, mode: 0o600, owner: 1_000, size: 32)
    let error = RootKey.fault(in: status, .file(path: "/etc/sotto/root.key"), user: 999)
    #expect(error == .wrongOwner(path: "/etc/sotto/root.key", owner: 1_000, expected: 999))
    #expect(error?.description.contains("chown 999 /etc/sotto/root.key") == true)
}

@Test func aSystemdCredentialMayShowItsACLMask() {
    let status = Disk.Status(kind: .file, mode: 0o440, owner: 0, size: 32)
    #expect(RootKey.fault(in: status, .credential(path: "/run/credentials/sottod.service/root"), user: 999) == nil)
    #expect(RootKey.fault(in: status, .file(path: "/x"), user: 999) == .loosePermissions(path: "/x", mode: 0o440))
    let loose = Disk.Status(kind: .file, mode: 0o444, owner: 0, size: 32)
    #expect(RootKey.fault(in: loose, .credential(path: "/x"), user: 999) != nil)
}

@Test func rootKeyIsReadInEachSpelling() throws {
    let key = [UInt8](7...38)
    let wanted = SecretBytes(copying: key[...])
    for text in [Hex.encode(key), Hex.encode(key).uppercased() + "\n", Base64.encode(key), Base64.encode(key) + "\r\n"] {
        let scratch = Scratch()
        #expect(try RootKey.read(.file(path: put(Array(text.utf8), mode: 0o600, scratch))) == wanted)
    }
}

@Test(arguments: ["", "short", String(repeating: "g", count: 64), String(repeating: "a", count: 63), String(repeating: "a", count: 2_000)])
func whatIsNoKeyIsRefused(_ text: String) throws {
    let scratch = Scratch()
    let path = try put(Array(text.utf8), mode: 0o600, scratch)
    #expect(throws: RootKeyError.self) { try RootKey.read(.file(path: path)) }
}

@Test func aMissingRootKeyNamesTheCommandThatMakesOne() {
    let error = #expect(throws: RootKeyError.self) { try RootKey.read(.file(path: "/nonexistent/root.key")) }
    #expect(error?.description.contains("openssl rand") == true)
}

@Test func aNewRootKeyIsPrivateAndNeverReplaces() throws {
    let scratch = Scratch()
    let path = scratch.path + "/new.key"
    try RootKey.create(at: path)
    let first = try RootKey.read(.file(path: path))
    #expect(first.count == 32)
    #expect(throws: RootKeyError.self) { try RootKey.create(at: path) }
    #expect(try RootKey.read(.file(path: path)) == first)
}

@Test func aLinkIsNoRootKey() throws {
    let scratch = Scratch()
    let path = try put([UInt8](1...32), mode: 0o600, scratch)
    try FileManager.default.createSymbolicLink(atPath: path + ".link", withDestinationPath: path)
    #expect(throws: RootKeyError.self) { try RootKey.read(.file(path: path + ".link")) }
}
