import SottoBase
import Synchronization
import Testing

/// Each test has an owner of its own, because the arenas are the process's.
struct ClearArenaTests {
    private func store(_ text: String, _ owner: CallID, in arena: ClearArena = .words) -> Clear<PlainText>? {
        Array(text.utf8).withUnsafeBytes { arena.store($0, owner: owner, as: PlainText.self) }
    }

    private func read(_ clear: Clear<PlainText>) -> String? {
        ClearArena.of(clear).open(clear) { String(decoding: $0, as: UTF8.self) }
    }

    @Test func whatWasStoredIsReadBackUntilItIsDiscarded() throws {
        let clear = try #require(store("hello", CallID(high: 1, low: 1)))
        #expect(read(clear) == "hello")
        #expect(read(clear) == "hello")
        ClearArena.words.discard(clear)
        #expect(read(clear) == nil)
        ClearArena.words.discard(clear)
    }

    @Test func aStaleHandleOpensNothingAfterItsSlotIsUsedAgain() throws {
        let owner = CallID(high: 1, low: 2)
        let old = try #require(store("old", owner, in: .keys))
        ClearArena.keys.discard(old)
        var handles: [Clear<PlainText>] = []
        // Until the slot comes round again.
        for _ in 0..<ClearArena.keys.slotCount * 2 {
            let new = try #require(store("new", owner, in: .keys))
            handles.append(new)
            if new.slot == old.slot { break }
            ClearArena.keys.discard(new)
        }
        let again = try #require(handles.last)
        #expect(again.slot == old.slot)
        #expect(again != old)
        #expect(read(old) == nil)
        ClearArena.keys.discard(old)
        #expect(read(again) == "new")
        ClearArena.keys.discard(again)
    }

    @Test func discardingWipesTheBytes() throws {
        let clear = try #require(store("4111111111111111", CallID(high: 1, low: 3)))
        let address = try #require(ClearArena.words.open(clear) { UnsafeRawPointer($0.baseAddress) } ?? nil)
        ClearArena.words.discard(clear)
        // The slot may be another test's by now, but its first bytes are not the number.
        #expect(UnsafeRawBufferPointer(start: address, count: 16).elementsEqual("4111111111111111".utf8) == false)
    }

    @Test func anOwnersContentGoesAndOthersStay() throws {
        let (mine, other) = (CallID(high: 1, low: 4), CallID(high: 1, low: 5))
        let a = try #require(store("a", mine))
        let b = try #require(store("b", mine))
        let c = try #require(store("c", other))
        #expect(ClearArena.words.discard(ownedBy: mine) == 2)
        #expect(read(a) == nil)
        #expect(read(b) == nil)
        #expect(read(c) == "c")
        #expect(ClearArena.words.discard(ownedBy: mine) == 0)
        ClearArena.words.discard(c)
    }

    @Test func contentLargerThanASlotIsRefused() {
        let owner = CallID(high: 1, low: 6)
        #expect(store(String(repeating: "x", count: ClearArena.words.slotSize + 1), owner) == nil)
        #expect(store(String(repeating: "x", count: 33), owner, in: .keys) == nil)
        let full = store(String(repeating: "x", count: ClearArena.words.slotSize), owner)
        #expect(full != nil)
        ClearArena.words.discard(ownedBy: owner)
    }

    @Test func aHandleOfAnotherArenaIsIgnored() throws {
        let owner = CallID(high: 1, low: 7)
        let clear = try #require(store("x", owner))
        #expect(ClearArena.keys.open(clear) { $0.count } == nil)
        ClearArena.keys.discard(clear)
        #expect(read(clear) == "x")
        ClearArena.words.discard(clear)
    }

    @Test func aHandleShowsNothing() throws {
        let clear = try #require(store("4111", CallID(high: 1, low: 8)))
        var dumped = ""
        dump(clear, to: &dumped)
        #expect("\(clear)" == "Clear")
        #expect(String(reflecting: clear) == "Clear")
        #expect(!dumped.contains("slot"))
        #expect(Mirror(reflecting: clear).children.isEmpty)
        ClearArena.words.discard(clear)
    }

    @Test func unfinishedWordsAreGivenBack() {
        let owner = CallID(high: 1, low: 9)
        do {
            var writer = SpokenWordsWriter(owner: owner)
            [UInt8]("four".utf8).withUnsafeBytes { _ = writer?.append($0, from: .zero, to: .zero) }
        }
        #expect(ClearArena.words.discard(ownedBy: owner) == 0)
    }

    @Test func wordsComeBackWithTheirTimesAndTheRestIsCounted() throws {
        let owner = CallID(high: 1, low: 10)
        guard var writer = SpokenWordsWriter(owner: owner) else {
            Issue.record("the arena is full")
            return
        }
        let long = [UInt8](repeating: 0x61, count: 1_000)
        for index in 0..<5 {
            _ = long.withUnsafeBytes { writer.append($0, from: MediaTime(ticks: Int64(index)), to: MediaTime(ticks: Int64(index) + 1)) }
        }
        let dropped = writer.dropped
        let clear = writer.finish()
        #expect(dropped == 1)
        let starts = ClearArena.words.open(clear) { bytes in
            var reader = SpokenWordsReader(bytes)
            var starts: [Int64] = []
            while let word = reader.next() { starts.append(word.start.ticks + Int64(word.text.count)) }
            return starts
        }
        #expect(starts == [1_000, 1_001, 1_002, 1_003])
        ClearArena.words.discard(clear)
    }

    @Test func aReaderOfBrokenWordsStops() {
        for bytes in [[UInt8](repeating: 0xFF, count: 40), [1, 0], []] {
            bytes.withUnsafeBytes { raw in
                var reader = SpokenWordsReader(raw)
                #expect(reader.next() == nil)
            }
        }
    }

    @Test func manyThreadsNeverSeeEachOthersContent() async {
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    let owner = CallID(high: 2, low: UInt64(task))
                    let text = String(repeating: String(task), count: 24)
                    var wrong = 0
                    var held: [Clear<PlainText>] = []
                    for round in 0..<4_000 {
                        guard let clear = store(text, owner, in: .keys) else { continue }
                        held.append(clear)
                        if read(clear) != text { wrong += 1 }
                        if round % 3 == 0, let old = held.popLast() {
                            ClearArena.keys.discard(old)
                            if read(old) != nil { wrong += 1 }
                        }
                        if held.count > 100 {
                            let count = held.count
                            if ClearArena.keys.discard(ownedBy: owner) != count { wrong += 1 }
                            held = []
                        }
                    }
                    let count = held.count
                    if ClearArena.keys.discard(ownedBy: owner) != count { wrong += 1 }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
