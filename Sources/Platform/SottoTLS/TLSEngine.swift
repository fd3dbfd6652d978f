internal import COpenSSL

/// One TLS connection without a socket: ciphertext in, ciphertext out, over memory BIOs. Owner of the `SSL`.
///
/// It keeps no plaintext: OpenSSL wipes what was read (SSL_OP_CLEANSE_PLAINTEXT) and encrypts in place what is written.
struct TLSEngine: ~Copyable {
    enum HandshakeStep: Equatable {
        case needsInput
        case completed
        case failed(TLSError)
    }

    enum ReadStep: Equatable {
        case plaintext(count: Int)
        case needsInput
        /// close_notify: nothing follows.
        case closedByPeer
        case failed(TLSError)
    }

    let ssl: OpaquePointer
    /// The callbacks of the library look into it.
    private let context: TLSContext
    private let received: OpaquePointer
    private let toSend: OpaquePointer
    /// After a fatal error OpenSSL must not be asked to shut down.
    private var isBroken = false

    /// `serverName` is sent as SNI by a client; it must be a DNS name.
    init(_ context: TLSContext, serverName: String?) throws(TLSError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else { throw .outOfMemory }
        guard let received = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw .outOfMemory
        }
        guard let toSend = BIO_new(BIO_s_mem()) else {
            BIO_free(received)
            SSL_free(ssl)
            throw .outOfMemory
        }
        sotto_tls_set_empty_is_retry(received)
        sotto_tls_set_empty_is_retry(toSend)
        SSL_set_bio(ssl, received, toSend)
        if context.isServer {
            SSL_set_accept_state(ssl)
        } else {
            SSL_set_connect_state(ssl)
            if let serverName, sotto_tls_set_server_name(ssl, serverName) != 1 {
                SSL_free(ssl)
                throw .outOfMemory
            }
            if let serverName { context.sessions?.resume(serverName, ssl) }
        }
        self.ssl = ssl
        self.context = context
        self.received = received
        self.toSend = toSend
    }

    deinit { SSL_free(ssl) }  // frees both BIOs

    // MARK: - Ciphertext

    /// Takes bytes from the socket. All of them: the BIO grows, so the caller reads it empty after each call.
    mutating func receive(_ ciphertext: UnsafeRawBufferPointer) {
        guard let start = ciphertext.baseAddress, !ciphertext.isEmpty, ciphertext.count <= Int32.max else { return }
        if BIO_write(received, start, Int32(ciphertext.count)) != Int32(ciphertext.count) { isBroken = true }
    }

    var outputCount: Int { BIO_ctrl_pending(toSend) }

    /// Moves ciphertext for the socket into `target`; the number of bytes moved.
    mutating func takeOutput(into target: UnsafeMutableRawBufferPointer) -> Int {
        guard let start = target.baseAddress, !target.isEmpty else { return 0 }
        return max(0, Int(BIO_read(toSend, start, Int32(min(target.count, Int(Int32.max))))))
    }

    // MARK: - Handshake

    mutating func handshake() -> HandshakeStep {
        if isBroken { return .failed(.outOfMemory) }
        ERR_clear_error()
        let code = SSL_do_handshake(ssl)
        if code == 1 {
            // A client's library does not look at the certificate of a session again.
            if !context.isServer, SSL_session_reused(ssl) == 1 {
                if let fault = peerFault(under: context) {
                    isBroken = true
                    return .failed(fault)
                }
                context.sessions?.renew(ssl)
            }
            return .completed
        }
        if SSL_get_error(ssl, code) == SSL_ERROR_WANT_READ { return .needsInput }
        isBroken = true
        let reason = TLSReason.take()
        let verdict = SSL_get_verify_result(ssl)
        return .failed(verdict == X509_V_OK ? .handshakeFailed(reason) : .certificateRejected(code: verdict))
    }

    /// What the handshake agreed on. Only after it has completed.
    var outcome: TLSHandshakeCompleted {
        let cipher = SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) } ?? "unknown"
        var certificate: PeerCertificate?
        if let leaf = SSL_get1_peer_certificate(ssl) {
            let read = Certificate(owning: leaf)
            certificate = PeerCertificate(
                identities: read.identities, fingerprint: read.fingerprint, publicKeyFingerprint: read.publicKeyFingerprint,
                keyPin: read.keyPin)
        }
        let version: TLSVersion = SSL_version(ssl) == Int32(TLSVersion.tls13.rawValue) ? .tls13 : .tls12
        return TLSHandshakeCompleted(
            version: version, cipher: cipher, peerCertificate: certificate, isResumed: SSL_session_reused(ssl) == 1)
    }

    /// Nil: `today` would take the peer, too. Else why not.
    func peerFault(under today: TLSContext) -> TLSError? {
        let missing = today.demandsPeerCertificate ? Int(X509_V_ERR_CERT_REJECTED) : Int(X509_V_OK)
        let verdict = sotto_tls_judge_peer(today.pointer, today.isServer ? 1 : 0, ssl, missing)
        return verdict == Int(X509_V_OK) ? nil : .certificateRejected(code: verdict)
    }

    // MARK: - Plaintext

    mutating func read(into target: UnsafeMutableRawBufferPointer) -> ReadStep {
        if isBroken { return .failed(.closed) }
        ERR_clear_error()
        var count = 0
        if SSL_read_ex(ssl, target.baseAddress, target.count, &count) == 1 { return .plaintext(count: count) }
        switch SSL_get_error(ssl, 0) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .closedByPeer
        default:
            isBroken = true
            return .failed(.recordFailed(.take()))
        }
    }

    /// Encrypts all of `plaintext` into the output.
    mutating func write(_ plaintext: UnsafeRawBufferPointer) throws(TLSError) {
        var rest = plaintext[...]
        while !rest.isEmpty {
            if isBroken { throw .closed }
            ERR_clear_error()
            var count = 0
            let chunk = UnsafeRawBufferPointer(rebasing: rest)
            guard SSL_write_ex(ssl, chunk.baseAddress, chunk.count, &count) == 1, count > 0 else {
                isBroken = true
                throw .recordFailed(.take())
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Puts close_notify into the output, once.
    mutating func shutdown() {
        guard !isBroken, SSL_is_init_finished(ssl) == 1 else { return }
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }
}
