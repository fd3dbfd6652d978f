internal import CLockedMemory

/// A block of memory that is locked, left out of dumps, and wiped when it is freed. Owner of the pages behind arenas, rings and secrets.
///
/// A block is page-granular: use `SecretBytes` for something small.
@safe
public struct LockedMemory: ~Copyable, @unchecked Sendable {  // proof: the pointer is owned alone; users synchronise what they store
    public let pointer: UnsafeMutableRawPointer
    public let count: Int
    /// False when RLIMIT_MEMLOCK was too low to lock it; operations raise an alert then.
    public let isLocked: Bool

    /// Traps when the kernel has no memory at all: nothing can go on without it.
    public init(count: Int) {
        precondition(count > 0, "locked memory needs a size")
        var locked: Int32 = 0
        guard let mapped = sotto_locked_map(count, &locked) else { preconditionFailure("no memory to map") }
        pointer = mapped
        self.count = count
        isLocked = locked != 0
    }

    deinit { sotto_locked_unmap(pointer, count) }
}

/// Zeroes `count` bytes in a way that no optimizer removes.
@inlinable public func wipe(_ pointer: UnsafeMutableRawPointer, count: Int) {
    wipeBytes(pointer, count)
}

@usableFromInline func wipeBytes(_ pointer: UnsafeMutableRawPointer, _ count: Int) { sotto_wipe(pointer, count) }

/// Wipes an array's bytes in place, then empties it. Only its unique buffer is wiped: copies that were made elsewhere stay.
public func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { raw in
        if let start = raw.baseAddress { sotto_wipe(start, raw.count) }
    }
    bytes.removeAll(keepingCapacity: false)
}
