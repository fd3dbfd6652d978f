internal import Glibc
internal import SottoBase

/// Lines out of a program's standard output, in locked memory; each is wiped as soon as it was read.
public struct LineBuffer: ~Copyable, Sendable {
    /// The longest line without its end, in bytes.
    public let limit: Int
    private let memory: LockedMemory
    /// The bytes that wait: `start..<end`; before `searched` there is no line's end.
    private var start = 0
    private var end = 0
    private var searched = 0

    public enum Next: Equatable, Sendable {
        case line
        /// No whole line waits.
        case none
        /// More than `limit` bytes without an end.
        case tooLong
    }

    public init(limit: Int) {
        self.limit = limit
        memory = LockedMemory(count: limit + 1)
    }

    /// Bytes that wait for the rest of their line.
    public var waiting: Int { end - start }

    /// Reads once from the program. Call it when `nextLine` has said `none`.
    public mutating func fill(from child: borrowing ChildProcess) -> ChildProcess.Transfer {
        if start > 0 {
            let count = end - start
            memmove(memory.pointer, memory.pointer + start, count)
            wipe(memory.pointer + count, count: start)
            (start, end, searched) = (0, count, searched - start)
        }
        let transfer = child.read(into: UnsafeMutableRawBufferPointer(start: memory.pointer + end, count: memory.count - end))
        if case .bytes(let count) = transfer { end += count }
        return transfer
    }

    /// For tests and for lines that come from elsewhere: false when they do not fit.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= memory.count - end else { return false }
        if let source = bytes.baseAddress { (memory.pointer + end).copyMemory(from: source, byteCount: bytes.count) }
        end += bytes.count
        return true
    }

    /// Gives the next whole line to `body`, which may change it, and wipes it.
    public mutating func nextLine<Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Next {
        guard let found = memchr(memory.pointer + searched, 0x0A, end - searched) else {
            searched = end
            return end - start > limit ? .tooLong : .none
        }
        let line = memory.pointer + start
        let count = UnsafeMutableRawPointer(found) - line
        start += count + 1
        searched = start
        defer { wipe(line, count: count) }
        try body(UnsafeMutableRawBufferPointer(start: line, count: count))
        return .line
    }
}
