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

    /// For all 65,536 samples: no other code is nearer but for the bits that the law cuts off, and the order is kept.
    @Test func everySampleGetsItsNearestCode() {
        let mu = (UInt8.min...UInt8.max).map { Int(G711.decodeMuLaw($0)) }.sorted()
        let a = (UInt8.min...UInt8.max).map { Int(G711.decodeALaw($0)) }.sorted()
        func nearest(_ value: Int, _ table: [Int], _ cursor: inout Int) -> Int {
            while cursor + 1 < table.count, abs(table[cursor + 1] - value) <= abs(table[cursor] - value) { cursor += 1 }
            return abs(table[cursor] - value)
        }
        var muCursor = 0
        var aCursor = 0
        var lastMu = Int.min
        var lastA = Int.min
        var failures = 0
        for sample in Int16.min...Int16.max {
            let value = Int(sample)
            let gotMu = Int(G711.decodeMuLaw(G711.encodeMuLaw(sample)))
            let gotA = Int(G711.decodeALaw(G711.encodeALaw(sample)))
            // µ-law works on 14 bits and A-law on 13: the last 2 and 3 bits are cut off before the decision, which can move a sample
            // by less than 4 and 8 over a decision value, and so make it twice as much worse than the nearest
            if abs(gotMu - value) >= nearest(value, mu, &muCursor) + 8 { failures += 1 }
            if abs(gotA - value) >= nearest(value, a, &aCursor) + 16 { failures += 1 }
            if gotMu < lastMu || gotA < lastA { failures += 1 }
            lastMu = gotMu
            lastA = gotA
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
