import SottoBase
import Testing

struct SecretBytesTests {
    @Test func holdsWhatItWasGivenAndWipesItsSource() {
        var source: [UInt8] = [1, 2, 3, 4]
        let secret = SecretBytes(moving: &source)
        #expect(source.isEmpty)
        #expect(secret.count == 4)
        #expect(secret.withBytes { Array($0) } == [1, 2, 3, 4])
    }

    @Test func showsNothingOfItself() {
        let secret = SecretBytes(copying: ArraySlice("key-material".utf8))
        struct Holder { let secret: SecretBytes }
        var dumped = ""
        dump(Holder(secret: secret), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(Holder(secret: secret))", dumped] {
            #expect(text.contains("SecretBytes(12)"))
            #expect(!text.contains("key"))
            #expect(!text.contains("107"))  // the bytes as numbers
        }
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test func equalityIsByContent() {
        let a = SecretBytes(copying: [1, 2, 3][...])
        #expect(a == SecretBytes(copying: [1, 2, 3][...]))
        #expect(a != SecretBytes(copying: [1, 2, 4][...]))
        #expect(a != SecretBytes(copying: [1, 2][...]))
        #expect(SecretBytes(copying: [][...]) == SecretBytes(copying: [][...]))
    }

    @Test func isWipedWhenItsLastHolderLetsGo() throws {
        var secret: SecretBytes? = SecretBytes(count: 4_000) { $0.initializeMemory(as: UInt8.self, repeating: 0xA5) }
        let address = try #require(secret?.withBytes { $0.baseAddress })
        #expect(address.load(as: UInt8.self) == 0xA5)
        secret = nil
        // Locked pages are mapped for good, so the place may be looked at; nobody else asks for runs of this length.
        #expect(UnsafeRawBufferPointer(start: address, count: 4_000).allSatisfy { $0 == 0 })
    }

    @Test func aFillThatThrowsLeavesNothing() {
        struct Refusal: Error {}
        #expect(throws: Refusal.self) {
            _ = try SecretBytes(count: 16) { (_: UnsafeMutableRawBufferPointer) throws(Refusal) in throw Refusal() }
        }
    }

    @Test func anArrayIsWipedAndEmptied() {
        var bytes = [UInt8](repeating: 7, count: 100)
        wipe(&bytes)
        #expect(bytes.isEmpty)
        var none: [UInt8] = []
        wipe(&none)
        #expect(none.isEmpty)
    }

    @Test func lockedMemoryStartsAtZero() {
        let memory = LockedMemory(count: 10_000)
        #expect(UnsafeRawBufferPointer(start: memory.pointer, count: memory.count).allSatisfy { $0 == 0 })
    }
}
