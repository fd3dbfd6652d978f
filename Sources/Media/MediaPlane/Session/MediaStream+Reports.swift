internal import Audio
internal import DTMF
internal import RTP
internal import SRTP
internal import SottoBase

extension MediaStream {
    /// RFC 3550 §6.2: five seconds, and a random factor of 0.5 to 1.5 so that reports of many calls do not march in step. The first comes
    /// after half of it.
    static func reportDelay(isFirst: Bool) -> Int64 {
        let base: Int64 = isFirst ? 2_500_000_000 : 5_000_000_000
        return base / 2 &+ Int64.random(in: 0...base)
    }

    mutating func report(_ tools: borrowing MediaTools, now: Instant) {
        nextReport = now.nanoseconds &+ Self.reportDelay(isFirst: false)
        sendReport(tools, now: now, saysBye: false)
    }

    /// SR or RR, SDES, and BYE at the end (RFC 3550 §6.1), protected (RFC 3711 §3.4).
    mutating func sendReport(_ tools: borrowing MediaTools, now: Instant, saysBye: Bool) {
        guard let destination = settings.rtcpMux ? rtpSource.destination : rtcpSource.destination else { return }
        guard sender != nil else { return }
        // RFC 5764 §4.2: without mux the RTCP port would need a handshake of its own, and nothing leaves in its place.
        guard settings.rtcpMux || settings.dtls == nil else { return }
        var information: SenderInformation?
        if sentSinceReport {
            // The timestamp of the frame that is due next, set back by the time until then: the same moment on both clocks.
            // On a bridge the far leg's packets set the clock: the last one ends at `passedEnd`.
            let reference = passedUntil != .min ? passedEnd : nextSpeak
            let ahead = (reference &- now.nanoseconds) / 1_000 &* Int64(settings.codec.clockRate) / 1_000_000
            information = SenderInformation(
                time: MediaClock.wallNow, timestamp: rtp.timestamp &- UInt32(truncatingIfNeeded: ahead), packetCount: rtp.packetCount,
                octetCount: rtp.octetCount)
            sentSinceReport = false
        }
        var block: ReportBlock?
        if let remoteSource { block = reception.makeReportBlock(for: remoteSource, now: now) }
        let compound = RTCPReport(ssrc: rtp.ssrc, canonicalName: canonicalName, sender: information, block: block, saysBye: saysBye)
        guard let size = try? compound.write(into: tools.packet) else { return }
        switch sender?.protectRTCP(tools.packet, length: size) {
        case nil: break
        case .protected(let length):
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(tools.packet)[0..<length])
            _ = transmit(bytes, on: settings.rtcpMux ? rtpDescriptor : rtcpDescriptor, to: destination, tools)
        case .keyExhausted: exhaust(tools)
        case .noRoom, .malformed, .indexReused, .failed: tools.counters.pointee.sendFailures &+= 1
        }
    }

    private static let longestPause: Int64 = 600_000_000_000

    /// Media timeout and statistics.
    mutating func watch(_ tools: borrowing MediaTools, now: Instant) {
        // Paused on hold and while the peer said that it pauses (DTX), then for ten minutes at most: every timer ends.
        let patience = isInPause ? Self.longestPause : 0
        if let mediaTimeout, direction.receives, !hasTimedOut,
            now.nanoseconds &- lastAuthentic.nanoseconds >= max(mediaTimeout, patience)
        {
            hasTimedOut = true
            tools.events.push(.mediaTimedOut(id))
        }
        if let statisticsInterval, nextStatistics <= now.nanoseconds {
            nextStatistics = now.nanoseconds &+ statisticsInterval
            tools.events.pushStatistics(id, statistics())
        }
    }

    /// The end: what waits in the guard leaves, the peer hears BYE.
    mutating func finish(_ tools: borrowing MediaTools, now: Instant) {
        apply(dtmf.timePassed(now: heardPosition + 1_000), tools)
        if isHearing {
            line.drain()
            deliver(tools)
        }
        sendReport(tools, now: now, saysBye: true)
    }
}
