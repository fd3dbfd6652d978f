internal import COpenSSL
internal import SottoBase

/// The library's half of an association: an `SSL` over two memory BIOs.
struct DTLSSession: ~Copyable {
    enum Listening {
        /// A hello with our cookie.
        case verified
        /// Our cookie was sent, or the hello was useless.
        case notYet
        case broken
    }

    enum Handshake {
        case needsInput
        case completed
        case failed(TLSReason)
    }

    private let ssl: OpaquePointer
    private let received: OpaquePointer
    private let toSend: OpaquePointer

    /// `shared` outlives the session.
    init(
        _ identity: DTLSIdentity, _ role: DTLSRole, _ profiles: [DTLSProfile], _ shared: UnsafeMutablePointer<sotto_dtls_state>, mtu: Int
    ) throws(DTLSError) {
        ERR_clear_error()
        guard let ssl = SSL_new(identity.context) else { throw .library(.take()) }
        guard let received = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw .library(.take())
        }
        guard let toSend = BIO_new(BIO_s_mem()) else {
            BIO_free(received)
            SSL_free(ssl)
            throw .library(.take())
        }
        sotto_tls_set_empty_is_retry(received)
        sotto_tls_set_empty_is_retry(toSend)
        SSL_set_bio(ssl, received, toSend)
        let names = profiles.map(\.libraryName).joined(separator: ":")
        guard sotto_dtls_prepare(ssl, role == .server ? 1 : 0, names, Int(max(256, min(mtu, 16_384))), shared) == 0 else {
            SSL_free(ssl)
            throw .library(.take())
        }
        self.ssl = ssl
        self.received = received
        self.toSend = toSend
    }

    deinit { SSL_free(ssl) }  // frees both BIOs

    /// One datagram at a time: what the library left of the previous one is forgotten.
    mutating func put(_ datagram: UnsafeRawBufferPointer) {
        sotto_dtls_forget(received)
        guard let start = datagram.baseAddress, !datagram.isEmpty, datagram.count <= 65_535 else { return }
        BIO_write(received, start, Int32(datagram.count))
    }

    /// Appends what the library wants sent. A peer cannot make it more than a flight.
    mutating func takeOutput(into output: inout [UInt8]) {
        let count = BIO_ctrl_pending(toSend)
        guard count > 0, count <= 65_536, output.count <= 262_144 else {
            sotto_dtls_forget(toSend)
            return
        }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: count))
        let read = output.withUnsafeMutableBytes { bytes in
            BIO_read(toSend, bytes.baseAddress.map { $0 + start }, Int32(count))
        }
        output.removeLast(count - max(0, Int(read)))
    }

    mutating func listen() -> Listening {
        ERR_clear_error()
        let verdict = sotto_dtls_listen(ssl)
        ERR_clear_error()
        return verdict == 1 ? .verified : verdict == 0 ? .notYet : .broken
    }

    mutating func handshake() -> Handshake {
        ERR_clear_error()
        let code = SSL_do_handshake(ssl)
        if code == 1 { return .completed }
        if SSL_get_error(ssl, code) == SSL_ERROR_WANT_READ {
            ERR_clear_error()
            return .needsInput
        }
        return .failed(.take())
    }

    /// False when the library gave up.
    mutating func retransmit() -> Bool {
        ERR_clear_error()
        let code = sotto_dtls_handle_timeout(ssl)
        ERR_clear_error()
        return code >= 0
    }

    /// Nil: the library waits for nothing.
    var retransmissionDelay: Duration? {
        let microseconds = sotto_dtls_timeout(ssl)
        return microseconds < 0 ? nil : .microseconds(microseconds)
    }

    /// Answers a peer that repeats its last flight. True when an authenticated alert closed the association.
    mutating func readIsClosed() -> Bool {
        ERR_clear_error()
        defer { ERR_clear_error() }
        return withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { scratch in
            for _ in 0..<16 {  // records of one datagram
                var count = 0
                if SSL_read_ex(ssl, scratch.baseAddress, scratch.count, &count) != 1 { break }
            }
            return SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0
        }
    }

    // MARK: - After the handshake

    func peerMatches(_ expected: [DTLSFingerprint]) -> Bool {
        guard let leaf = SSL_get1_peer_certificate(ssl) else { return false }
        let certificate = Certificate(owning: leaf)
        return expected.contains { !$0.bytes.isEmpty && certificate.hash($0.hash) == $0.bytes }
    }

    var profile: DTLSProfile? {
        UInt16(exactly: sotto_dtls_selected_profile(ssl)).flatMap(DTLSProfile.init(rawValue:))
    }

    /// RFC 5764 §4.2: client key, server key, client salt, server salt.
    func keys(_ profile: DTLSProfile, _ role: DTLSRole) -> DTLSKeys? {
        let (key, salt) = (profile.keyLength, profile.saltLength)
        let label = "EXTRACTOR-dtls_srtp"
        return withUnsafeTemporaryAllocation(byteCount: 2 * (key + salt), alignment: 16) { material in
            guard let start = material.baseAddress else { return nil }
            defer { wipe(start, count: material.count) }
            let target = start.assumingMemoryBound(to: UInt8.self)
            guard SSL_export_keying_material(ssl, target, material.count, label, label.utf8.count, nil, 0, 0) == 1 else { return nil }
            func joined(_ end: Int) -> SecretBytes {
                SecretBytes(count: key + salt) { joined in
                    joined.copyMemory(from: UnsafeRawBufferPointer(start: start + end * key, count: key))
                    UnsafeMutableRawBufferPointer(rebasing: joined[key...])
                        .copyMemory(from: UnsafeRawBufferPointer(start: start + 2 * key + end * salt, count: salt))
                }
            }
            let (client, server) = (joined(0), joined(1))
            return role == .client
                ? DTLSKeys(profile: profile, localKey: client, remoteKey: server)
                : DTLSKeys(profile: profile, localKey: server, remoteKey: client)
        }
    }
}
