public import DurableFiles
public import SottoCrypto

/// Why a key could not be had. The call goes on; policy says what that means for its recording. Harmless to log.
public enum KeyError: Error, Equatable, Sendable, CustomStringConvertible {
    case service(KeyServiceError)
    case disk(FileError)
    case crypto(CryptoError)
    /// A key file that is not as it was written.
    case malformed(path: String)
    /// A key file of another tenant, call, class or recipient than the place where it lies.
    case wrongPlace
    /// The service gave a key back that was wrapped for something else.
    case wrongContext
    /// A branch version that is not there: destroyed, or the key file comes from another machine.
    case unknownBranch(version: UInt32)
    /// Too many requests wait for the key service.
    case overloaded

    /// True when it may pass by itself: the caller need not alert a person at once.
    public var isTransient: Bool {
        switch self {
        case .service(.unreachable), .overloaded: true
        case .disk(let error): error.isFull
        case .service, .crypto, .malformed, .wrongPlace, .wrongContext, .unknownBranch: false
        }
    }

    public var description: String {
        switch self {
        case .service(let error): error.description
        case .disk(let error): error.description
        case .crypto(let error): error.description
        case .malformed(let path): "\(path): not a key file as Sotto writes them"
        case .wrongPlace: "the key file belongs to another tenant, call or class"
        case .wrongContext: "the key service returned a key that was wrapped for something else"
        case .unknownBranch(let version): "branch key version \(version) is not here: destroyed, or from another machine"
        case .overloaded: "too many requests wait for the key service"
        }
    }
}
