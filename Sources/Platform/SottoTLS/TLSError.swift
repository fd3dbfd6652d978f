internal import COpenSSL

/// What OpenSSL says about a failure: numbers and a fixed text of the library. It never holds a byte of a peer or of a key.
public struct TLSReason: Hashable, Sendable, CustomStringConvertible {
    /// OpenSSL's library number (20 is SSL).
    public let library: Int
    /// OpenSSL's reason number within that library; 0 when the queue was empty.
    public let reason: Int

    public init(library: Int, reason: Int) {
        self.library = library
        self.reason = reason
    }

    /// Takes the oldest error of this thread's queue, which is the cause, and empties the queue.
    static func take() -> TLSReason {
        let code = ERR_get_error()
        ERR_clear_error()
        return TLSReason(library: Int(sotto_tls_error_library(code)), reason: Int(sotto_tls_error_reason(code)))
    }

    public var description: String {
        let code = (UInt(truncatingIfNeeded: library) & 0xFF) << 23 | UInt(truncatingIfNeeded: reason) & 0x7F_FFFF
        guard reason != 0, let text = ERR_reason_error_string(code) else { return "TLS reason \(library):\(reason)" }
        return String(cString: text)
    }
}

/// A TLS connection's end. The connection is closed after each of them, except `pendingLimitExceeded`, which fails one write.
public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The handshake did not finish within its deadline, counted from the connection's start.
    case handshakeTimedOut
    /// The peer speaks no TLS, or nothing that both accept, or gave no certificate where one is required.
    case handshakeFailed(TLSReason)
    /// The peer's certificate chain is not acceptable; `code` is OpenSSL's X509_V_ERR number (10: expired, 20: unknown issuer).
    case certificateRejected(code: Int)
    /// The server proved to be someone else (RFC 5922 §7.3).
    case serverNameMismatch
    /// The server's key is none of the pinned ones.
    case keyNotPinned
    /// The peer closed the connection before the handshake was complete.
    case closedDuringHandshake
    /// A record after the handshake could not be authenticated, or the peer sent a fatal alert.
    case recordFailed(TLSReason)
    /// Too much was written before the handshake was complete.
    case pendingLimitExceeded
    /// Written after the connection's end.
    case closed
    /// OpenSSL had no memory for a connection.
    case outOfMemory

    public var description: String {
        switch self {
        case .handshakeTimedOut: "TLS handshake timed out"
        case .handshakeFailed(let reason): "TLS handshake failed: \(reason)"
        case .certificateRejected(let code): "peer certificate rejected: \(Self.verdict(code))"
        case .serverNameMismatch: "the server's certificate names another domain"
        case .keyNotPinned: "the server's key is not a pinned one"
        case .closedDuringHandshake: "peer closed during the TLS handshake"
        case .recordFailed(let reason): "TLS connection failed: \(reason)"
        case .pendingLimitExceeded: "too much was written before the TLS handshake was complete"
        case .closed: "TLS connection is closed"
        case .outOfMemory: "no memory for a TLS connection"
        }
    }

    private static func verdict(_ code: Int) -> String {
        guard let text = X509_verify_cert_error_string(code) else { return String(code) }
        return String(cString: text)
    }
}
