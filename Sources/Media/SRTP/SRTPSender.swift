public import SottoBase

/// What became of a packet to be sent.
public enum SRTPSendResult: Equatable, Sendable {
    /// Protected in place; `length` is the whole packet's.
    case protected(length: Int)
    /// The buffer has no room for the tag.
    case noRoom
    /// Not a packet of this context's SSRC, or too short.
    case malformed
    /// Its sequence number was used already: a second packet under one index would break the cipher.
    case indexReused
    /// The key protected as many packets as it may.
    case keyExhausted
}

/// Encrypts and authenticates what we send from one SSRC under one key; one owner, one thread. Nothing is allocated per packet.
public struct SRTPSender: ~Copyable {
    public let profile: SRTPProfile
    public let ssrc: UInt32

    /// - Parameter key: `key ‖ salt` of exactly `profile.keyAndSaltLength` bytes.
    public init(profile: SRTPProfile, key: SecretBytes, ssrc: UInt32) throws(SRTPError) {
        self.profile = profile
        self.ssrc = ssrc
        throw .library(code: -1)
    }

    /// Protects the RTP packet in `buffer[0..<length]`; the rest of the buffer is room for the tag.
    public mutating func protectRTP(_ buffer: UnsafeMutableRawBufferPointer, length: Int) -> SRTPSendResult { .malformed }
    /// Protects the RTCP compound in `buffer[0..<length]`.
    public mutating func protectRTCP(_ buffer: UnsafeMutableRawBufferPointer, length: Int) -> SRTPSendResult { .malformed }
}
