import RTP
import SRTP
import SottoBase

/// Bytes of a hex string; blanks are for the reader.
func hex(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text where !character.isWhitespace {
        let digit = UInt8(character.hexDigitValue ?? 0)
        if let first = high {
            bytes.append(first << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return bytes
}

func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes[...]) }

func testKey(_ profile: SRTPProfile, seed: UInt8 = 1) -> SecretBytes {
    secret((0..<profile.keyAndSaltLength).map { UInt8(truncatingIfNeeded: $0 * 7) &+ seed })
}

/// A plain RTP packet: 12 bytes of header and a payload that tells its sequence number.
func rtpPacket(sequence: UInt16, ssrc: UInt32 = 0xCAFE_BABE, payload: Int = 160) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 0x00, UInt8(sequence >> 8), UInt8(sequence & 0xFF), 0, 0, 1, 0]
    bytes += [UInt8(ssrc >> 24), UInt8(ssrc >> 16 & 0xFF), UInt8(ssrc >> 8 & 0xFF), UInt8(ssrc & 0xFF)]
    return bytes + (0..<payload).map { UInt8(truncatingIfNeeded: $0) ^ UInt8(sequence & 0xFF) }
}

/// A plain RTCP receiver report without blocks.
func rtcpPacket(ssrc: UInt32 = 0xCAFE_BABE) -> [UInt8] {
    [0x80, 201, 0, 1, UInt8(ssrc >> 24), UInt8(ssrc >> 16 & 0xFF), UInt8(ssrc >> 8 & 0xFF), UInt8(ssrc & 0xFF)]
}

enum Kind: CaseIterable { case rtp, rtcp }

extension SRTPSender {
    /// The protected packet, or why there is none.
    mutating func protect(_ packet: [UInt8], _ kind: Kind = .rtp) -> (SRTPSendResult, [UInt8]) {
        withAligned(packet, room: 64) { buffer in
            let result =
                kind == .rtp ? protectRTP(buffer, length: packet.count) : protectRTCP(buffer, length: packet.count)
            guard case .protected(let length) = result else { return (result, []) }
            return (result, Array(buffer[0..<length]))
        }
    }

    mutating func sealed(_ packet: [UInt8], _ kind: Kind = .rtp) -> [UInt8] { protect(packet, kind).1 }
}

extension SRTPReceiver {
    /// The opened packet, or why there is none. With `now`, stragglers are opened as well.
    mutating func unprotect(_ packet: [UInt8], _ kind: Kind = .rtp, now: Instant? = nil) -> (SRTPReceiveResult, [UInt8]) {
        withAligned(packet, room: 0) { buffer in
            let result: SRTPReceiveResult
            switch (kind, now) {
            case (.rtp, nil): result = unprotectRTP(buffer)
            case (.rtcp, nil): result = unprotectRTCP(buffer)
            case (.rtp, .some(let now)): result = unprotectRTP(buffer, now: now)
            case (.rtcp, .some(let now)): result = unprotectRTCP(buffer, now: now)
            }
            switch result {
            case .authenticated(let length), .straggler(let length): return (result, Array(buffer[0..<length]))
            default: return (result, [])
            }
        }
    }

    mutating func opened(_ packet: [UInt8], _ kind: Kind = .rtp) -> [UInt8] { unprotect(packet, kind).1 }
    mutating func result(_ packet: [UInt8], _ kind: Kind = .rtp, now: Instant? = nil) -> SRTPReceiveResult {
        unprotect(packet, kind, now: now).0
    }
}

extension SRTPSender {
    /// Seals packets that nobody gets, so that the next one may have the index `next` (rollover counter × 65,536 + sequence number).
    mutating func advance(to next: UInt32) {
        var index: UInt32 = 0
        while index + 0x6000 < next {
            index += 0x6000
            _ = sealed(rtpPacket(sequence: UInt16(truncatingIfNeeded: index), ssrc: ssrc, payload: 4))
        }
        if next > 0 { _ = sealed(rtpPacket(sequence: UInt16(truncatingIfNeeded: next - 1), ssrc: ssrc, payload: 4)) }
    }
}

private func withAligned<Result>(_ bytes: [UInt8], room: Int, _ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
    withUnsafeTemporaryAllocation(byteCount: bytes.count + room, alignment: 16) { buffer in
        for (index, byte) in bytes.enumerated() { buffer[index] = byte }
        return body(buffer)
    }
}
