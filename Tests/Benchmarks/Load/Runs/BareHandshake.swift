import COpenSSL
import CEpoll
import Glibc
import SottoBase
import SottoTLS
import SottoTestPeer

/// A server's part of a full TLS 1.3 handshake by OpenSSL alone, over memory: no sockets, no event loop, nothing of ours.
enum BareHandshake {
    private static func credentials(_ context: OpaquePointer, _ credentials: TLSCredentials) -> Bool {
        func bio(_ bytes: [UInt8]) -> OpaquePointer? {
            bytes.withUnsafeBytes { raw in
                guard let bio = BIO_new(BIO_s_mem()) else { return nil }
                return BIO_write(bio, raw.baseAddress, Int32(raw.count)) == Int32(raw.count) ? bio : nil
            }
        }
        guard let chain = bio(credentials.certificateChain), let key = bio(credentials.privateKey.withBytes { Array($0) }),
            let certificate = PEM_read_bio_X509(chain, nil, nil, nil), let privateKey = PEM_read_bio_PrivateKey(key, nil, nil, nil)
        else { return false }
        return SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, privateKey) == 1
    }

    /// µs of CPU of one, the median of batches.
    static func measure(_ credentials: TLSCredentials, count: Int) throws -> Double {
        guard let server = SSL_CTX_new(TLS_server_method()), let client = SSL_CTX_new(TLS_client_method()),
            Self.credentials(server, credentials)
        else { throw PeerFault(description: "OpenSSL: no context") }
        defer {
            SSL_CTX_free(server)
            SSL_CTX_free(client)
        }
        var times: [Int64] = []
        for _ in 0..<20 {
            var sum: Int64 = 0
            for _ in 0..<(count / 20) { sum += try once(server, client) }
            times.append(sum / Int64(count / 20))
        }
        return Double(times.sorted()[times.count / 2]) / 1_000
    }

    private static func once(_ serverContext: OpaquePointer, _ clientContext: OpaquePointer) throws -> Int64 {
        guard let client = SSL_new(clientContext), let toServer = BIO_new(BIO_s_mem()), let toClient = BIO_new(BIO_s_mem()) else {
            throw PeerFault(description: "OpenSSL: no connection")
        }
        SSL_set_bio(client, toClient, toServer)
        BIO_up_ref(toClient)
        BIO_up_ref(toServer)
        SSL_set_connect_state(client)
        defer { SSL_free(client) }
        var begin = threadTime()
        guard let server = SSL_new(serverContext) else { throw PeerFault(description: "OpenSSL: no connection") }
        SSL_set_bio(server, toServer, toClient)
        SSL_set_accept_state(server)
        var spent = threadTime() - begin
        var isDone = false
        for _ in 0..<6 where !isDone {
            SSL_do_handshake(client)
            begin = threadTime()
            isDone = SSL_do_handshake(server) == 1
            spent += threadTime() - begin
        }
        begin = threadTime()
        SSL_free(server)
        spent += threadTime() - begin
        guard isDone else { throw PeerFault(description: "OpenSSL: no handshake") }
        return spent
    }

    private static func threadTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
