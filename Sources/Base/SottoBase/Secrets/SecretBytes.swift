internal import CLockedMemory

/// A secret (a key, a credential) in locked memory, wiped when its last holder lets go of it.
///
/// It is immutable and shared by reference, because it travels inside messages and machine outputs, which are `Equatable` values.
/// It shows nothing of itself: not in `print`, `dump`, `Mirror` or an error. At most 64 KiB.
public final class SecretBytes: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let run: SecretPoolRun
    /// Length in bytes. Not secret.
    public let count: Int

    /// Copies `bytes`; the caller wipes its own copy.
    public init(copying bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        run = SecretPool.shared.allocate(bytes.count)
        if let source = bytes.baseAddress { run.pointer.copyMemory(from: source, byteCount: bytes.count) }
    }

    /// Lets `fill` write `count` bytes in place, so that no other copy is ever made.
    public init<Failure: Error>(count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        self.count = count
        run = SecretPool.shared.allocate(count)
        try fill(UnsafeMutableRawBufferPointer(start: run.pointer, count: count))
    }

    /// Copies `bytes`, then wipes them.
    public convenience init(moving bytes: inout [UInt8]) {
        self.init(copying: bytes[...])
        wipe(&bytes)
    }

    /// Copies a slice; the caller wipes its source.
    public convenience init(copying bytes: ArraySlice<UInt8>) {
        self.init(count: bytes.count) { target in
            bytes.withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }

    deinit { SecretPool.shared.release(run) }

    /// The only way to the bytes. They must not be copied out of locked memory.
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: run.pointer, count: count))
    }

    /// Compares in time that depends on the length alone.
    public static func == (a: SecretBytes, b: SecretBytes) -> Bool {
        a.count == b.count && sotto_equal_constant_time(a.run.pointer, b.run.pointer, a.count) != 0
    }

    /// Only the length goes into the hash, so that a hash table never becomes an oracle.
    public func hash(into hasher: inout Hasher) { hasher.combine(count) }

    public var description: String { "SecretBytes(\(count))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

    /// Bytes that all live secrets of the process hold: a gauge that returns to its idle value.
    public static var bytesInUse: Int { SecretPool.shared.bytesInUse }
}
