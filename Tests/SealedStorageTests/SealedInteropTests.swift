import Foundation
import SottoBase
import SottoCrypto
import Testing

@testable import SealedStorage

private func outsider(_ arguments: [String]) throws -> (status: Int32, lines: [String]) {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path + "/Interop/custody.py"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", script] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init))
}

private let hasPython: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", "import cryptography.hazmat.primitives.kdf.hkdf"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}()

@Test(.enabled(if: hasPython, "needs python3 with PyPI's cryptography"))
func anIndependentImplementationReadsTheBodiesFromTheRootKeyOn() async throws {
    let house = try StorageHouse()
    try await house.record(place(1))
    let root = house.scratch.path + "/root.key"
    try write(house.root.withBytes { Array($0) }, root)
    let stored = try await house.storage.stored(place(1).call, tenant: acme)

    let audio = try outsider(["body", root, house.scratch.path, stored.path(of: callerAudio)])
    #expect(audio.status == 0)
    #expect(audio.lines.count == 501)
    #expect(audio.lines.first == "0 20 0 " + Hex.encode(Array("frame 0 of caller".utf8)))
    #expect(audio.lines.last == "closed 5 0")

    let transcript = try outsider(["body", root, house.scratch.path, stored.path(of: transcriptObject)])
    #expect(transcript.status == 0)
    #expect(transcript.lines.count == 6)
    #expect(transcript.lines.first?.contains("[CARD]") == true)

    try write([UInt8](repeating: 1, count: 32), root)
    #expect(try outsider(["body", root, house.scratch.path, stored.path(of: callerAudio)]).status != 0)
}
