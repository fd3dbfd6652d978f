import Audio
import Testing

@Suite struct G711Tests {
    // ITU-T G.711 tables 1a and 2a: decision and output values, scaled to 16 bits
    @Test func publishedValuesOfMuLaw() {
        #expect(G711.decodeMuLaw(0xFF) == 0)
        #expect(G711.decodeMuLaw(0x7F) == 0)
        #expect(G711.decodeMuLaw(0x80) == 32_124)
        #expect(G711.decodeMuLaw(0x00) == -32_124)
        #expect(G711.decodeMuLaw(0xF0) == 120)
        #expect(G711.decodeMuLaw(0xEF) == 132)
        #expect(G711.decodeMuLaw(0x8F) == 16_764)
        #expect(G711.encodeMuLaw(0) == 0xFF)
        #expect(G711.encodeMuLaw(.max) == 0x80)
        #expect(G711.encodeMuLaw(.min) == 0x00)
    }

    @Test func publishedValuesOfALaw() {
        #expect(G711.decodeALaw(0xD5) == 8)
        #expect(G711.decodeALaw(0x55) == -8)
        #expect(G711.decodeALaw(0xAA) == 32_256)
        #expect(G711.decodeALaw(0x2A) == -32_256)
        #expect(G711.decodeALaw(0xC5) == 264)
        #expect(G711.decodeALaw(0xF5) == 528)
        #expect(G711.encodeALaw(0) == 0xD5)
        #expect(G711.encodeALaw(.max) == 0xAA)
        #expect(G711.encodeALaw(.min) == 0x2A)
    }

    @Test func everyByteSurvivesARoundTrip() {
        for byte in UInt8.min...UInt8.max {
            // µ-law has two zeros, of which the positive one is sent
            #expect(G711.encodeMuLaw(G711.decodeMuLaw(byte)) == (byte == 0x7F ? 0xFF : byte))
            #expect(G711.encodeALaw(G711.decodeALaw(byte)) == byte)
        }
    }

    /// Decision values of a law: where each segment begins, and how wide its 16 intervals are (two segments of A-law are alike).
    private func decisions(_ segments: [(start: Int, width: Int, count: Int)]) -> [Int] {
        segments.flatMap { segment in (0..<segment.count).map { segment.start + $0 * segment.width } }
    }

    // ITU-T G.711 table 2a, columns 1 to 4: for all 65,536 samples the interval between two decision values names the code
    @Test func everySampleGetsItsCodeOfMuLaw() {
        let values = decisions([
            (0, 1, 1), (1, 2, 15), (31, 4, 16), (95, 8, 16), (223, 16, 16), (479, 32, 16), (991, 64, 16), (2_015, 128, 16),
            (4_063, 256, 16),
        ])
        #expect(values.count == 128)
        var failures = 0
        for sample in Int16.min...Int16.max {
            let magnitude = abs(Int(sample) >> 2)
            let interval = (values.firstIndex { $0 > magnitude } ?? 128) - 1
            if G711.encodeMuLaw(sample) != UInt8((sample < 0 ? 0x7F : 0xFF) - interval) { failures += 1 }
        }
        #expect(failures == 0)
    }

    // ITU-T G.711 table 1a; even bits are inverted
    @Test func everySampleGetsItsCodeOfALaw() {
        let values = decisions([
            (0, 2, 32), (64, 4, 16), (128, 8, 16), (256, 16, 16), (512, 32, 16), (1_024, 64, 16), (2_048, 128, 16),
        ])
        #expect(values.count == 128)
        var failures = 0
        for sample in Int16.min...Int16.max {
            let value = Int(sample) >> 3
            let magnitude = value < 0 ? -1 - value : value
            let interval = (values.firstIndex { $0 > magnitude } ?? 128) - 1
            if G711.encodeALaw(sample) != UInt8((value < 0 ? 0 : 0x80) | interval) ^ 0x55 { failures += 1 }
        }
        #expect(failures == 0)
    }

    @Test func lawsAreAntisymmetric() {
        for code in UInt8(0)..<128 {
            #expect(G711.decodeMuLaw(code) == -G711.decodeMuLaw(code | 0x80))
            #expect(G711.decodeALaw(code) == -G711.decodeALaw(code | 0x80))
        }
    }
}
