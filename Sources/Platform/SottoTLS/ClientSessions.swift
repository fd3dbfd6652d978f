internal import COpenSSL
internal import Synchronization

/// Sessions that a client may offer again, by the server's name. Each is used once, so that connections cannot be linked
/// (RFC 8446 appendix C.4). Bounded.
final class ClientSessions: Sendable {
    private static let capacity = 256

    private struct Session: @unchecked Sendable {  // proof: the library counts references under a lock of its own
        let pointer: OpaquePointer
    }

    private let sessions = Mutex<[String: Session]>([:])

    deinit { sessions.withLock { for session in $0.values { SSL_SESSION_free(session.pointer) } } }

    /// Takes over the caller's reference; false: not taken.
    func keep(_ pointer: OpaquePointer, for name: String) -> Bool {
        let session = Session(pointer: pointer)
        return sessions.withLock { sessions in
            guard sessions[name] != nil || sessions.count < Self.capacity else { return false }
            if let old = sessions.updateValue(session, forKey: name) { SSL_SESSION_free(old.pointer) }
            return true
        }
    }

    func resume(_ name: String, _ ssl: OpaquePointer) {
        guard let session = sessions.withLock({ $0.removeValue(forKey: name) }) else { return }
        SSL_set_session(ssl, session.pointer)
        SSL_SESSION_free(session.pointer)
    }

    /// A resumed handshake of TLS 1.2 may have brought a new ticket, of which the library tells nobody.
    func renew(_ ssl: OpaquePointer) {
        guard SSL_version(ssl) == TLS1_2_VERSION, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
            let session = SSL_get1_session(ssl)
        else { return }
        if SSL_SESSION_is_resumable(session) != 1 || !keep(session, for: String(cString: name)) { SSL_SESSION_free(session) }
    }
}

extension TLSContext {
    /// Once, before the context is used.
    func keepSessions() {
        let kept = ClientSessions()
        sessions = kept
        state.pointee.owner = Unmanaged.passUnretained(kept).toOpaque()  // proof: `sessions` holds it as long as the context lives
        state.pointee.keep_session = { owner, name, session in
            guard let owner, let name, let session else { return 0 }
            let sessions = Unmanaged<ClientSessions>.fromOpaque(owner).takeUnretainedValue()  // proof: set above, of this type
            return sessions.keep(session, for: String(cString: name)) ? 1 : 0
        }
        sotto_tls_keep_sessions(pointer, state)
    }
}
