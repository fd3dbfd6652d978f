internal import CSRTP

/// The library's one start, before the first context.
enum SRTPLibrary {
    /// 0 when it runs.
    static let status: Int32 = start()

    private static func start() -> Int32 {
        let status = Int32(srtp_init().rawValue)
        guard status == 0 else { return status }
        // Debian's libsrtp2 ciphers through NSS, which shuts itself down with the last context and needs 0.6 ms to come up again with
        // the next. This context is leaked on purpose: it keeps NSS up, and making another then costs 15 µs.
        var anchor: srtp_t?
        let unusedKey = [UInt8](repeating: 0, count: SRTPProfile.aeadAES256GCM.keyAndSaltLength)
        return sotto_srtp_create_receiver(&anchor, SRTPProfile.aeadAES256GCM.libraryProfile, unusedKey, 64)
    }
}

extension SRTPProfile {
    var libraryProfile: Int32 {
        switch self {
        case .aeadAES256GCM: Int32(SOTTO_SRTP_AEAD_AES_256_GCM)
        case .aeadAES128GCM: Int32(SOTTO_SRTP_AEAD_AES_128_GCM)
        case .aes128CMSHA1_80: Int32(SOTTO_SRTP_AES_128_CM_SHA1_80)
        case .aes128CMSHA1_32: Int32(SOTTO_SRTP_AES_128_CM_SHA1_32)
        }
    }
}

/// Sizes that must hold before the library sees a packet: its own length arithmetic is unsigned and trusts them.
enum SRTPLimits {
    /// The largest packet that is handled. libsrtp2 refuses more than this as associated data, and then forgets to reset itself.
    static let maximumPacket = 2_048

    /// Fixed header, contributing sources and header extension of an RTP packet (RFC 3550 §5.1, §5.3.1); nil when it ends before them.
    static func rtpHeaderLength(_ packet: UnsafeRawBufferPointer, length: Int) -> Int? {
        guard length >= 12, length <= maximumPacket, packet[0] >> 6 == 2 else { return nil }
        var header = 12 + Int(packet[0] & 0x0F) * 4
        if packet[0] & 0x10 != 0 {
            guard header + 4 <= length else { return nil }
            header += 4 + 4 * (Int(packet[header + 2]) << 8 | Int(packet[header + 3]))
        }
        return header <= length ? header : nil
    }

    static func word(_ packet: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
