internal import Glibc
internal import Synchronization

/// A file that only grows at its end. A write that fails leaves the file as long as it was before.
public final class AppendFile: Sendable {
    private struct State {
        var descriptor: Int32
        /// Bytes appended; reserved room behind them does not count.
        var size: Int
        /// Where the reserved room ends; 0 when none was ever asked for.
        var reserved = 0
        /// Set when a failed write could not be taken back or a flush failed: what is on the disk is not known any more.
        var isBroken = false
    }

    public let path: String
    private let disk: Disk
    private let state: Mutex<State>

    init(descriptor: Int32, path: String, size: Int, disk: Disk) {
        self.path = path
        self.disk = disk
        state = Mutex(State(descriptor: descriptor, size: size))
    }

    deinit { close() }

    public var size: Int { state.withLock { $0.size } }
    public var isBroken: Bool { state.withLock { $0.isBroken } }
    /// Bytes of reserved room that are left.
    public var room: Int { state.withLock { max(0, $0.reserved - $0.size) } }

    /// Appends all of `bytes` or nothing.
    public func append(_ bytes: [UInt8]) throws(FileError) {
        let result: Result<Void, FileError> = state.withLock { state in
            guard state.descriptor >= 0, !state.isBroken else { return .failure(FileError(.other(EBADF), .write, path)) }
            var allowed = bytes.count
            var planned: FileError.Cause?
            switch disk.injected(.write, path, bytes.count) {
            case nil: break
            case .fail(let cause): (allowed, planned) = (0, cause)
            case .writeOnly(let count, let cause): (allowed, planned) = (min(count, bytes.count), cause)
            }
            var done = 0
            while done < allowed {
                let count = bytes.withUnsafeBytes { raw in
                    raw.baseAddress.map { pwrite(state.descriptor, $0 + done, allowed - done, off_t(state.size + done)) } ?? 0
                }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else {
                    let failure = FileError(number: count == 0 ? ENOSPC : errno, .write, path)
                    takeBack(&state)
                    return .failure(failure)
                }
                done += count
            }
            if let planned {
                takeBack(&state)
                return .failure(FileError(planned, .write, path))
            }
            state.size += done
            return .success(())
        }
        try result.get()
    }

    private func takeBack(_ state: inout State) {
        if ftruncate(state.descriptor, off_t(state.size)) != 0 { state.isBroken = true }
        state.reserved = 0
    }

    /// Reserves room for `count` bytes more, so that a following append of them cannot fail for want of space, and its flush need not
    /// write the file's length. The room reads as zeros: a format that reserves must know its own end.
    public func reserve(_ count: Int) throws(FileError) {
        let result: Result<Void, FileError> = state.withLock { state in
            guard state.descriptor >= 0, !state.isBroken else { return .failure(FileError(.other(EBADF), .reserve, path)) }
            switch disk.injected(.reserve, path, count) {
            case nil: break
            case .fail(let cause), .writeOnly(_, let cause): return .failure(FileError(cause, .reserve, path))
            }
            guard state.size + count > state.reserved else { return .success(()) }
            let number = posix_fallocate(state.descriptor, off_t(state.size), off_t(count))
            guard number == 0 else { return .failure(FileError(number: number, .reserve, path)) }
            state.reserved = state.size + count
            return .success(())
        }
        try result.get()
    }

    /// Makes everything appended so far durable. After a failure nothing is known of it: the file is broken for good (the kernel marks
    /// the pages clean, and a second call would lie).
    public func synchronize() throws(FileError) {
        let result: Result<Void, FileError> = state.withLock { state in
            guard state.descriptor >= 0, !state.isBroken else { return .failure(FileError(.other(EBADF), .synchronize, path)) }
            if case .fail(let cause) = disk.injected(.synchronize, path, 0) {
                state.isBroken = true
                return .failure(FileError(cause, .synchronize, path))
            }
            guard fdatasync(state.descriptor) == 0 else {
                let number = errno
                state.isBroken = true
                return .failure(FileError(number: number, .synchronize, path))
            }
            return .success(())
        }
        try result.get()
    }

    /// Cuts the file to `size` bytes: a torn end after a crash.
    public func truncate(to size: Int) throws(FileError) {
        let result: Result<Void, FileError> = state.withLock { state in
            guard state.descriptor >= 0, size >= 0, size <= state.size, ftruncate(state.descriptor, off_t(size)) == 0 else {
                return .failure(FileError(number: errno, .truncate, path))
            }
            state.size = size
            state.reserved = 0
            return .success(())
        }
        try result.get()
    }

    public func close() {
        state.withLock { state in
            if state.descriptor >= 0 { _ = Glibc.close(state.descriptor) }
            state.descriptor = -1
        }
    }
}

/// A file that is read at any place.
public final class ReadFile: Sendable {
    private let descriptor: Int32
    public let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Its length now.
    public var size: Int {
        var found = stat()
        return fstat(descriptor, &found) == 0 ? Int(found.st_size) : 0
    }

    /// Up to `count` bytes from `offset`; fewer at the end.
    public func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        guard offset >= 0, count >= 0 else { throw FileError(.other(EINVAL), .read, path) }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                guard let start = buffer.baseAddress else { return }
                let got = pread(descriptor, start + filled, count - filled, off_t(offset + filled))
                if got < 0 && errno == EINTR { continue }
                if got < 0 { failure = errno }
                guard got > 0 else { return }
                filled += got
            }
        }
        if failure != 0 { throw FileError(number: failure, .read, path) }
        return bytes
    }
}
