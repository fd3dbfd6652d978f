internal import COpenSSL
public import SottoBase

/// Everything that connections of one role share: our certificate, whom we trust, and what we speak.
///
/// TLS 1.2 and 1.3, ephemeral key exchange and AEAD ciphers only; no renegotiation, compression, early data or session cache, and no key
/// log. Session tickets only for a server that has keys for them.
/// A context never changes: a reload makes a new one (`ServedTLSContext`), and live connections keep theirs.
public final class TLSContext: @unchecked Sendable {  // proof: never changed after init; SSL_new locks what it shares
    let pointer: OpaquePointer
    let isServer: Bool
    /// End of our leaf certificate's validity; nil for a client without a certificate.
    public let certificateNotAfter: WallTime?
    /// SHA-256 of our leaf certificate (DER); nil for a client without a certificate.
    public let certificateFingerprint: [UInt8]?
    /// When the first of the revocation lists is overdue; nil without a list.
    public private(set) var revocationDue: WallTime?
    let leaf: Certificate?
    /// Outlives every connection of this context, because those keep the context.
    let state: UnsafeMutablePointer<sotto_tls_state>
    var tickets: TLSTicketKeys?
    var sessions: ClientSessions?

    static let ciphers12 =
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
        + "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    static let suites13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
    /// In TLS 1.2 the list must hold the certificate's curve, too.
    static let groups = "X25519:P-256:P-384"

    /// A server's context. `now` decides whether our certificate is valid; the peers' are judged by the system's clock.
    ///
    /// - Parameters:
    ///   - revocation: PEM revocation lists of the trusted authorities. Who stands in one is refused. An authority without a list, or with
    ///     one that is overdue (`revocationDue`), loses no peer.
    ///   - stapledResponse: an OCSP response (DER) about our certificate; it is left out once it has ended.
    ///   - tickets: nil: no session is resumed.
    public static func server(
        _ credentials: TLSCredentials, clientCertificates: ClientCertificates = .none, revocation: [UInt8]? = nil,
        stapledResponse: [UInt8]? = nil, tickets: TLSTicketKeys? = nil, minimumVersion: TLSVersion = .tls12, now: WallTime
    ) throws(TLSContextError) -> TLSContext {
        let context = try TLSContext(serves: true, minimumVersion, credentials, now: now)
        var scope: [UInt8] = [0]
        switch clientCertificates {
        case .none:
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_NONE, nil)
        case .optional(let trust):
            try context.install(trust, revocation, announced: true)
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
            scope = [1]
        case .required(let trust):
            try context.install(trust, revocation, announced: true)
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
            scope = [2]
        }
        try context.serve(tickets, stapledResponse, scope: scope, now: now)
        return context
    }

    /// A client's context. The server's chain is always checked, and `TLSHandler` checks the server's name.
    ///
    /// - Parameter resumesSessions: offers the last session of a server's name again, once. Its certificate is judged anew then, and a
    ///   reload, which makes a new context, forgets all of them.
    public static func client(
        _ credentials: TLSCredentials? = nil, trust: TLSTrust, revocation: [UInt8]? = nil, minimumVersion: TLSVersion = .tls12,
        resumesSessions: Bool = false, now: WallTime
    ) throws(TLSContextError) -> TLSContext {
        let context = try TLSContext(serves: false, minimumVersion, credentials, now: now)
        try context.install(trust, revocation, announced: false)
        SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
        if resumesSessions { context.keepSessions() }
        return context
    }

    /// Once every property is set, a throw would run `deinit` as well: so each failure before that frees what it made.
    private init(serves: Bool, _ minimumVersion: TLSVersion, _ credentials: TLSCredentials?, now: WallTime) throws(TLSContextError) {
        let made = try Self.make(serves ? TLS_server_method() : TLS_client_method(), minimumVersion)
        var leaf: Certificate?
        if let credentials {
            do {
                leaf = try Self.install(credentials, in: made, now: now)
            } catch {
                SSL_CTX_free(made)
                throw error
            }
        }
        pointer = made
        isServer = serves
        self.leaf = leaf
        certificateNotAfter = leaf?.notAfter
        certificateFingerprint = leaf?.fingerprint
        state = .allocate(capacity: 1)
        state.initialize(to: sotto_tls_state())
    }

    deinit {
        SSL_CTX_free(pointer)
        state.pointee.staple.map { UnsafeMutablePointer(mutating: $0).deallocate() }
        state.deallocate()
    }

    /// A client must come with a certificate; a server always does.
    var demandsPeerCertificate: Bool { !isServer || SSL_CTX_get_verify_mode(pointer) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT != 0 }

    // MARK: - Parts

    private static func make(_ method: OpaquePointer?, _ minimum: TLSVersion) throws(TLSContextError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(method) else { throw .library(step: 0, .take()) }
        let failedStep = sotto_tls_harden(context, ciphers12, suites13, groups, Int32(minimum.rawValue))
        guard failedStep == 0 else {
            SSL_CTX_free(context)
            throw .library(step: Int(failedStep), .take())
        }
        return context
    }

    /// The chain, which has at least its leaf, and the private key; the caller frees the latter.
    static func read(_ credentials: TLSCredentials, now: WallTime) throws(TLSContextError) -> ([Certificate], OpaquePointer) {
        let chain = Certificate.readAll(credentials.certificateChain)
        guard case .success(let certificates) = chain, let leaf = certificates.first else {
            if case .failure(let reason) = chain { throw .certificateUnreadable(reason) }
            throw .certificateUnreadable(TLSReason(library: 0, reason: 0))
        }
        if leaf.notAfter < now { throw .certificateExpired(notAfter: leaf.notAfter) }
        if now < leaf.notBefore { throw .certificateNotYetValid(notBefore: leaf.notBefore) }

        ERR_clear_error()
        let key = credentials.privateKey.withBytes { bytes -> OpaquePointer? in
            guard let pem = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(pem) }
            return sotto_tls_read_private_key(pem)
        }
        guard let key else { throw .privateKeyUnreadable(.take()) }
        guard X509_check_private_key(leaf.pointer, key) == 1 else {
            EVP_PKEY_free(key)
            ERR_clear_error()
            throw .keyMismatch
        }
        return (certificates, key)
    }

    private static func install(
        _ credentials: TLSCredentials, in context: OpaquePointer, now: WallTime
    ) throws(TLSContextError) -> Certificate {
        let (certificates, key) = try read(credentials, now: now)
        defer { EVP_PKEY_free(key) }
        let leaf = certificates[0]
        guard SSL_CTX_use_certificate(context, leaf.pointer) == 1, SSL_CTX_use_PrivateKey(context, key) == 1 else {
            throw .certificateUnacceptable(.take())
        }
        for certificate in certificates.dropFirst() where sotto_tls_add_chain_certificate(context, certificate.pointer) != 1 {
            throw .certificateUnacceptable(.take())
        }
        return leaf
    }

    /// `announced`: the names of the issuers are told to clients, which helps them to choose a certificate.
    private func install(_ trust: TLSTrust, _ revocation: [UInt8]?, announced: Bool) throws(TLSContextError) {
        ERR_clear_error()
        var anchors: [Certificate]?
        switch trust {
        case .system:
            guard SSL_CTX_set_default_verify_paths(pointer) == 1 else { throw .trustUnreadable(.take()) }
        case .certificates(let pem):
            let certificates: [Certificate]
            switch Certificate.readAll(pem) {
            case .failure(let reason): throw .trustUnreadable(reason)
            case .success(let read): certificates = read
            }
            guard !certificates.isEmpty, let store = SSL_CTX_get_cert_store(pointer) else {
                throw .trustUnreadable(TLSReason(library: 0, reason: 0))
            }
            X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
            // A SIP server that calls shows the certificate that it serves with, and public authorities issue no other: which names count
            // is the trunk's matter (RFC 5922 §7.1), and whoever holds a name's key is that name, whichever side opened the connection.
            if announced { SSL_CTX_set_purpose(pointer, X509_PURPOSE_ANY) }
            for certificate in certificates {
                guard X509_STORE_add_cert(store, certificate.pointer) == 1 else { throw .trustUnreadable(.take()) }
                if announced { SSL_CTX_add_client_CA(pointer, certificate.pointer) }
            }
            anchors = certificates
        }
        if let revocation { revocationDue = try Revocation.install(revocation, in: pointer, anchors: anchors) }
    }
}
