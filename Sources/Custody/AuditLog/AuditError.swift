public import DurableFiles
public import SottoCrypto

/// Why an act was not logged: the act itself must then be refused. Calls go on. Harmless to log.
public enum AuditError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(FileError)
    case crypto(CryptoError)
    /// An entry beyond 65,535 bytes.
    case entryTooLarge
    /// Too many entries wait for the disk.
    case overloaded
    /// The log was closed.
    case closed
    /// A flush failed in this life: what is on the disk is not known until the log is opened again.
    case broken
    /// Another process has the log open.
    case heldByAnotherProcess(path: String)
    /// The folder is not a log, or not one of this origin and key; nothing was changed.
    case notThisLog(reason: String)

    public var isDiskFull: Bool {
        if case .disk(let error) = self { error.isFull } else { false }
    }

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .crypto(let error): error.description
        case .entryTooLarge: "an audit entry is larger than 65,535 bytes"
        case .overloaded: "too many audit entries wait for the disk"
        case .closed: "the audit log is closed"
        case .broken: "a flush of the audit log failed; it must be opened again"
        case .heldByAnotherProcess(let path): "\(path): another process has this audit log open"
        case .notThisLog(let reason): "not the audit log that was expected: \(reason)"
        }
    }
}
