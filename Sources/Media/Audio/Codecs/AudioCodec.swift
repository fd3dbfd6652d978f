internal import COpus

/// A codec that Sotto speaks. Everywhere outside the codecs, audio is 16 kHz mono `Int16`.
public enum AudioCodec: UInt8, Sendable, CaseIterable {
    /// ITU-T G.711 µ-law.
    case pcmu
    /// ITU-T G.711 A-law.
    case pcma
    /// RFC 6716, decoded and encoded at 16 kHz mono.
    case opus
    /// ITU-T G.722 at 64 kbit/s: 16 kHz as it is.
    case g722

    /// Ticks per second of the RTP timestamp: Opus always counts at 48 kHz (RFC 7587 §4.1), G.722 at 8 kHz although it samples at 16
    /// (RFC 3551 §4.5.2).
    public var clockRate: Int { self == .opus ? 48_000 : 8_000 }
    /// RTP ticks that pass while `samples` of 16 kHz play.
    @inlinable public func ticks(samples: Int) -> UInt32 {
        self == .opus ? UInt32(truncatingIfNeeded: samples &* 3) : UInt32(truncatingIfNeeded: samples / 2)
    }

    /// 16 kHz samples that play as long as `ticks` of the RTP clock.
    @inlinable public func samples(ticks: UInt32) -> Int { self == .opus ? Int(ticks / 3) : Int(ticks) * 2 }
}

/// Why a codec could not be made. Scope: the call.
public enum AudioCodecFault: Error, Equatable, Sendable {
    /// libopus's own code, below 0.
    case opus(code: Int32)
    case outOfMemory
}

extension AudioCodec {
    /// 16 kHz samples that a payload plays, without decoding it; nil when it is malformed or plays longer than 120 ms.
    public func sampleCount(of payload: UnsafeRawBufferPointer) -> Int? {
        guard let start = payload.baseAddress, payload.count > 0 else { return nil }
        switch self {
        case .pcmu, .pcma, .g722:
            return payload.count <= FrameDecoder.maximumSamples / 2 ? payload.count * 2 : nil
        case .opus:
            guard payload.count <= 65_535 else { return nil }
            let count = opus_packet_get_nb_samples(start.assumingMemoryBound(to: UInt8.self), Int32(payload.count), 16_000)
            return count > 0 && count <= Int32(FrameDecoder.maximumSamples) ? Int(count) : nil
        }
    }

    /// The same in RTP ticks, as `JitterBuffer.push` wants it.
    public func rtpTicks(of payload: UnsafeRawBufferPointer) -> UInt32? { sampleCount(of: payload).map { ticks(samples: $0) } }
}
