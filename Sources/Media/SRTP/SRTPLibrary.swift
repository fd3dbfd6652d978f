internal import CSRTP
internal import SottoBase

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
        case .aes256CMSHA1_80: Int32(SOTTO_SRTP_AES_256_CM_SHA1_80)
        case .aes128CMSHA1_80: Int32(SOTTO_SRTP_AES_128_CM_SHA1_80)
        case .aes128CMSHA1_32: Int32(SOTTO_SRTP_AES_128_CM_SHA1_32)
        }
    }
}

/// A library context, freed with its owner.
struct SRTPSession: ~Copyable {
    let raw: srtp_t

    /// Takes any SSRC, in one direction.
    init(_ profile: SRTPProfile, _ key: SecretBytes, isSender: Bool) throws(SRTPError) {
        guard key.count == profile.keyAndSaltLength else {
            throw .keyLength(expected: profile.keyAndSaltLength, actual: key.count)
        }
        guard SRTPLibrary.status == 0 else { throw .library(code: Int(SRTPLibrary.status)) }
        var made: srtp_t?
        let status = key.withBytes { bytes in
            isSender
                ? sotto_srtp_create_sender(&made, profile.libraryProfile, bytes.baseAddress, UInt(SRTPReceiver.replayWindow))
                : sotto_srtp_create_receiver(&made, profile.libraryProfile, bytes.baseAddress, UInt(SRTPReceiver.replayWindow))
        }
        guard status == 0, let made else { throw .library(code: Int(status)) }
        raw = made
    }

    deinit { srtp_dealloc(raw) }

    /// A stream of one SSRC whose counter can be set before each trial.
    func addStream(_ profile: SRTPProfile, _ key: SecretBytes, _ ssrc: UInt32) throws(SRTPError) {
        let status = key.withBytes { bytes in
            sotto_srtp_add_receiver(raw, profile.libraryProfile, bytes.baseAddress, UInt(SRTPReceiver.replayWindow), ssrc)
        }
        guard status == 0 else { throw .library(code: Int(status)) }
    }

    /// How often the SSRC's sequence number has wrapped; nil for an SSRC that is not known.
    func rolloverCounter(of ssrc: UInt32) -> UInt32? {
        var counter: UInt32 = 0
        return srtp_get_stream_roc(raw, ssrc, &counter) == srtp_err_status_ok ? counter : nil
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
