internal import CSRTP
public import SottoBase

/// What became of a received packet.
public enum SRTPReceiveResult: Equatable, Sendable {
    /// Genuine and fresh, decrypted in place; `length` is the plain packet's.
    case authenticated(length: Int)
    /// Its index was seen before or lies behind the window (RFC 3711 §3.3.2). Nothing is known about its origin: the list is consulted
    /// before the tag, as §3.3 demands.
    case replayed
    /// Not protected with this key. The packet's bytes are spoilt.
    case unauthenticated
    /// Too short, too long or not of version 2.
    case malformed
    /// The key protected as many packets as it may (RFC 3711 §9.2).
    case keyExhausted
    /// A new SSRC beyond those that one peer is allowed to open.
    case tooManySources
}

/// Authenticates, checks for replay and decrypts what one peer sends under one key; one owner, one thread at a time.
///
/// State (rollover counter, replay list) belongs to each SSRC and changes only for authenticated packets (RFC 3711 §3.3, steps 5–7). The
/// library learns an SSRC from its first authentic packet, at the cost of a small allocation; there are at most `maximumSources`, so that
/// a peer cannot make memory grow.
public struct SRTPReceiver: ~Copyable {
    public static let maximumSources = 32
    /// Packets behind the newest one that are still told apart from replays; RFC 3711 §3.3.2 demands 64 at least.
    public static let replayWindow = 1_024

    public let profile: SRTPProfile
    private var session: srtp_t
    /// After a new key: the same key with the old rollover counters, until the first authentic packet tells which the peer means.
    private var continued: srtp_t?
    private var sources = InlineArray<32, UInt32>(repeating: 0)
    /// SSRCs that were authentic so far.
    public private(set) var sourceCount = 0

    /// Every SSRC starts with rollover counter 0.
    /// - Parameter key: `key ‖ salt` of exactly `profile.keyAndSaltLength` bytes. It is not kept: only session keys derived from it are.
    public init(profile: SRTPProfile, key: SecretBytes) throws(SRTPError) {
        self.profile = profile
        session = try Self.makeSession(profile, key)
    }

    /// The successor after a re-keying at the same address. RFC 3711 §3.3.1 keeps an SSRC's rollover counter, while many peers start
    /// again from zero: both are tried, and the first authentic RTP packet decides.
    public init(profile: SRTPProfile, key: SecretBytes, continuing old: borrowing SRTPReceiver) throws(SRTPError) {
        let made = try Self.makeSession(profile, key)
        let candidate: srtp_t?
        do {
            candidate = try Self.makeContinued(profile, key, old)
        } catch {
            srtp_dealloc(made)
            throw error
        }
        self.profile = profile
        session = made
        continued = candidate
    }

    /// nil when no source has wrapped yet: then both readings are the same.
    private static func makeContinued(
        _ profile: SRTPProfile, _ key: SecretBytes, _ old: borrowing SRTPReceiver
    ) throws(SRTPError) -> srtp_t? {
        guard old.hasRolledOver else { return nil }
        let candidate = try makeSession(profile, key)
        for index in 0..<old.sourceCount {
            let ssrc = old.sources[index]
            let counter = old.rolloverCounter(of: ssrc) ?? 0
            guard counter > 0 else { continue }
            let status = key.withBytes { bytes in
                sotto_srtp_continue(candidate, profile.libraryProfile, bytes.baseAddress, UInt(replayWindow), ssrc, counter)
            }
            guard status == 0 else {
                srtp_dealloc(candidate)
                throw .library(code: Int(status))
            }
        }
        return candidate
    }

    private static func makeSession(_ profile: SRTPProfile, _ key: SecretBytes) throws(SRTPError) -> srtp_t {
        guard key.count == profile.keyAndSaltLength else {
            throw .keyLength(expected: profile.keyAndSaltLength, actual: key.count)
        }
        guard SRTPLibrary.status == 0 else { throw .library(code: Int(SRTPLibrary.status)) }
        var made: srtp_t?
        let status = key.withBytes { bytes in
            sotto_srtp_create_receiver(&made, profile.libraryProfile, bytes.baseAddress, UInt(replayWindow))
        }
        guard status == 0, let made else { throw .library(code: Int(status)) }
        return made
    }

    deinit {
        srtp_dealloc(session)
        if let continued { srtp_dealloc(continued) }
    }

    /// How often the SSRC's sequence number has wrapped; nil for an SSRC that was never authentic.
    public func rolloverCounter(of ssrc: UInt32) -> UInt32? {
        var counter: UInt32 = 0
        return srtp_get_stream_roc(session, ssrc, &counter) == srtp_err_status_ok ? counter : nil
    }

    private var hasRolledOver: Bool {
        for index in 0..<sourceCount where (rolloverCounter(of: sources[index]) ?? 0) > 0 { return true }
        return false
    }

    /// Opens an SRTP packet in place (RFC 3711 §3.3). The buffer is aligned to 4 bytes at least.
    public mutating func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult {
        guard let start = packet.baseAddress,
            let header = SRTPLimits.rtpHeaderLength(UnsafeRawBufferPointer(packet), length: packet.count),
            packet.count >= header + profile.rtpOverhead
        else { return .malformed }
        let ssrc = SRTPLimits.word(UnsafeRawBufferPointer(packet), at: 8)
        let isKnown = knows(ssrc)
        guard isKnown || sourceCount < Self.maximumSources else { return .tooManySources }

        var length = Int32(packet.count)
        var status = srtp_err_status_ok
        if let candidate = continued {
            status = withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 16) { copy in
                copy.copyMemory(from: UnsafeRawBufferPointer(packet))
                let first = srtp_unprotect(session, start, &length)
                guard first != srtp_err_status_ok, let copied = copy.baseAddress else { return first }
                var secondLength = Int32(copy.count)
                guard srtp_unprotect(candidate, copied, &secondLength) == srtp_err_status_ok else { return first }
                packet.copyMemory(from: UnsafeRawBufferPointer(copy))
                length = secondLength
                swap(&session, &continued)
                return srtp_err_status_ok
            }
            if status == srtp_err_status_ok, let loser = continued {
                srtp_dealloc(loser)
                continued = nil
            }
        } else {
            status = srtp_unprotect(session, start, &length)
        }
        return conclude(status, length, ssrc, isKnown)
    }

    /// Opens an SRTCP packet in place (RFC 3711 §3.4). Its index is on the wire, so the rollover counter plays no part.
    public mutating func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult {
        // Header and SSRC, tag, index.
        guard let start = packet.baseAddress, packet.count >= 8 + profile.rtcpOverhead, packet.count <= SRTPLimits.maximumPacket,
            packet[0] >> 6 == 2
        else { return .malformed }
        let ssrc = SRTPLimits.word(UnsafeRawBufferPointer(packet), at: 4)
        let isKnown = knows(ssrc)
        guard isKnown || sourceCount < Self.maximumSources else { return .tooManySources }
        if let candidate = continued {
            // Both keep their replay lists, so that nothing can be replayed once one of them is chosen.
            withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 16) { copy in
                copy.copyMemory(from: UnsafeRawBufferPointer(packet))
                var ignored = Int32(copy.count)
                _ = srtp_unprotect_rtcp(candidate, copy.baseAddress, &ignored)
            }
        }
        var length = Int32(packet.count)
        let status = srtp_unprotect_rtcp(session, start, &length)
        return conclude(status, length, ssrc, isKnown)
    }

    private func knows(_ ssrc: UInt32) -> Bool {
        for index in 0..<sourceCount where sources[index] == ssrc { return true }
        return false
    }

    private mutating func conclude(_ status: srtp_err_status_t, _ length: Int32, _ ssrc: UInt32, _ isKnown: Bool) -> SRTPReceiveResult {
        switch status {
        case srtp_err_status_ok:
            if !isKnown {
                sources[sourceCount] = ssrc
                sourceCount += 1
            }
            return .authenticated(length: Int(length))
        case srtp_err_status_replay_fail, srtp_err_status_replay_old, srtp_err_status_pkt_idx_old: return .replayed
        case srtp_err_status_key_expired: return .keyExhausted
        case srtp_err_status_bad_param, srtp_err_status_parse_err: return .malformed
        default: return .unauthenticated
        }
    }
}

/// Exchanges a session with a candidate that exists.
private func swap(_ session: inout srtp_t, _ candidate: inout srtp_t?) {
    guard let other = candidate else { return }
    candidate = session
    session = other
}
