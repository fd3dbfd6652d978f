public import SottoBase

/// What became of a received packet.
public enum SRTPReceiveResult: Equatable, Sendable {
    /// Genuine and fresh, decrypted in place; `length` is the plain packet's.
    case authenticated(length: Int)
    /// The same, but under the key before the last change: it was on the way when the key changed. It may be heard; it must move
    /// neither address nor source nor timeout.
    case straggler(length: Int)
    /// Its index was seen before or lies behind the window (RFC 3711 §3.3.2). Nothing is known about its origin: the list is consulted
    /// before the tag, as §3.3 demands.
    case replayed
    /// Not protected with this key. The packet's bytes are spoilt.
    case unauthenticated
    /// Too short, too long or not of version 2.
    case malformed
    /// The key protected as many packets as it may (RFC 3711 §9.2, RFC 4568 §6.1).
    case keyExhausted
    /// A new SSRC beyond those that one peer is allowed to open.
    case tooManySources
}

/// Authenticates, checks for replay and decrypts what one peer sends; one owner, one thread at a time.
///
/// State (rollover counter, replay list) belongs to each SSRC and changes only for authenticated packets (RFC 3711 §3.3, steps 5–7). The
/// library learns an SSRC from its first authentic packet, at the cost of a small allocation; there are at most `maximumSources`, so that
/// a peer cannot make memory grow.
public struct SRTPReceiver: ~Copyable {
    public static let maximumSources = 32
    /// Packets behind the newest one that are still told apart from replays; RFC 3711 §3.3.2 demands 64 at least. SRTCP's list has 128.
    public static let replayWindow = 1_024
    /// How long packets under the old key are usually in flight.
    public static let usualStragglerTime = Duration.seconds(2)

    private var current: SRTPReceivingKey
    private var former: SRTPReceivingKey?
    private var formerUntil = Instant(nanoseconds: .min)

    public var profile: SRTPProfile { current.profile }
    /// SSRCs that were authentic under the current key.
    public var sourceCount: Int { current.sourceCount }

    /// Every SSRC starts with rollover counter 0: a call's start, and a changed address or port (RFC 4568 §7.1.4). With the same key
    /// at the same address the receiver is kept as it is, and so are its counters.
    /// - Parameter key: `key ‖ salt` of exactly `profile.keyAndSaltLength` bytes. It is not kept: only session keys derived from it are.
    public init(profile: SRTPProfile, key: SecretBytes, terms: SRTPKeyTerms = SRTPKeyTerms()) throws(SRTPError) {
        current = try SRTPReceivingKey(profile, key, terms)
    }

    /// The successor after a re-keying at the same address, without the old key.
    public init(
        profile: SRTPProfile, key: SecretBytes, terms: SRTPKeyTerms = SRTPKeyTerms(), continuing old: borrowing SRTPReceiver,
        rollover: SRTPRollover = .automatic
    ) throws(SRTPError) {
        current = try SRTPReceivingKey(profile, key, terms, continuing: old.current, rollover)
    }

    /// The peer changed its key at the same address. Packets under the old one that are still in flight are told as `.straggler` by
    /// the calls that take `now`, until `stragglersUntil`; one change back at most.
    ///
    /// When it throws, nothing has changed.
    public mutating func rekey(
        profile: SRTPProfile, key: SecretBytes, terms: SRTPKeyTerms = SRTPKeyTerms(), rollover: SRTPRollover = .automatic,
        stragglersUntil: Instant
    ) throws(SRTPError) {
        let next = try SRTPReceivingKey(profile, key, terms, continuing: current, rollover)
        former = exchange(&current, next)
        former?.admitsNewSources = false
        formerUntil = stragglersUntil
    }

    /// The same with every counter at zero: the peer changed its address as well.
    public mutating func restart(
        profile: SRTPProfile, key: SecretBytes, terms: SRTPKeyTerms = SRTPKeyTerms(), stragglersUntil: Instant
    ) throws(SRTPError) {
        let next = try SRTPReceivingKey(profile, key, terms)
        former = exchange(&current, next)
        former?.admitsNewSources = false
        formerUntil = stragglersUntil
    }

    /// The peer announced other terms for the same key: its packets carry another identifier from now on, or none; a shorter lifetime
    /// counts from now. Counters and replay lists stay.
    public mutating func adopt(_ terms: SRTPKeyTerms) { current.adopt(terms) }

    /// How often the SSRC's sequence number has wrapped; nil for an SSRC that was never authentic under the current key.
    public func rolloverCounter(of ssrc: UInt32) -> UInt32? { current.rolloverCounter(of: ssrc) }

    /// Opens an SRTP packet in place (RFC 3711 §3.3), under the current key. The buffer is aligned to 4 bytes at least.
    public mutating func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult { current.open(packet, .rtp) }

    /// Opens an SRTCP packet in place (RFC 3711 §3.4). Its index is on the wire, so the rollover counter plays no part.
    public mutating func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult { current.open(packet, .rtcp) }

    /// Opens an SRTP packet in place, under the current key or, for a moment after `rekey`, under the one before.
    public mutating func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer, now: Instant) -> SRTPReceiveResult {
        open(packet, .rtp, now)
    }

    /// Opens an SRTCP packet in place, under the current key or, for a moment after `rekey`, under the one before.
    public mutating func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer, now: Instant) -> SRTPReceiveResult {
        open(packet, .rtcp, now)
    }

    private mutating func open(_ packet: UnsafeMutableRawBufferPointer, _ kind: SRTPKind, _ now: Instant) -> SRTPReceiveResult {
        guard former != nil else { return current.open(packet, kind) }
        guard now < formerUntil else {
            former = nil
            return current.open(packet, kind)
        }
        guard packet.count <= SRTPLimits.maximumPacket else { return .malformed }
        return withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 16) { copy in
            copy.copyMemory(from: UnsafeRawBufferPointer(packet))
            defer { if let start = copy.baseAddress { wipe(start, count: copy.count) } }
            let result = current.open(packet, kind)
            if case .authenticated = result { return result }
            guard case .authenticated(let length)? = former?.open(copy, kind) else { return result }
            packet.copyMemory(from: UnsafeRawBufferPointer(copy))
            return .straggler(length: length)
        }
    }
}

private func exchange(_ place: inout SRTPReceivingKey, _ new: consuming SRTPReceivingKey) -> SRTPReceivingKey {
    let old = place
    place = new
    return old
}
