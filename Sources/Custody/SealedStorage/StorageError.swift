public import DurableFiles
public import Keys
public import SottoCrypto

/// Why something was not stored or not read. The call goes on in either case. Harmless to log.
public enum StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(FileError)
    case keys(KeyError)
    case crypto(CryptoError)
    case index(reason: String)
    /// A body that is not as it was sealed, or lies in another's place.
    case unreadable(SealedReadError)
    /// The grant does not cover this use, or belongs to another call or tenant.
    case notGranted
    /// The writer was closed, or never opened.
    case closed
    /// Too much waits for the disk: this was not stored.
    case overloaded
    /// A line, frame or field beyond its limit.
    case tooLarge
    case notFound

    /// True when the disk is full: an alert, and privileged acts that must be stored are refused.
    public var isDiskFull: Bool {
        if case .disk(let error) = self { error.isFull } else { false }
    }

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .keys(let error): error.description
        case .crypto(let error): error.description
        case .unreadable(let error): error.description
        case .index(let reason): "the records index: \(reason)"
        case .notGranted: "no consent grant for this"
        case .closed: "the object is closed"
        case .overloaded: "too much waits for the disk"
        case .tooLarge: "larger than one entry may be"
        case .notFound: "no such record"
        }
    }
}
