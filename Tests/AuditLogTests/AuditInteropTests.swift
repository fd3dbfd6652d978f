import Foundation
import SottoBase
import Testing

@testable import AuditLog

/// Runs Tests/Interop/custody.py; nil when Python or PyPI's cryptography is not there.
private func outsider(_ arguments: [String]) throws -> (status: Int32, output: String) {
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
    return (process.terminationStatus, String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines))
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
func anIndependentImplementationVerifiesTheLog() async throws {
    let house = try LogHouse()
    let log = try house.open()
    for number in 0..<7 { try await log.append((0..<100).map { entry(number * 100 + $0) }) }
    let head = try await log.close()
    let good = try outsider(["audit", house.folder, house.verifierKey.description])
    #expect(good.status == 0)
    #expect(good.output == head.compact)

    let path = house.folder + "/tile/entries/001"
    var bytes = read(path)
    bytes[5_000] ^= 1
    try write(bytes, path)
    #expect(try outsider(["audit", house.folder, house.verifierKey.description]).status != 0)
}
