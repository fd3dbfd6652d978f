internal import COpenSSL
internal import SottoBase

extension TLSContext {
    /// Installs what only a server has. Once, before the context is used.
    func serve(_ tickets: TLSTicketKeys?, _ staple: [UInt8]?, scope: [UInt8], now: WallTime) throws(TLSContextError) {
        if let staple {
            let end = staple.withUnsafeBufferPointer { bytes -> Int64 in
                guard let leaf, let start = bytes.baseAddress, bytes.count <= 65_536 else { return 0 }
                return sotto_tls_staple_end(start, bytes.count, leaf.pointer)
            }
            guard end > now.milliseconds / 1_000 else { throw .stapleUnusable }
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: staple.count)
            _ = copy.initialize(fromContentsOf: staple)
            state.pointee.staple = UnsafePointer(copy.baseAddress)
            state.pointee.staple_count = staple.count
            state.pointee.staple_until = end
        }
        if let tickets {
            self.tickets = tickets
            state.pointee.owner = Unmanaged.passUnretained(tickets).toOpaque()  // proof: `tickets` holds it as long as the context lives
            state.pointee.ticket_key = { owner, name, seals, keys in
                guard let owner, let name, let keys else { return 0 }
                let tickets = Unmanaged<TLSTicketKeys>.fromOpaque(owner).takeUnretainedValue()  // proof: set above, of this type
                let target = UnsafeMutableRawBufferPointer(start: keys, count: 64)
                if seals != 0 {
                    tickets.seal(name: UnsafeMutableRawBufferPointer(start: name, count: 16), into: target)
                    return 1
                }
                switch tickets.open(name: UnsafeRawBufferPointer(start: name, count: 16), into: target) {
                case .newest: return 1
                case .older: return 2
                case .unknown: return 0
                }
            }
        }
        ERR_clear_error()
        guard sotto_tls_serve(pointer, state, scope, UInt32(scope.count)) == 1 else { throw .library(step: 10, .take()) }
    }
}

/// Revocation lists of the trusted authorities (RFC 5280 §5).
enum Revocation {
    /// When the first list is overdue. A list that no anchor signed is a mistake that must be seen: it would revoke nobody.
    static func install(_ pem: [UInt8], in context: OpaquePointer, anchors: [Certificate]?) throws(TLSContextError) -> WallTime? {
        let lists: [RevocationList]
        switch readAll(pem) {
        case .success(let read): lists = read
        case .failure(let reason): throw .revocationUnreadable(reason)
        }
        guard !lists.isEmpty, let store = SSL_CTX_get_cert_store(context) else {
            throw .revocationUnreadable(TLSReason(library: 0, reason: 0))
        }
        for list in lists {
            if let anchors, !anchors.contains(where: { sotto_tls_is_issuer(list.pointer, $0.pointer) == 1 }) { throw .revocationOfStranger }
            ERR_clear_error()
            guard X509_STORE_add_crl(store, list.pointer) == 1 else { throw .revocationUnreadable(.take()) }
        }
        sotto_tls_check_revocation(store)
        return lists.compactMap(\.nextUpdate).min()
    }

    private static func readAll(_ pem: [UInt8]) -> Result<[RevocationList], TLSReason> {
        pem.withUnsafeBytes { bytes in
            ERR_clear_error()
            guard bytes.count > 0, bytes.count <= Int32.max, let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return .success([])
            }
            defer { BIO_free(bio) }
            var lists: [RevocationList] = []
            while lists.count < 256, let next = sotto_tls_read_revocation(bio) { lists.append(RevocationList(owning: next)) }
            let reason = TLSReason.take()
            if reason.library == ERR_LIB_PEM, reason.reason == PEM_R_NO_START_LINE, !lists.isEmpty { return .success(lists) }
            return .failure(reason)
        }
    }
}

/// One list while it is looked at.
final class RevocationList {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_CRL_free(pointer) }

    var nextUpdate: WallTime? {
        X509_CRL_get0_nextUpdate(pointer).map { WallTime(milliseconds: sotto_tls_seconds_since_1970($0) &* 1_000) }
    }
}
