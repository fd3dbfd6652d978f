internal import CSRTP
internal import SottoBase

enum SRTPKind {
    case rtp
    case rtcp
}

/// One master key with all that belongs to it on the receiving side: sources, counters, replay lists (RFC 3711 §3.2.3).
struct SRTPReceivingKey: ~Copyable {
    /// An SSRC and the highest packet index that was authentic: rollover counter × 65,536 + sequence number.
    struct Source {
        var ssrc: UInt32 = 0
        var highest: UInt64 = 0
    }

    let profile: SRTPProfile
    private let session: SRTPSession
    private var identifier: SRTPKeyIdentifier?
    private let rollover: SRTPRollover
    /// False for a key that is over: its sources were all heard before.
    var admitsNewSources = true

    private var sources = InlineArray<32, Source>(repeating: Source())
    private(set) var sourceCount = 0
    /// Sources of the key before whose counter is not decided yet, with what it was.
    private var undecided = InlineArray<32, Source>(repeating: Source())
    private var undecidedCount = 0
    private var rtpLeft: UInt64
    private var rtcpLeft: UInt64

    init(_ profile: SRTPProfile, _ key: SecretBytes, _ terms: SRTPKeyTerms) throws(SRTPError) {
        session = try SRTPSession(profile, key, isSender: false)
        self.profile = profile
        identifier = terms.identifier
        rollover = .reset
        rtpLeft = terms.rtpPackets
        rtcpLeft = terms.rtcpPackets
    }

    init(
        _ profile: SRTPProfile, _ key: SecretBytes, _ terms: SRTPKeyTerms, continuing old: borrowing SRTPReceivingKey,
        _ rollover: SRTPRollover
    ) throws(SRTPError) {
        let session = try SRTPSession(profile, key, isSender: false)
        var waiting = InlineArray<32, Source>(repeating: Source())
        var count = 0
        // Before the middle of its first round a source has one counter only, whatever its sender does.
        for index in 0..<old.sourceCount where old.sources[index].highest >= 0x8000 {
            waiting[count] = old.sources[index]
            count += 1
        }
        for index in 0..<old.undecidedCount where count < SRTPReceiver.maximumSources {
            waiting[count] = old.undecided[index]
            count += 1
        }
        for index in 0..<count { try session.addStream(profile, key, waiting[index].ssrc) }
        self.session = session
        self.profile = profile
        identifier = terms.identifier
        self.rollover = rollover
        undecided = waiting
        undecidedCount = count
        rtpLeft = terms.rtpPackets
        rtcpLeft = terms.rtcpPackets
    }

    mutating func adopt(_ terms: SRTPKeyTerms) {
        identifier = terms.identifier
        rtpLeft = min(rtpLeft, terms.rtpPackets)
        rtcpLeft = min(rtcpLeft, terms.rtcpPackets)
    }

    func rolloverCounter(of ssrc: UInt32) -> UInt32? { place(of: ssrc) == nil ? nil : session.rolloverCounter(of: ssrc) }

    // MARK: - Packets

    /// Opens a packet in place.
    mutating func open(_ packet: UnsafeMutableRawBufferPointer, _ kind: SRTPKind) -> SRTPReceiveResult {
        guard packet.count <= SRTPLimits.maximumPacket else { return .malformed }
        guard let identifier, identifier.ends(UnsafeRawBufferPointer(packet), tag: tagLength(kind)) else {
            return openBare(packet, kind)
        }
        let length = packet.count - identifier.length
        return withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 16) { copy in
            copy.copyMemory(from: UnsafeRawBufferPointer(packet))
            defer { if let start = copy.baseAddress { wipe(start, count: copy.count) } }
            identifier.remove(from: copy, tag: tagLength(kind))
            let result = openBare(UnsafeMutableRawBufferPointer(rebasing: copy[0..<length]), kind)
            guard case .authenticated = result else {
                // Its bytes may be there by chance, from a peer that announced an identifier and sends none.
                let whole = openBare(packet, kind)
                if case .authenticated = whole { return whole }
                return result
            }
            packet.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[0..<length]))
            return result
        }
    }

    /// What follows an identifier in a packet. RFC 3711 §3.1 puts it before the tag; with GCM (RFC 7714 §8.2, §9.2) the tag is part of
    /// the cipher text that it follows.
    private func tagLength(_ kind: SRTPKind) -> Int {
        switch profile {
        case .aeadAES256GCM, .aeadAES128GCM: 0
        case .aes256CMSHA1_80, .aes128CMSHA1_80: 10
        case .aes128CMSHA1_32: kind == .rtp ? 4 : 10
        }
    }

    private mutating func openBare(_ packet: UnsafeMutableRawBufferPointer, _ kind: SRTPKind) -> SRTPReceiveResult {
        switch kind {
        case .rtp: openRTP(packet)
        case .rtcp: openRTCP(packet)
        }
    }

    private mutating func openRTP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult {
        let bytes = UnsafeRawBufferPointer(packet)
        guard let start = packet.baseAddress, let header = SRTPLimits.rtpHeaderLength(bytes, length: packet.count),
            packet.count >= header + profile.rtpOverhead
        else { return .malformed }
        guard rtpLeft > 0 else { return .keyExhausted }
        let ssrc = SRTPLimits.word(bytes, at: 8)
        let sequence = UInt16(truncatingIfNeeded: SRTPLimits.word(bytes, at: 0))
        let place = place(of: ssrc)
        guard place != nil || mayAdmit else { return .tooManySources }
        var length = Int32(packet.count)
        if undecidedCount > 0, let waiting = undecidedPlace(of: ssrc) {
            let (status, counter) = openUndecided(packet, sequence, undecided[waiting], &length)
            if status == srtp_err_status_ok {
                forgetUndecided(waiting)
                noteAuthentic(ssrc, place, index: UInt64(counter) << 16 | UInt64(sequence))
                rtpLeft &-= 1
            }
            return conclude(status, length)
        }
        let status = srtp_unprotect(session.raw, start, &length)
        if status == srtp_err_status_ok {
            noteAuthentic(ssrc, place, index: place.map { Self.index(of: sequence, near: sources[$0].highest) } ?? UInt64(sequence))
            rtpLeft &-= 1
        }
        return conclude(status, length)
    }

    private mutating func openRTCP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult {
        // Header and SSRC, tag, index.
        guard let start = packet.baseAddress, packet.count >= 8 + profile.rtcpOverhead, packet[0] >> 6 == 2 else { return .malformed }
        guard rtcpLeft > 0 else { return .keyExhausted }
        let ssrc = SRTPLimits.word(UnsafeRawBufferPointer(packet), at: 4)
        let place = place(of: ssrc)
        guard place != nil || mayAdmit else { return .tooManySources }
        var length = Int32(packet.count)
        let status = srtp_unprotect_rtcp(session.raw, start, &length)
        if status == srtp_err_status_ok {
            noteAuthentic(ssrc, place, index: 0)
            rtcpLeft &-= 1
        }
        return conclude(status, length)
    }

    // MARK: - Rollover

    /// Tries the counters that the sender may mean. The library changes nothing before a packet is authentic, so that a wrong guess, and
    /// a forged packet, leave no trace.
    private func openUndecided(
        _ packet: UnsafeMutableRawBufferPointer, _ sequence: UInt16, _ source: Source, _ length: inout Int32
    ) -> (srtp_err_status_t, counter: UInt32) {
        let counters = self.counters(for: sequence, after: source.highest)
        var counter: UInt32 = 0
        var outcome = srtp_err_status_auth_fail
        withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 16) { copy in
            copy.copyMemory(from: UnsafeRawBufferPointer(packet))
            for trial in 0..<3 where outcome != srtp_err_status_ok {
                guard let candidate = counters[trial] else { continue }
                if trial > 0 { packet.copyMemory(from: UnsafeRawBufferPointer(copy)) }
                length = Int32(packet.count)
                guard srtp_set_stream_roc(session.raw, source.ssrc, candidate) == srtp_err_status_ok else { continue }
                outcome = srtp_unprotect(session.raw, packet.baseAddress, &length)
                counter = candidate
            }
        }
        return (outcome, counter)
    }

    /// At most three, each once: the counter kept (RFC 3711 §3.3.1, appendix A: the nearest to the last index), reset, and reset just
    /// before a wrap whose first packets were lost.
    private func counters(for sequence: UInt16, after last: UInt64) -> InlineArray<3, UInt32?> {
        var result = InlineArray<3, UInt32?>(repeating: nil)
        let kept = UInt32(truncatingIfNeeded: Self.index(of: sequence, near: last) >> 16)
        if rollover != .reset { result[0] = kept }
        guard rollover != .keep else { return result }
        if result[0] != 0 { result[1] = 0 }
        if last & 0xFFFF >= 0x8000, sequence < 0x8000, result[0] != 1 { result[2] = 1 }
        return result
    }

    /// RFC 3711 §3.3.1, appendix A: the packet index with this sequence number that is nearest to `last`; never below zero.
    static func index(of sequence: UInt16, near last: UInt64) -> UInt64 {
        guard last > 0x8000 else { return UInt64(sequence) }
        let low = Int64(last & 0xFFFF)
        let high = last & ~0xFFFF
        let number = Int64(sequence)
        if low < 0x8000 { return number - low > 0x8000 ? high &- 0x1_0000 | UInt64(sequence) : high | UInt64(sequence) }
        return low - 0x8000 > number ? (high &+ 0x1_0000) & 0xFFFF_FFFF_FFFF | UInt64(sequence) : high | UInt64(sequence)
    }

    // MARK: - Sources

    private var mayAdmit: Bool { admitsNewSources && sourceCount < SRTPReceiver.maximumSources }

    private func place(of ssrc: UInt32) -> Int? {
        for index in 0..<sourceCount where sources[index].ssrc == ssrc { return index }
        return nil
    }

    private func undecidedPlace(of ssrc: UInt32) -> Int? {
        for index in 0..<undecidedCount where undecided[index].ssrc == ssrc { return index }
        return nil
    }

    private mutating func forgetUndecided(_ place: Int) {
        undecidedCount -= 1
        undecided[place] = undecided[undecidedCount]
    }

    private mutating func noteAuthentic(_ ssrc: UInt32, _ place: Int?, index: UInt64) {
        if let place {
            sources[place].highest = max(sources[place].highest, index)
        } else {
            sources[sourceCount] = Source(ssrc: ssrc, highest: index)
            sourceCount += 1
        }
    }

    private func conclude(_ status: srtp_err_status_t, _ length: Int32) -> SRTPReceiveResult {
        switch status {
        case srtp_err_status_ok: .authenticated(length: Int(length))
        case srtp_err_status_replay_fail, srtp_err_status_replay_old, srtp_err_status_pkt_idx_old: .replayed
        case srtp_err_status_key_expired: .keyExhausted
        case srtp_err_status_bad_param, srtp_err_status_parse_err: .malformed
        default: .unauthenticated
        }
    }
}
