internal import Glibc

/// What a disk answered instead of doing what was asked. Paths are ours (tenants, call ids), so they are harmless in a log.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Cause: Equatable, Sendable {
        /// No space, or no quota: it may pass.
        case full
        case missing
        case exists
        case notPermitted
        /// Longer than the reader allows.
        case tooLarge
        /// Not the kind of file that was expected: a symbolic link, a folder, a device.
        case unexpectedKind
        /// Held by another process.
        case locked
        /// Any other error number.
        case other(Int32)
    }

    public enum Operation: String, Sendable {
        case open, read, write, synchronize, truncate, rename, remove, createFolder = "create folder", list, lock, status, reserve
    }

    public var cause: Cause
    public var operation: Operation
    public var path: String

    public init(_ cause: Cause, _ operation: Operation, _ path: String) {
        self.cause = cause
        self.operation = operation
        self.path = path
    }

    init(number: Int32, _ operation: Operation, _ path: String) {
        let cause: Cause =
            switch number {
            case ENOSPC, EDQUOT: .full
            case ENOENT: .missing
            case EEXIST: .exists
            case EACCES, EPERM, EROFS: .notPermitted
            case ELOOP, EISDIR, ENOTDIR: .unexpectedKind
            case EWOULDBLOCK: .locked
            default: .other(number)
            }
        self.init(cause, operation, path)
    }

    public var isFull: Bool { cause == .full }

    public var description: String {
        let reason =
            switch cause {
            case .full: "no space left on the disk"
            case .missing: "no such file"
            case .exists: "it exists already"
            case .notPermitted: "not permitted"
            case .tooLarge: "longer than allowed"
            case .unexpectedKind: "not a plain file or folder"
            case .locked: "another process holds it"
            case .other(let number): "error number \(number)"
            }
        return "\(path): cannot \(operation.rawValue): \(reason)"
    }
}
