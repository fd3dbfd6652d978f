import Synchronization

/// Small blocks of locked memory for `SecretBytes`: 64-byte cells in pages that are mapped once and kept.
///
/// mlock works on whole pages and RLIMIT_MEMLOCK counts them, so secrets share pages.
final class SecretPool: Sendable {
    static let shared = SecretPool()

    static let cellSize = 64
    private static let blockSize = 64 * 1024

    private final class Block {
        let memory = LockedMemory(count: SecretPool.blockSize)
    }

    private let state = Mutex(SendableState())

    /// proof: reached only inside `state`'s lock
    private struct SendableState: @unchecked Sendable {
        var blocks: [Block] = []
        /// Runs that were let go of, by their number of cells. Keys and credentials have few.
        var free: [[UnsafeMutableRawPointer]] = Array(repeating: [], count: 9)
        var freeLarge: [Int: [UnsafeMutableRawPointer]] = [:]
        var used = SecretPool.blockSize
        var bytesInUse = 0
    }

    /// Bytes that live secrets hold now. Returns to its start value when nothing leaks.
    var bytesInUse: Int { state.withLock { $0.bytesInUse } }

    func allocate(_ count: Int) -> SecretPoolRun {
        let cells = max(1, (count + Self.cellSize - 1) / Self.cellSize)
        let size = cells * Self.cellSize
        precondition(size <= Self.blockSize, "a secret is at most 64 KiB")
        return state.withLock { state in
            state.bytesInUse += size
            let reused = cells < state.free.count ? state.free[cells].popLast() : state.freeLarge[cells]?.popLast()
            if let pointer = reused { return SecretPoolRun(pointer: pointer, cells: cells) }
            if state.used + size > Self.blockSize {
                state.blocks.append(Block())
                state.used = 0
            }
            guard let block = state.blocks.last else { preconditionFailure("a block was just added") }
            let pointer = block.memory.pointer + state.used
            state.used += size
            return SecretPoolRun(pointer: pointer, cells: cells)
        }
    }

    func release(_ run: SecretPoolRun) {
        wipe(run.pointer, count: run.cells * Self.cellSize)
        state.withLock { state in
            state.bytesInUse -= run.cells * Self.cellSize
            if run.cells < state.free.count {
                state.free[run.cells].append(run.pointer)
            } else {
                state.freeLarge[run.cells, default: []].append(run.pointer)
            }
        }
    }
}

/// proof: a run has one owner, the `SecretBytes` that it was allocated for, which never changes it after its initialiser
struct SecretPoolRun: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
    let cells: Int
}
