internal import SottoBase

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
    public init?(name: String) { self.init(WireText(name)) }

    init?(_ name: WireText) {
        // What tells the names apart is at a few places: then one comparison is enough.
        let isLong = name.byte(at: name.count - 1) == 0x30  // …_80
        switch (name.count, name.byte(at: 4)) {
        case (16, _):
            self = name.byte(at: 9) == 0x32 ? .aeadAES256GCM : .aeadAES128GCM
        case (23, 0x32):
            self = isLong ? .aes256CMHMACSHA1_80 : .aes256CMHMACSHA1_32
        case (23, _) where name.byte(at: 7) == 0x32:
            guard name.equalsIgnoringCase(isLong ? "AES_CM_256_HMAC_SHA1_80" : "AES_CM_256_HMAC_SHA1_32") else { return nil }
            self = isLong ? .aes256CMHMACSHA1_80 : .aes256CMHMACSHA1_32
            return
        case (23, _):
            self = isLong ? .aesCM128HMACSHA1_80 : .aesCM128HMACSHA1_32
        default:
            return nil
        }
        guard name.equalsIgnoringCase(self.name) else { return nil }
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
