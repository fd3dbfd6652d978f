/// A protection profile: cipher, tag and key lengths, for RTP and RTCP alike.
public enum SRTPProfile: UInt8, Hashable, Sendable, CaseIterable {
    /// RFC 7714 §14.2: 16-byte tag, 12-byte salt.
    case aeadAES256GCM
    /// RFC 7714 §14.1.
    case aeadAES128GCM
    /// RFC 6188 §3.3, §4: the key derivation uses AES-256 as well; 10-byte tag, 14-byte salt.
    case aes256CMSHA1_80
    /// RFC 3711 §8, RFC 4568 §6.2: the suite that everybody speaks; 10-byte tag, 14-byte salt.
    case aes128CMSHA1_80
    /// RFC 4568 §6.2: a 4-byte RTP tag (RTCP keeps 10 bytes). Only when a trunk's policy names it.
    case aes128CMSHA1_32

    /// Master key's length in bytes.
    public var keyLength: Int {
        switch self {
        case .aeadAES256GCM, .aes256CMSHA1_80: 32
        case .aeadAES128GCM, .aes128CMSHA1_80, .aes128CMSHA1_32: 16
        }
    }

    /// Master salt's length in bytes.
    public var saltLength: Int {
        switch self {
        case .aeadAES256GCM, .aeadAES128GCM: 12
        case .aes256CMSHA1_80, .aes128CMSHA1_80, .aes128CMSHA1_32: 14
        }
    }

    /// Length of `key ‖ salt`, as an `inline:` key carries it.
    public var keyAndSaltLength: Int { keyLength + saltLength }

    /// The most bytes that protecting an RTP packet adds.
    public var rtpOverhead: Int {
        switch self {
        case .aeadAES256GCM, .aeadAES128GCM: 16
        case .aes256CMSHA1_80, .aes128CMSHA1_80: 10
        case .aes128CMSHA1_32: 4
        }
    }

    /// The most bytes that protecting an RTCP compound adds: tag and index.
    public var rtcpOverhead: Int {
        switch self {
        case .aeadAES256GCM, .aeadAES128GCM: 20
        case .aes256CMSHA1_80, .aes128CMSHA1_80, .aes128CMSHA1_32: 14
        }
    }
}

/// Why a context could not be made.
public enum SRTPError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The key is not `keyAndSaltLength` bytes long.
    case keyLength(expected: Int, actual: Int)
    /// The library refused to start, or has no such cipher.
    case library(code: Int)

    public var description: String {
        switch self {
        case .keyLength(let expected, let actual): "an SRTP key of \(actual) bytes where \(expected) are due"
        case .library(let code): "libsrtp error \(code)"
        }
    }
}
