import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

/// A peer whose clock is not ours.
struct DriftTests {
    /// What came of minutes with a peer whose packets come faster or slower than they should.
    private struct Outcome {
        var frames = 0
        var loudest: Int32 = 0
        /// The sharpest bend of the wave: of a sine a small part of its amplitude, of a seam most of it.
        var sharpest: Int32 = 0
        var hasGaps = false
        var conceals = false
        var payloads = 0
        var payloadSeams = 0
        var counters = JitterCounters()
        var delays: [Int64] = []
        var statistics = MediaStatistics()
    }

    /// 20 ms are no whole number of waves of 1,010 Hz, five times as much are: a frame that is left out would click.
    private func tone(_ codec: AudioCodec) throws -> [[UInt8]] {
        var encoder = try FrameEncoder(codec: codec)
        var tone = ToneGenerator(1_010)
        var pcm = [Int16](repeating: 0, count: 320)
        var payloads: [[UInt8]] = []
        for _ in 0..<10 {
            pcm.withUnsafeMutableBufferPointer { tone.fill($0) }
            var payload = [UInt8](repeating: 0, count: 160)
            let size = payload.withUnsafeMutableBytes { target in pcm.withUnsafeBufferPointer { encoder.encode($0, into: target) } }
            guard size == 160 else { throw PeerFault() }
            payloads.append(payload)
        }
        return Array(payloads.suffix(5))
    }

    private func listen(
        _ codec: AudioCodec, partsPerMillion drift: Int64, minutes: Int64
    ) throws -> Outcome {
        let harness = try Harness(codec: codec)
        let ring = AudioRing(content: .own, capacity: 64)
        let recording = RecordingRing(capacity: 4_096)  // nobody reads it
        try harness.open(rings: MediaRings(recognizer: ring, recording: recording))
        let payloads = try tone(codec)
        let stream = try #require(harness.worker.streamForTests(harness.id))
        var outcome = Outcome()
        var before: (Int32, Int32)?
        var expected: MediaTime?
        var payloadEnd = stream.pointee.payloadEnd
        let start = harness.now
        let step = 20 * (1_000_000 - drift)
        var nextPacket = start + .milliseconds(3)
        let end = start + .seconds(60 * minutes)
        var nextLook = start
        var number = 0
        while harness.now < end {
            let due = harness.worker.nextDeadline ?? end
            harness.now = max(harness.now, min(due, nextPacket))
            if nextPacket <= harness.now {
                harness.peer.send(
                    try harness.peer.protect(payloads[number % payloads.count], type: harness.peer.payloadType, ticks: 160))
                number += 1
                nextPacket = nextPacket + .nanoseconds(step)
            }
            harness.worker.turn(now: harness.now)
            harness.worker.events.drain(limit: .max) { _ in }
            let isSteady = harness.now - start > .seconds(1)
            while ring.read({ header, samples in
                if let expected, header.position != expected { outcome.hasGaps = true }
                expected = header.position + 20
                outcome.frames += 1
                guard isSteady else { return }
                if header.flags.contains(.concealed) { outcome.conceals = true }
                for sample in samples {
                    let value = Int32(sample)
                    outcome.loudest = max(outcome.loudest, value)
                    if let before { outcome.sharpest = max(outcome.sharpest, abs(before.0 - 2 * before.1 + value)) }
                    before = before.map { ($0.1, value) }
                }
                if before == nil, samples.count >= 2 {
                    before = (Int32(samples[samples.count - 2]), Int32(samples[samples.count - 1]))
                }
            }) != nil {}
            let newEnd = stream.pointee.payloadEnd
            if newEnd != payloadEnd {
                outcome.payloads += 1
                if isSteady, newEnd != payloadEnd + 20 { outcome.payloadSeams += 1 }
                payloadEnd = newEnd
            }
            if harness.now >= nextLook {
                nextLook = nextLook + .seconds(10)
                outcome.delays.append(stream.pointee.jitter.currentDelay.wholeMilliseconds)
                harness.peer.listen()
                harness.peer.heard.removeAll(keepingCapacity: true)
                harness.peer.payloadsHeard.removeAll(keepingCapacity: true)
                harness.peer.headers.removeAll(keepingCapacity: true)
            }
        }
        outcome.counters = stream.pointee.jitter.counters
        outcome.statistics = try #require(harness.close())
        return outcome
    }

    /// Two bad crystals differ by 200 ppm. Twice as much is 48 ms in two minutes, which would not do without a dropped or an
    /// invented frame.
    @Test(arguments: [400, -400])
    func anotherClockIsFollowedWithoutASeam(_ drift: Int64) throws {
        let outcome = try listen(.pcma, partsPerMillion: drift, minutes: 2)
        #expect(outcome.counters.lost == 0 && outcome.counters.late == 0 && outcome.counters.overflow == 0)
        #expect(outcome.counters.dropped == 0 && outcome.counters.stretched == 0 && outcome.counters.underruns == 0)
        #expect(!outcome.conceals)
        #expect(!outcome.hasGaps)
        #expect(outcome.frames >= 2 * 60 * 50 - 10)
        // A sine of 1,010 Hz bends by 0.16 of its amplitude.
        #expect(outcome.loudest > 4_000)
        #expect(outcome.sharpest < outcome.loudest / 3)
        // The recorder's frames lie end to end, but for a shift now and then.
        #expect(outcome.payloads >= 2 * 60 * 50 - 20)
        #expect(outcome.payloadSeams <= 8)
        #expect(outcome.delays.allSatisfy { $0 <= 100 })
        #expect(outcome.statistics.packetsLost == 0)
    }
}
