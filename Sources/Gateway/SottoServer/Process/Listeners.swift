internal import NIOCore
internal import SIPTransport
internal import SottoBase
internal import SottoConfiguration
internal import SottoTLS

/// A listener with the context that a reload replaces.
struct RunningListener: Sendable {
    let name: String
    let served: ServedTLSContext
    /// They live as long as the listener, so that a reload costs no returning peer its ticket.
    let tickets: TLSTicketKeys
    var address: PeerAddress?
}

/// Makes TLS contexts out of the configuration's files.
enum ListenerContexts {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func make(
        _ listener: SottoConfiguration.SIPListener, tickets: TLSTicketKeys, files: ConfigurationFiles
    ) throws(Failure) -> TLSContext {
        let place = "\(listener.location): [[sip.listener]] \(listener.name)"
        func read(_ reference: FileReference, _ what: String) throws(Failure) -> [UInt8] {
            switch reference.read(files) {
            case .success(let bytes): return bytes
            case .failure(let problem): throw Failure(description: "\(place): \(what) \(reference) cannot be used: \(problem)")
            }
        }
        let chain = try read(listener.certificate, "certificate")
        let key: SecretBytes
        switch listener.key.readSecret(files) {
        case .success(let secret): key = secret
        case .failure(let problem): throw Failure(description: "\(place): key \(listener.key) cannot be used: \(problem)")
        }
        var clients = ClientCertificates.none
        if let authority = listener.clientCA {
            let trust = TLSTrust.certificates(try read(authority, "client-ca"))
            switch listener.clientCertificates {
            case .none: clients = .none
            case .optional: clients = .optional(trust)
            case .required: clients = .required(trust)
            }
        }
        let revoked: [UInt8]?
        if let list = listener.clientCRL { revoked = try read(list, "client-ca-crl") } else { revoked = nil }
        let staple: [UInt8]?
        if let answer = listener.ocspStaple { staple = try read(answer, "ocsp-staple") } else { staple = nil }
        do throws(TLSContextError) {
            return try TLSContext.server(
                TLSCredentials(certificateChain: chain, privateKey: key), clientCertificates: clients, revocation: revoked,
                stapledResponse: staple, tickets: listener.hasSessionTickets ? tickets : nil,
                minimumVersion: listener.minimumTLS == .tls13 ? .tls13 : .tls12, now: SystemClock.wall)
        } catch {
            throw Failure(description: "\(place): \(error)")
        }
    }
}
