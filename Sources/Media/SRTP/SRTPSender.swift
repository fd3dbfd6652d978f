internal import CSRTP
public import SottoBase

/// What became of a packet to be sent.
public enum SRTPSendResult: Equatable, Sendable {
    /// Protected in place; `length` is the whole packet's.
    case protected(length: Int)
    /// The buffer has no room for tag and index.
    case noRoom
    /// Not a packet of this context's SSRC, or too short or too long.
    case malformed
    /// Its sequence number was used already: a second packet under one index would break the cipher.
    case indexReused
    /// The key protected as many packets as it may (RFC 3711 §9.2).
    case keyExhausted
    /// The library failed; the bytes must not be sent.
    case failed
}

/// Encrypts and authenticates what we send from one SSRC under one key; one owner, one thread at a time.
public struct SRTPSender: ~Copyable {
    public let profile: SRTPProfile
    public let ssrc: UInt32
    private let session: srtp_t

    /// - Parameter key: `key ‖ salt` of exactly `profile.keyAndSaltLength` bytes. It is not kept: only session keys derived from it are.
    public init(profile: SRTPProfile, key: SecretBytes, ssrc: UInt32) throws(SRTPError) {
        guard key.count == profile.keyAndSaltLength else {
            throw .keyLength(expected: profile.keyAndSaltLength, actual: key.count)
        }
        guard SRTPLibrary.status == 0 else { throw .library(code: Int(SRTPLibrary.status)) }
        var made: srtp_t?
        let status = key.withBytes { bytes in
            sotto_srtp_create_sender(&made, profile.libraryProfile, bytes.baseAddress, UInt(SRTPReceiver.replayWindow), ssrc)
        }
        guard status == 0, let made else { throw .library(code: Int(status)) }
        self.profile = profile
        self.ssrc = ssrc
        session = made
    }

    deinit { srtp_dealloc(session) }

    /// How often the sequence number has wrapped.
    public var rolloverCounter: UInt32 {
        var counter: UInt32 = 0
        _ = srtp_get_stream_roc(session, ssrc, &counter)
        return counter
    }

    /// Protects the RTP packet in `buffer[0..<length]`; the rest of the buffer is room for the tag. The buffer is aligned to 4 bytes at
    /// least.
    public mutating func protectRTP(_ buffer: UnsafeMutableRawBufferPointer, length: Int) -> SRTPSendResult {
        guard let start = buffer.baseAddress, length >= 0, length <= buffer.count,
            SRTPLimits.rtpHeaderLength(UnsafeRawBufferPointer(buffer), length: length) != nil,
            SRTPLimits.word(UnsafeRawBufferPointer(buffer), at: 8) == ssrc
        else { return .malformed }
        guard buffer.count - length >= profile.rtpOverhead else { return .noRoom }
        var total = Int32(length)
        return conclude(srtp_protect(session, start, &total), total)
    }

    /// Protects the RTCP compound in `buffer[0..<length]`.
    public mutating func protectRTCP(_ buffer: UnsafeMutableRawBufferPointer, length: Int) -> SRTPSendResult {
        guard let start = buffer.baseAddress, length >= 8, length <= min(buffer.count, SRTPLimits.maximumPacket), buffer[0] >> 6 == 2,
            SRTPLimits.word(UnsafeRawBufferPointer(buffer), at: 4) == ssrc
        else { return .malformed }
        guard buffer.count - length >= profile.rtcpOverhead else { return .noRoom }
        var total = Int32(length)
        return conclude(srtp_protect_rtcp(session, start, &total), total)
    }

    private func conclude(_ status: srtp_err_status_t, _ total: Int32) -> SRTPSendResult {
        switch status {
        case srtp_err_status_ok: .protected(length: Int(total))
        case srtp_err_status_replay_fail, srtp_err_status_replay_old, srtp_err_status_pkt_idx_old: .indexReused
        case srtp_err_status_key_expired: .keyExhausted
        case srtp_err_status_bad_param, srtp_err_status_parse_err: .malformed
        default: .failed
        }
    }
}
