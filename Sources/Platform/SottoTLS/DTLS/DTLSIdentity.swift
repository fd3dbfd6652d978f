internal import COpenSSL
public import SottoBase

/// Our certificate for DTLS media keys. Self-signed and made at start, because its hash travels in the signaling (RFC 5763 §5).
public final class DTLSIdentity: @unchecked Sendable {  // proof: never changed after init; SSL_new locks what it shares
    let context: OpaquePointer
    /// SHA-256 of the certificate (DER), for `a=fingerprint:sha-256`.
    public let fingerprint: DTLSFingerprint
    public let notAfter: WallTime

    /// A fresh P-256 key and its certificate, which names nobody (RFC 5763 §6.4 wants no identity in it).
    public static func selfSigned(now: WallTime, lifetime: Duration = .seconds(90 * 86_400)) throws(TLSContextError) -> DTLSIdentity {
        ERR_clear_error()
        guard let key = sotto_tls_generate_ec("P-256") else { throw .library(step: 20, .take()) }
        defer { EVP_PKEY_free(key) }
        // A day earlier, because peers' clocks differ.
        let from = now.milliseconds / 1_000 - 86_400
        guard let made = sotto_tls_self_signed(key, from, from + 86_400 + lifetime.components.seconds) else {
            throw .library(step: 21, .take())
        }
        return try DTLSIdentity(Certificate(owning: made), key)
    }

    /// A certificate of the operator's.
    public convenience init(_ credentials: TLSCredentials, now: WallTime) throws(TLSContextError) {
        let (chain, key) = try TLSContext.read(credentials, now: now)
        defer { EVP_PKEY_free(key) }
        try self.init(chain[0], key)
    }

    private init(_ leaf: Certificate, _ key: OpaquePointer) throws(TLSContextError) {
        ERR_clear_error()
        guard let made = SSL_CTX_new(DTLS_method()) else { throw .library(step: 22, .take()) }
        let failedStep = sotto_dtls_harden(made, TLSContext.ciphers12, TLSContext.groups)
        guard failedStep == 0, SSL_CTX_use_certificate(made, leaf.pointer) == 1, SSL_CTX_use_PrivateKey(made, key) == 1 else {
            SSL_CTX_free(made)
            throw .library(step: 22 + Int(failedStep), .take())
        }
        context = made
        fingerprint = DTLSFingerprint(bytes: leaf.fingerprint)
        notAfter = leaf.notAfter
    }

    deinit { SSL_CTX_free(context) }
}
