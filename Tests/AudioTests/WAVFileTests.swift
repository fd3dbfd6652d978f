import Audio
import Testing

@Suite struct WAVFileTests {
    private let file = WAVFile(sampleRate: 8_000, channels: 2, samples: [1, -1, .max, .min])

    @Test func writtenFileIsCanonical() {
        let bytes = file.serialized()
        #expect(bytes.count == 52)
        #expect(Array(bytes[0..<12]) == Array("RIFF".utf8) + [44, 0, 0, 0] + Array("WAVE".utf8))
        #expect(Array(bytes[20..<36]) == [1, 0, 2, 0, 0x40, 0x1F, 0, 0, 0, 0x7D, 0, 0, 4, 0, 16, 0])
        #expect(Array(bytes[44...]) == [1, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0x80])
    }

    @Test func writtenFileIsReadBack() throws {
        #expect(try WAVFile(parsing: file.serialized()) == file)
        let empty = WAVFile(samples: [])
        #expect(try WAVFile(parsing: empty.serialized()) == empty)
    }

    @Test func otherChunksAreSkipped() throws {
        var bytes = file.serialized()
        bytes.insert(contentsOf: Array("LIST".utf8) + [3, 0, 0, 0, 1, 2, 3, 0], at: 12)  // odd length, padded
        #expect(try WAVFile(parsing: bytes) == file)
    }

    @Test func pipedFileEndsWithItsBytes() throws {
        var bytes = file.serialized()
        bytes.replaceSubrange(40..<44, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(try WAVFile(parsing: bytes) == file)
        bytes.removeLast()
        #expect(try WAVFile(parsing: bytes).samples == [1, -1])
    }

    @Test func faultsAreNamed() {
        let bytes = file.serialized()
        func fault(_ change: (inout [UInt8]) -> Void) -> WAVFault? {
            var changed = bytes
            change(&changed)
            do {
                _ = try WAVFile(parsing: changed)
                return nil
            } catch {
                return error
            }
        }
        #expect(fault { $0[0] = 0 } == .notRIFF)
        #expect(fault { $0.removeAll() } == .notRIFF)
        #expect(fault { $0.removeLast() } == .truncated)
        #expect(fault { $0.removeLast(16) } == .noData)
        #expect(fault { $0[36] = 0 } == .noData)
        #expect(fault { $0[12] = 0 } == .noFormat)
        #expect(fault { $0[16] = 15 } == .truncated)
        #expect(fault { $0[16] = 255 } == .truncated)
        #expect(fault { $0[20] = 6 } == .unsupported)
        #expect(fault { $0[22] = 3 } == .unsupported)
        #expect(fault { $0[24] = 0 } == .unsupported)
        #expect(fault { $0[34] = 8 } == .unsupported)
    }

    @Test func cutFilesNeverTrap() {
        let bytes = file.serialized()
        for count in 0..<bytes.count { #expect(throws: WAVFault.self) { try WAVFile(parsing: Array(bytes[0..<count])) } }
        for index in 0..<44 {
            for value in [UInt8(0), 0x7F, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = value
                _ = try? WAVFile(parsing: changed)
            }
        }
    }
}
