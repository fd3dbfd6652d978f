import Audio
import DTMF
import RTP
import SRTP
import SottoBase

/// What went wrong in the benchmark itself.
struct BenchmarkFault: Error, CustomStringConvertible {
    let description: String
}

extension SRTPProfile {
    /// RFC 4568 §6.2, RFC 7714 §14.2.
    var wireName: String {
        switch self {
        case .aeadAES256GCM: "AEAD_AES_256_GCM"
        case .aeadAES128GCM: "AEAD_AES_128_GCM"
        case .aes256CMSHA1_80: "AES_256_CM_HMAC_SHA1_80"
        case .aes128CMSHA1_80: "AES_CM_128_HMAC_SHA1_80"
        case .aes128CMSHA1_32: "AES_CM_128_HMAC_SHA1_32"
        }
    }

    func key(_ seed: UInt8) -> SecretBytes {
        SecretBytes(copying: (0..<keyAndSaltLength).map { UInt8(truncatingIfNeeded: $0 * 13) &+ seed }[...])
    }
}

/// A caller's datagrams, sealed beforehand: those of each 20 ms in a row. Every session of a rig has the same keys and hears the same.
struct PacketScript {
    enum Kind {
        /// A packet each 20 ms.
        case clean
        /// Loss (one in seventeen, and bursts), reordering, copies, forgeries, DTX gaps, and keys by RFC 4733.
        case hard
    }

    static let payloadType: UInt8 = 96
    static let telephoneEvent: UInt8 = 101
    static let peerKey: UInt8 = 2
    static let ourKey: UInt8 = 1

    private(set) var slots: [[[UInt8]]] = []
    /// Datagrams of all slots.
    private(set) var count = 0

    init(_ kind: Kind, profile: SRTPProfile, codec: AudioCodec, slots length: Int) throws {
        var sender = try SRTPSender(profile: profile, key: profile.key(Self.peerKey), ssrc: 0xABCD_0001)
        var encoder = try FrameEncoder(codec: codec)
        var tone = ToneGenerator(700, 1_900)
        // The sequence number wraps on the way.
        var sequence: UInt16 = 60_000
        var timestamp: UInt32 = 50_000
        var marker = true
        let ticks = codec.ticks(samples: 320)
        var samples = [Int16](repeating: 0, count: 320)
        var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
        var held: [[UInt8]] = []
        slots.reserveCapacity(length)

        func seal(_ payload: ArraySlice<UInt8>, type: UInt8, at timestamp: UInt32) throws -> [UInt8] {
            let header = RTPHeader(
                marker: marker, payloadType: PayloadType(type), sequence: sequence, timestamp: timestamp, ssrc: SSRC(sender.ssrc))
            marker = false
            sequence &+= 1
            return try withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
                try header.write(into: buffer)
                for (index, byte) in payload.enumerated() { buffer[12 + index] = byte }
                guard case .protected(let length) = sender.protectRTP(buffer, length: 12 + payload.count) else {
                    throw BenchmarkFault(description: "a packet cannot be sealed")
                }
                return Array(buffer[0..<length])
            }
        }

        for slot in 0..<length {
            let place = kind == .hard ? slot % 250 : -1
            var packets: [[UInt8]] = []
            switch place {
            case 60..<75:  // DTX: nothing, and the clock goes on
                marker = true
            case 120..<126:  // a key: five packets that grow, then three ends (RFC 4733 §2.5.1.4)
                let step = place - 120
                let start = timestamp &- UInt32(step) &* ticks
                marker = step == 0
                for _ in 0..<(step == 5 ? 3 : 1) {
                    let event = TelephoneEvent(
                        event: UInt8(slot / 250 % 12), isEnd: step == 5, volume: 10, duration: UInt16(clamping: (UInt32(step) + 1) * ticks))
                    var bytes = [UInt8](repeating: 0, count: TelephoneEvent.size)
                    _ = bytes.withUnsafeMutableBytes { event.write(into: $0) }
                    packets.append(try seal(bytes[...], type: Self.telephoneEvent, at: start))
                }
                marker = true
            default:
                samples.withUnsafeMutableBufferPointer { tone.fill($0) }
                let size = payload.withUnsafeMutableBytes { target in
                    samples.withUnsafeBufferPointer { encoder.encode($0, into: target) }
                }
                guard let size else { throw BenchmarkFault(description: "a frame cannot be encoded") }
                packets.append(try seal(payload[..<size], type: Self.payloadType, at: timestamp))
                if kind == .hard {
                    if slot % 17 == 16 || (180..<184).contains(place) { packets.removeAll() }
                    if slot % 29 == 3, let packet = packets.first { packets.append(packet) }
                    if slot % 31 == 4, var forged = packets.first {
                        forged[forged.count - 1] ^= 1
                        packets.insert(forged, at: 0)  // before the genuine one, or it would count as a copy
                    }
                }
            }
            timestamp &+= ticks
            if kind == .hard, slot % 23 == 5 {
                held = packets
                packets = []
            } else if !held.isEmpty {
                packets += held
                held = []
            }
            count += packets.count
            slots.append(packets)
        }
    }
}
