import SIPMessages
import SottoBase

/// Credentials with the challenges that they answered last, for one dialog, attempt or registration. It answers each nonce with a rising
/// count (RFC 7616 §3.4), and an attacker's copy of a request never serves twice.
struct DigestAccount: Hashable, Sendable {
    /// A challenge being answered.
    private struct Session: Hashable, Sendable {
        let challenge: DigestChallenge
        let clientNonce: String
        var count: UInt32 = 0
    }

    let credentials: DigestCredentials
    private var origin: Session?
    private var proxy: Session?

    init(_ credentials: DigestCredentials) { self.credentials = credentials }

    /// Takes a response's challenge up; false when none can be answered. The first that we can and may answer counts (RFC 8760 §2.4), but
    /// never MD5 before another.
    mutating func take(_ response: SIPResponse, hashes: DigestHashes, clientNonce: String) -> DigestChallenge? {
        let usable = DigestChallenge.all(in: response).filter { challenge in
            if let realm = credentials.realm, realm != challenge.realm { return false }
            return Self.function(challenge.algorithm, hashes) != nil && (challenge.algorithm != .md5 || credentials.dangerAllowsMD5)
        }
        guard let challenge = usable.first(where: { $0.algorithm != .md5 }) ?? usable.first else { return nil }
        let session = Session(challenge: challenge, clientNonce: clientNonce)
        if challenge.isProxy { proxy = session } else { origin = session }
        return challenge
    }

    /// Sets the credentials of a request for every challenge known, in place of those that it has.
    mutating func authorize(_ request: inout SIPRequest, hashes: DigestHashes) {
        if request.method == .ack || request.method == .cancel { return }  // they are never challenged (RFC 3261 §22.1)
        request.removeHeaders(.authorization)
        request.removeHeaders(.proxyAuthorization)
        if let header = origin.map({ _ in Self.answer(&origin, credentials, request, hashes) }) ?? nil {
            request.add(SIPHeader(.authorization, secret: header))
        }
        if let header = proxy.map({ _ in Self.answer(&proxy, credentials, request, hashes) }) ?? nil {
            request.add(SIPHeader(.proxyAuthorization, secret: header))
        }
    }

    private static func function(_ algorithm: SIPDigestAlgorithm, _ hashes: DigestHashes) -> DigestHashes.Function? {
        switch algorithm {
        case .sha256: hashes.sha256
        case .sha512_256: hashes.sha512_256
        case .md5: hashes.md5
        }
    }

    private static func answer(
        _ slot: inout Session?, _ credentials: DigestCredentials, _ request: SIPRequest, _ hashes: DigestHashes
    ) -> SecretBytes? {
        guard var session = slot, let hash = function(session.challenge.algorithm, hashes) else { return nil }
        session.count &+= 1
        slot = session
        let challenge = session.challenge
        let size = challenge.algorithm.size
        func digest(_ parts: [Part]) -> SecretBytes { hexadecimal(parts, hash, size) }

        // RFC 7616 §3.4.2: HA1 is as good as the password, and stays in locked memory like it.
        var ha1 = digest([.text(credentials.user), .text(":"), .text(challenge.realm), .text(":"), .secret(credentials.password)])
        if challenge.isSession {
            ha1 = digest([.secret(ha1), .text(":"), .text(challenge.nonce), .text(":"), .text(session.clientNonce)])
        }
        let uri = request.requestURI.text.string
        let ha2 = digest([.text(request.method.text.string), .text(":"), .text(uri)])
        let hex = String(session.count, radix: 16)
        let count = String(repeating: "0", count: max(0, 8 - hex.count)) + hex
        let middle: [Part] =
            challenge.hasQop
            ? [.text(":\(challenge.nonce):\(count):\(session.clientNonce):auth:")] : [.text(":\(challenge.nonce):")]
        let response = digest([.secret(ha1)] + middle + [.secret(ha2)])

        var bytes = Array("Digest username=".utf8) + quoted(credentials.user)
        bytes += Array(", realm=".utf8) + quoted(challenge.realm)
        bytes += Array(", nonce=".utf8) + quoted(challenge.nonce)
        bytes += Array(", uri=".utf8) + quoted(uri)
        bytes += Array(", response=\"".utf8)
        response.withBytes { bytes += $0 }
        bytes.append(0x22)
        if let name = challenge.algorithmName { bytes += Array(", algorithm=".utf8) + name.bytes }
        if let opaque = challenge.opaque { bytes += Array(", opaque=".utf8) + quoted(opaque) }
        if challenge.hasQop { bytes += Array(", qop=auth, nc=\(count), cnonce=\"\(session.clientNonce)\"".utf8) }
        return SecretBytes(moving: &bytes)
    }

    // MARK: - Hashing without copies in ordinary memory

    private enum Part {
        case text(String)
        case secret(SecretBytes)

        var count: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .secret(let secret): secret.count
            }
        }
    }

    /// The digest of all parts together, in lower-case hexadecimal.
    private static func hexadecimal(_ parts: [Part], _ hash: DigestHashes.Function, _ size: Int) -> SecretBytes {
        let input = SecretBytes(count: parts.reduce(0) { $0 + $1.count }) { (target: UnsafeMutableRawBufferPointer) in
            var offset = 0
            for part in parts {
                switch part {
                case .text(let text):
                    for byte in text.utf8 {
                        target[offset] = byte
                        offset += 1
                    }
                case .secret(let secret):
                    secret.withBytes { bytes in
                        for byte in bytes {
                            target[offset] = byte
                            offset += 1
                        }
                    }
                }
            }
        }
        let digest = SecretBytes(count: size) { (target: UnsafeMutableRawBufferPointer) in input.withBytes { hash($0, target) } }
        let digits = Array("0123456789abcdef".utf8)
        return SecretBytes(count: 2 * size) { (target: UnsafeMutableRawBufferPointer) in
            digest.withBytes { bytes in
                for (index, byte) in bytes.enumerated() {
                    target[2 * index] = digits[Int(byte >> 4)]
                    target[2 * index + 1] = digits[Int(byte & 15)]
                }
            }
        }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var output: [UInt8] = [0x22]
        for byte in text.utf8 where byte >= 0x20 && byte != 0x7F {
            if byte == 0x22 || byte == 0x5C { output.append(0x5C) }
            output.append(byte)
        }
        output.append(0x22)
        return output
    }
}
