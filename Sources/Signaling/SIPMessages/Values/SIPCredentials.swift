public import SottoBase

/// Digest credentials (RFC 7616 §3.4) as the value of Authorization or Proxy-Authorization. The value lives in locked memory alone.
public struct SIPCredentials: Hashable, Sendable, CustomStringConvertible {
    public var username: String
    public var realm: String
    public var nonce: String
    public var uri: WireText
    /// The response in hexadecimal.
    public var response: SecretBytes
    /// As the challenge wrote it; nil: it wrote none.
    public var algorithmName: WireText?
    public var opaque: String?
    /// qop `auth` with the client's nonce and its count (§3.4); nil for a challenge without qop.
    public var quality: (clientNonce: String, count: UInt32)? {
        get { clientNonce.map { ($0, count) } }
        set {
            clientNonce = newValue?.clientNonce
            count = newValue?.count ?? 0
        }
    }
    private var clientNonce: String?
    private var count: UInt32 = 0

    public init(username: String, realm: String, nonce: String, uri: WireText, response: SecretBytes) {
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
    }

    public var description: String { "SIPCredentials" }

    /// The header to send. The value is written in place, without a copy.
    public func header(_ name: SIPHeaderName) -> SIPHeader {
        var before = Array("Digest username=".utf8) + quoted(username)
        before += Array(", realm=".utf8) + quoted(realm)
        before += Array(", nonce=".utf8) + quoted(nonce)
        before += Array(", uri=".utf8) + quoted(uri.string)
        before += Array(", response=\"".utf8)
        var after: [UInt8] = [0x22]
        if let algorithmName { after += Array(", algorithm=".utf8) + Array(algorithmName.bytes) }
        if let opaque { after += Array(", opaque=".utf8) + quoted(opaque) }
        if let clientNonce {
            after += Array(", qop=auth, nc=".utf8) + Self.hexadecimal(count)
            after += Array(", cnonce=".utf8) + quoted(clientNonce)
        }
        let value = SecretBytes(count: before.count + response.count + after.count) { target in
            for (index, byte) in before.enumerated() { target[index] = byte }
            response.withBytes { bytes in
                for (index, byte) in bytes.enumerated() { target[before.count + index] = byte }
            }
            for (index, byte) in after.enumerated() { target[before.count + response.count + index] = byte }
        }
        return SIPHeader(name, secret: value)
    }

    /// `nc`: eight digits of hexadecimal.
    private static func hexadecimal(_ number: UInt32) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return (0..<8).map { digits[Int(number >> UInt32(28 - 4 * $0) & 15)] }
    }
}
