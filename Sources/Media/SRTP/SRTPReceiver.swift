public import SottoBase

/// What became of a received packet.
public enum SRTPReceiveResult: Equatable, Sendable {
    /// Genuine and fresh, decrypted in place; `length` is the plain packet's.
    case authenticated(length: Int)
    /// Its index was seen before or lies behind the window (RFC 3711 §3.3.2).
    case replayed
    /// Not protected with this key.
    case unauthenticated
    /// Too short or not of version 2.
    case malformed
    /// The key protected as many packets as it may (RFC 3711 §9.2).
    case keyExhausted
    /// More synchronisation sources than one peer is allowed to open.
    case tooManySources
}

/// Authenticates, checks for replay and decrypts what one peer sends under one key; one owner, one thread.
///
/// State (rollover counter, replay window) belongs to each SSRC and changes only for authenticated packets (RFC 3711 §3.3).
/// Nothing is allocated per packet; a new SSRC costs one small allocation, and there are at most `maximumSources`.
public struct SRTPReceiver: ~Copyable {
    public static let maximumSources = 32
    /// Packets behind the newest one that are still told apart from replays; RFC 3711 §3.3.2 demands 64 at least.
    public static let replayWindow = 1_024
    public let profile: SRTPProfile

    /// - Parameter key: `key ‖ salt` of exactly `profile.keyAndSaltLength` bytes.
    public init(profile: SRTPProfile, key: SecretBytes) throws(SRTPError) {
        self.profile = profile
        throw .library(code: -1)
    }

    /// Opens an SRTP packet in place.
    public mutating func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult { .malformed }
    /// Opens an SRTCP packet in place.
    public mutating func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer) -> SRTPReceiveResult { .malformed }
}
