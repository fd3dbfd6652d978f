import SottoBase
import Testing

@testable import RTP

/// A sender whose clock is not ours, what the buffer says of itself, and what follows a loss.
@Suite struct JitterDriftTests {
    /// Plays 20 ms frames of a sender whose clock is fast by `partsPerMillion`, as the media plane does: a correction before each pull,
    /// and a queue of samples between. Returns the delay's range after the start.
    private func play(partsPerMillion: Double, minutes: Int, isCorrecting: Bool, jitter: Int64 = 2)
        -> (counters: JitterCounters, least: Duration, most: Duration)
    {
        var buffer = JitterBuffer(clockRate: 8_000)
        var random = SeededRandom(seed: 11)
        let payload = [UInt8](repeating: 1, count: 160)
        let period = 20_000_000 / (1 + partsPerMillion / 1_000_000)
        var sent: Int64 = 0
        var held = 0
        var least = Duration.seconds(9)
        var most = Duration.zero
        for step in 0..<Int64(minutes * 3_000) {
            let now = Instant(nanoseconds: step * 20_000_000 + 3_000_000)
            while true {
                let arrival = Int64(Double(sent) * period) + Int64(random.next() % UInt64(jitter * 1_000_000))
                guard arrival <= now.nanoseconds else { break }
                _ = payload.withUnsafeBytes {
                    buffer.push(
                        sequence: sent, timestamp: UInt32(truncatingIfNeeded: sent * 160), payloadType: PayloadType(0), marker: false,
                        ticks: 160, payload: $0, arrival: Instant(nanoseconds: arrival))
                }
                sent += 1
            }
            while held < 160 {
                let change = isCorrecting ? buffer.correction(now: now) : 0
                #expect((-1...1).contains(change))
                switch buffer.pull(now: now, isQuiet: false) {
                case .packet: held += 160 + change  // a sample of 8 kHz is two of 16: the media plane is twice as gentle
                case .lost(let ticks), .silence(let ticks): held += Int(ticks)
                case .notReady: held = 160
                }
            }
            held -= 160
            if step > 500 {
                least = min(least, buffer.currentDelay)
                most = max(most, buffer.currentDelay)
            }
        }
        return (buffer.counters, least, most)
    }

    @Test(arguments: [-300.0, -100, -20, 0, 20, 100, 300])
    func anotherClockIsFollowedWithoutASeam(partsPerMillion: Double) {
        let (counters, _, most) = play(partsPerMillion: partsPerMillion, minutes: 6, isCorrecting: true)
        #expect(counters.dropped == 0 && counters.stretched == 0 && counters.underruns == 0 && counters.lost == 0)
        if counters.dropped + counters.stretched + counters.underruns + counters.lost > 0 { Issue.record("\(counters)") }
        #expect(most <= .milliseconds(80), "\(most)")
    }

    /// Without it, frames must be dropped or put in.
    @Test(arguments: [-300.0, 300])
    func withoutCorrectionTheClockCostsFrames(partsPerMillion: Double) {
        let (counters, _, _) = play(partsPerMillion: partsPerMillion, minutes: 6, isCorrecting: false)
        #expect(counters.dropped + counters.stretched + counters.underruns > 0)
    }

    @Test func nothingIsCorrectedBeforeAndBesidesAStream() {
        var buffer = JitterBuffer(clockRate: 48_000)
        #expect(buffer.correction(now: Instant(nanoseconds: .max)) == 0)
        #expect(buffer.currentDelay == .zero && buffer.packetAfterLoss == nil)
    }

    // MARK: - Forward error correction

    private func push(_ buffer: inout JitterBuffer, _ number: Int64, at milliseconds: Int64) {
        let payload = [UInt8](repeating: UInt8(number), count: 40)
        let result = payload.withUnsafeBytes {
            buffer.push(
                sequence: number, timestamp: UInt32(number * 960), payloadType: PayloadType(96), marker: false, ticks: 960, payload: $0,
                arrival: Instant(nanoseconds: milliseconds * 1_000_000))
        }
        #expect(result == .stored)
    }

    /// Pulls until a loss is told; returns the first byte of the packet that holds its copy.
    private func copyAfterLoss(_ missing: Set<Int64>, count: Int64 = 12) -> [UInt8?] {
        var buffer = JitterBuffer(clockRate: 48_000, minimumDelayMilliseconds: 60)
        var found: [UInt8?] = []
        for step in 0..<count + 3 {
            if step < count, !missing.contains(step) { push(&buffer, step, at: step * 20) }
            if case .lost = buffer.pull(now: Instant(nanoseconds: (step * 20 + 5) * 1_000_000), isQuiet: false), step < count {
                found.append(buffer.packetAfterLoss?.payload.first)
            } else {
                #expect(buffer.packetAfterLoss == nil)
            }
        }
        return found
    }

    @Test func theNextPacketIsShownForOneLostFrame() { #expect(copyAfterLoss([5]) == [6]) }

    /// It holds a copy of the last missing frame alone.
    @Test func ofTwoLostFramesTheSecondHasACopy() { #expect(copyAfterLoss([5, 6]) == [nil, 7]) }

    // MARK: - Counters

    @Test func overtakenAndDoubledPacketsAreCounted() {
        var buffer = JitterBuffer(clockRate: 48_000)
        for number: Int64 in [0, 2, 1, 3, 6, 5, 4] { push(&buffer, number, at: number * 20) }
        #expect(buffer.counters.reordered == 3)
        let again = [UInt8](repeating: 0, count: 40).withUnsafeBytes {
            buffer.push(
                sequence: 4, timestamp: 3_840, payloadType: PayloadType(96), marker: false, ticks: 960, payload: $0,
                arrival: Instant(nanoseconds: 0))
        }
        #expect(again == .duplicate && buffer.counters.duplicate == 1 && buffer.counters.reordered == 3)
    }

    @Test func theDelayThatThereIsIsToldBesideTheTarget() {
        var buffer = JitterBuffer(clockRate: 48_000, minimumDelayMilliseconds: 60)
        for number: Int64 in 0..<5 { push(&buffer, number, at: number * 20) }
        guard case .packet = buffer.pull(now: Instant(nanoseconds: 100_000_000), isQuiet: false) else {
            Issue.record("a packet is due")
            return
        }
        #expect(buffer.currentDelay == .milliseconds(80))
        #expect(buffer.targetDelay >= .milliseconds(60))
    }

    // MARK: - Another source

    /// RFC 3550 §8.2.
    @Test func aCollisionStartsTheCountsAnew() {
        var sender = RTPSender(ssrc: SSRC(1), sequence: 7, timestamp: 1_000)
        _ = sender.next(payloadType: PayloadType(0), marker: false, payloadCount: 160, ticks: 160)
        sender.changeSource(to: SSRC(2), sequence: 0xFFFF)
        let header = sender.next(payloadType: PayloadType(0), marker: true, payloadCount: 160, ticks: 160)
        #expect(header.ssrc == SSRC(2) && header.sequence == 0x7FFF && header.timestamp == 1_160)
        #expect(sender.packetCount == 1 && sender.octetCount == 160)
    }
}
