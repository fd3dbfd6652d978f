/// Writes an utterance's words straight into an arena's slot, so that no `String` of them is ever made.
///
/// Layout per word: u16 length, i64 start, i64 end (ticks of `MediaTime`), UTF-8 bytes; native byte order.
public struct SpokenWordsWriter: ~Copyable {
    private let arena: ClearArena
    private let slot: UInt32
    private let bytes: UnsafeMutableRawBufferPointer
    private var used = 0
    private var isFinished = false
    /// Words that did not fit. The redactor must then mask the utterance whole.
    public private(set) var dropped = 0

    static let headerSize = 18

    /// nil when the arena is full: the caller reports a gap.
    public init?(owner: CallID, arena: ClearArena = .words) {
        guard let (slot, bytes) = arena.take(owner: owner) else { return nil }
        self.arena = arena
        self.slot = slot
        self.bytes = bytes
    }

    /// Appends a word. False when the slot is full; the word is counted in `dropped`.
    @discardableResult
    public mutating func append(_ word: UnsafeRawBufferPointer, from start: MediaTime, to end: MediaTime) -> Bool {
        let needed = Self.headerSize + word.count
        guard word.count <= Int(UInt16.max), used + needed <= bytes.count else {
            dropped += 1
            return false
        }
        bytes.storeBytes(of: UInt16(word.count), toByteOffset: used, as: UInt16.self)
        bytes.storeBytes(of: start.ticks, toByteOffset: used + 2, as: Int64.self)
        bytes.storeBytes(of: end.ticks, toByteOffset: used + 10, as: Int64.self)
        UnsafeMutableRawBufferPointer(rebasing: bytes[(used + Self.headerSize)...]).copyMemory(from: word)
        used += needed
        return true
    }

    public consuming func finish() -> Clear<SpokenWords> {
        isFinished = true
        return arena.publish(slot: slot, count: used)
    }

    deinit { if !isFinished { arena.abandon(slot: slot) } }
}

/// Walks the words of an opened `Clear<SpokenWords>`.
package struct SpokenWordsReader {
    package struct Word {
        /// Valid inside the closure that opened the content only.
        package let text: UnsafeRawBufferPointer
        package let start: MediaTime
        package let end: MediaTime
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package mutating func next() -> Word? {
        guard position + SpokenWordsWriter.headerSize <= bytes.count else { return nil }
        let length = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self))
        let start = bytes.loadUnaligned(fromByteOffset: position + 2, as: Int64.self)
        let end = bytes.loadUnaligned(fromByteOffset: position + 10, as: Int64.self)
        let textStart = position + SpokenWordsWriter.headerSize
        guard textStart + length <= bytes.count else { return nil }
        position = textStart + length
        return Word(
            text: UnsafeRawBufferPointer(rebasing: bytes[textStart..<position]), start: MediaTime(ticks: start),
            end: MediaTime(ticks: end))
    }
}
