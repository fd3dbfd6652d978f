/// SRTP suites that SDES can name here (RFC 4568 §6.2, RFC 6188 §4.1, RFC 7714 §14.2). Others in an offer are passed over.
public enum SRTPSuite: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case aeadAES256GCM, aeadAES128GCM, aes256CMHMACSHA1_80, aesCM128HMACSHA1_80, aesCM128HMACSHA1_32, aes256CMHMACSHA1_32

    /// As it stands in `a=crypto`.
    public var name: StaticString {
        switch self {
        case .aeadAES256GCM: "AEAD_AES_256_GCM"
        case .aeadAES128GCM: "AEAD_AES_128_GCM"
        case .aes256CMHMACSHA1_80: "AES_256_CM_HMAC_SHA1_80"
        case .aes256CMHMACSHA1_32: "AES_256_CM_HMAC_SHA1_32"
        case .aesCM128HMACSHA1_80: "AES_CM_128_HMAC_SHA1_80"
        case .aesCM128HMACSHA1_32: "AES_CM_128_HMAC_SHA1_32"
        }
    }

    /// The suite that `name` spells, without case; RFC 6188's other order of words (`AES_CM_256_…`), which some peers write, counts too.
    public init?(name: String) {
        let upper = name.uppercased()
        for suite in Self.allCases where suite.name.description == upper {
            self = suite
            return
        }
        switch upper {
        case "AES_CM_256_HMAC_SHA1_80": self = .aes256CMHMACSHA1_80
        case "AES_CM_256_HMAC_SHA1_32": self = .aes256CMHMACSHA1_32
        default: return nil
        }
    }

    /// Bytes of the master key.
    public var keyLength: Int {
        switch self {
        case .aeadAES256GCM, .aes256CMHMACSHA1_80, .aes256CMHMACSHA1_32: 32
        case .aeadAES128GCM, .aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32: 16
        }
    }

    /// Bytes of the master salt.
    public var saltLength: Int {
        switch self {
        case .aeadAES256GCM, .aeadAES128GCM: 12
        case .aes256CMHMACSHA1_80, .aes256CMHMACSHA1_32, .aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32: 14
        }
    }

    /// Bytes of key and salt together, as `inline:` carries them: 44, 28, 46 or 30.
    public var keyingLength: Int { keyLength + saltLength }

    public var description: String { name.description }
}
