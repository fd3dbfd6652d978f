internal import Audio
internal import RTP
internal import SottoBase

extension MediaStream {
    /// The counters with what the buffers know.
    func statistics() -> MediaStatistics {
        var result = counters
        result.packetsLost = reception.lost
        result.packetsLate = UInt64(clamping: jitter.counters.late)
        result.jitterMicroseconds = UInt32(clamping: reception.jitter.wholeNanoseconds / 1_000)
        result.jitterTargetMilliseconds = UInt32(clamping: jitter.targetDelay.wholeMilliseconds)
        result.jitterBufferMilliseconds = UInt32(clamping: jitter.currentDelay.wholeMilliseconds)
        result.roundTripMicroseconds = UInt32(clamping: (reception.roundTrip?.wholeNanoseconds ?? 0) / 1_000)
        result.remotePacketsLost = remoteLost
        result.remoteJitterMicroseconds = UInt32(clamping: Int64(remoteJitterTicks) * 1_000_000 / Int64(settings.codec.clockRate))
        result.mosHundredths = opinion(result)
        return result
    }

    /// ITU-T G.107: loss includes what came too late for the jitter buffer; delay is half the round trip, the buffer and a packet.
    private func opinion(_ statistics: MediaStatistics) -> UInt32 {
        guard statistics.packetsReceived > 0, reception.expected > 0 else { return 0 }
        let missing = max(0, statistics.packetsLost) &+ (isHearing ? Int64(clamping: statistics.packetsLate) : 0)
        let quality = VoiceQuality(
            codec: settings.codec.impairment, loss: Double(missing) / Double(reception.expected),
            delay: .microseconds(Int64(statistics.roundTripMicroseconds) / 2)
                + .milliseconds(Int64(statistics.jitterTargetMilliseconds) + Int64(settings.packetMilliseconds)))
        return UInt32(clamping: Int64((quality.meanOpinionScore * 100).rounded()))
    }
}

extension AudioCodec {
    fileprivate var impairment: CodecImpairment {
        switch self {
        case .pcmu, .pcma: .g711
        case .g722: .g722
        case .opus: .opus
        }
    }
}
