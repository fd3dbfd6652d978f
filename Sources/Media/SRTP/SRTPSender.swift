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
    /// The key protected as many packets as it may (RFC 3711 §9.2, RFC 4568 §6.1).
    case keyExhausted
    /// The library failed; the bytes must not be sent.
    case failed
}

/// Encrypts and authenticates what we send from one SSRC under one key; one owner, one thread at a time.
public struct SRTPSender: ~Copyable {
    /// SSRCs that one key may have after another.
    public static let maximumSources = 32

    public let profile: SRTPProfile
    public private(set) var ssrc: UInt32
    private let session: SRTPSession
    private var usedSources = InlineArray<32, UInt32>(repeating: 0)
    private var usedCount = 1
    private var rtpLeft: UInt64
    private var rtcpLeft: UInt64

    /// - Parameters:
    ///   - key: `key ‖ salt` of exactly `profile.keyAndSaltLength` bytes. It is not kept: only session keys derived from it are.
    ///   - terms: the lifetime that we announced for it. An identifier is not sent.
    public init(profile: SRTPProfile, key: SecretBytes, ssrc: UInt32, terms: SRTPKeyTerms = SRTPKeyTerms()) throws(SRTPError) {
        session = try SRTPSession(profile, key, isSender: true)
        self.profile = profile
        self.ssrc = ssrc
        usedSources[0] = ssrc
        rtpLeft = terms.rtpPackets
        rtcpLeft = terms.rtcpPackets
    }

    /// How often the sequence number has wrapped.
    public var rolloverCounter: UInt32 { session.rolloverCounter(of: ssrc) ?? 0 }

    /// False when `changeSource` would refuse every number.
    public var mayChangeSource: Bool { usedCount < Self.maximumSources }

    /// Another source of the session has our number (RFC 3550 §8.2): goes on under a new one, whose counters start at zero.
    ///
    /// False, and nothing changes, for a number that was ours before (its packet indices are used up, RFC 3711 §9.1) and after
    /// `maximumSources` of them.
    public mutating func changeSource(to new: UInt32) -> Bool {
        guard usedCount < Self.maximumSources else { return false }
        for index in 0..<usedCount where usedSources[index] == new { return false }
        usedSources[usedCount] = new
        usedCount += 1
        ssrc = new
        return true
    }

    /// Protects the RTP packet in `buffer[0..<length]`; the rest of the buffer is room for the tag. The buffer is aligned to 4 bytes at
    /// least.
    public mutating func protectRTP(_ buffer: UnsafeMutableRawBufferPointer, length: Int) -> SRTPSendResult {
        guard let start = buffer.baseAddress, length >= 0, length <= buffer.count,
            SRTPLimits.rtpHeaderLength(UnsafeRawBufferPointer(buffer), length: length) != nil,
            SRTPLimits.word(UnsafeRawBufferPointer(buffer), at: 8) == ssrc
        else { return .malformed }
        guard buffer.count - length >= profile.rtpOverhead else { return .noRoom }
        guard rtpLeft > 0 else { return .keyExhausted }
        var total = Int32(length)
        let result = conclude(srtp_protect(session.raw, start, &total), total)
        if case .protected = result { rtpLeft &-= 1 }
        return result
    }

    /// Protects the RTCP compound in `buffer[0..<length]`.
    public mutating func protectRTCP(_ buffer: UnsafeMutableRawBufferPointer, length: Int) -> SRTPSendResult {
        guard let start = buffer.baseAddress, length >= 8, length <= min(buffer.count, SRTPLimits.maximumPacket), buffer[0] >> 6 == 2,
            SRTPLimits.word(UnsafeRawBufferPointer(buffer), at: 4) == ssrc
        else { return .malformed }
        guard buffer.count - length >= profile.rtcpOverhead else { return .noRoom }
        guard rtcpLeft > 0 else { return .keyExhausted }
        var total = Int32(length)
        let result = conclude(srtp_protect_rtcp(session.raw, start, &total), total)
        if case .protected = result { rtcpLeft &-= 1 }
        return result
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
