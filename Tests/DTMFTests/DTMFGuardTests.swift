import DTMF
import RTP
import SottoBase
import Testing

/// A guard that is fed frames of ones; what comes out is kept by its position in milliseconds.
private final class Line {
    var line: DTMFGuard
    let frame: Int
    private(set) var now: Int64 = 0
    private(set) var audio: [(at: Int64, isCut: Bool, isSilent: Bool)] = []
    private(set) var payloads: [(at: Int64, isCut: Bool, bytes: [UInt8])] = []

    init(delay: Int = 60, before: Int? = nil, after: Int = 40, frame: Int = 20) {
        line = DTMFGuard(delayMilliseconds: delay, guardBeforeMilliseconds: before, guardAfterMilliseconds: after)
        self.frame = frame
    }

    /// Pushes frames, each with a payload of its own, up to `end` ms.
    func feed(until end: Int64) {
        while now < end {
            let samples = [Int16](repeating: 1, count: frame * 16)
            let payload = withUnsafeBytes(of: now) { Array($0) }
            let position = MediaTime(milliseconds: now)
            #expect(payload.withUnsafeBytes { line.push(payload: $0, at: position, durationMilliseconds: frame) })
            #expect(samples.withUnsafeBufferPointer { line.push($0, at: position) })
            now += Int64(frame)
            take()
        }
    }

    func take() {
        while let out = line.popAudio() {
            audio.append((out.position.milliseconds, out.flags.contains(.cut), out.samples.allSatisfy { $0 == 0 }))
            #expect(out.samples.count == frame * 16)
            #expect(out.flags.contains(.cut) || out.samples.allSatisfy { $0 == 1 })
        }
        while let out = line.popPayload() {
            payloads.append((out.position.milliseconds, out.isCut, Array(out.bytes)))
            #expect(Int(out.durationMilliseconds) == frame)
        }
    }

    var cut: [Int64] { audio.filter(\.isCut).map(\.at) }
}

private func at(_ milliseconds: Int64) -> MediaTime { MediaTime(milliseconds: milliseconds) }

@Suite struct DTMFGuardTests {
    @Test(arguments: [40, 60, 100, 120], [10, 20])
    func framesLeaveAfterTheDelay(delay: Int, frame: Int) {
        let line = Line(delay: delay, frame: frame)
        line.feed(until: Int64(delay))
        #expect(line.audio.isEmpty && line.payloads.isEmpty)
        line.feed(until: Int64(delay + frame))
        #expect(line.audio.map(\.at) == [0])
        #expect(line.payloads.map(\.at) == [0])
        line.feed(until: 2_000)
        #expect(line.audio.map(\.at) == stride(from: Int64(0), to: 2_000 - Int64(delay), by: frame).map { $0 })
        #expect(line.payloads.allSatisfy { entry in withUnsafeBytes(of: entry.at) { Array($0) } == entry.bytes })
        #expect(line.cut.isEmpty && line.line.refused == 0)
    }

    @Test func delayHasBounds() {
        let short = Line(delay: 0)
        short.feed(until: 40)
        #expect(short.audio.isEmpty)
        let long = Line(delay: 10_000)
        long.feed(until: 140)
        #expect(long.audio.map(\.at) == [0])
    }

    /// An event from 300 to 400 ms, told of when audio up to 300 ms was pushed: 60 ms before and 40 ms after go with it.
    @Test func eventIsCutWithItsGuards() {
        let line = Line()
        line.feed(until: 300)
        line.line.eventBegan(at: at(300))
        line.feed(until: 400)
        line.line.eventEnded(at: at(400))
        line.feed(until: 1_000)
        #expect(line.cut == [240, 260, 280, 300, 320, 340, 360, 380, 400, 420])
        #expect(line.audio.filter(\.isSilent).map(\.at) == line.cut)
        #expect(line.payloads.filter(\.isCut).map(\.at) == line.cut)
        #expect(line.payloads.allSatisfy { $0.isCut == $0.bytes.isEmpty })
        #expect(line.audio.map(\.at) == stride(from: Int64(0), to: 940, by: 20).map { $0 }, "the length stays")
        #expect(line.line.cutFrames == 10)
    }

    /// Whatever the edges: every frame that touches the stretch is cut, and no other.
    @Test func edgesWithinFramesCutTheWholeFrame() {
        for start in stride(from: Int64(300), to: 340, by: 3) {
            for length in [Int64(1), 15, 40, 101] {
                let line = Line(before: 50, after: 30)
                line.feed(until: 300)
                line.line.eventBegan(at: at(start))
                line.line.eventEnded(at: at(start + length))
                line.feed(until: 1_000)
                let expected = stride(from: Int64(0), to: 940, by: 20).filter { $0 < start + length + 30 && $0 + 20 > start - 50 }
                #expect(line.cut == expected, "start \(start), length \(length)")
            }
        }
    }

    @Test func whatHasLeftStays() {
        let line = Line()
        line.feed(until: 500)
        line.line.eventBegan(at: at(300))  // 200 ms late
        line.line.eventEnded(at: at(400))
        line.feed(until: 1_000)
        #expect(line.cut == [])
        let late = Line()
        late.feed(until: 500)
        late.line.eventBegan(at: at(440))
        late.line.eventEnded(at: at(480))
        late.feed(until: 1_000)
        #expect(late.cut == [440, 460, 480, 500])
    }

    @Test func openEventStaysCutUntilItsEnd() {
        let line = Line()
        line.feed(until: 100)
        line.line.eventBegan(at: at(100))
        line.feed(until: 5_000)
        #expect(line.cut == stride(from: Int64(40), to: 4_940, by: 20).map { $0 })
        line.line.eventEnded(at: at(5_000))
        line.feed(until: 6_000)
        #expect(line.cut.last == 5_020)
    }

    @Test func armedSuspicionCutsBackToItself() {
        let line = Line(delay: 120, before: 0, after: 0)
        line.feed(until: 300)
        line.line.arm(at: at(220))
        line.line.eventBegan(at: at(300))
        line.line.eventEnded(at: at(320))
        line.feed(until: 1_000)
        #expect(line.cut == [220, 240, 260, 280, 300])
        let disarmed = Line(delay: 120, before: 0, after: 0)
        disarmed.feed(until: 300)
        disarmed.line.arm(at: at(220))
        disarmed.line.disarm()
        disarmed.line.eventBegan(at: at(300))
        disarmed.line.eventEnded(at: at(320))
        disarmed.feed(until: 1_000)
        #expect(disarmed.cut == [300])
        let stale = Line(delay: 120, before: 0, after: 0)
        stale.feed(until: 300)
        stale.line.arm(at: at(90))
        stale.line.eventBegan(at: at(300))
        stale.line.eventEnded(at: at(320))
        stale.feed(until: 1_000)
        #expect(stale.cut == [300], "a suspicion is forgotten after 200 ms")
    }

    @Test func armingAloneCutsNothing() {
        let line = Line()
        line.feed(until: 100)
        line.line.arm(at: at(60))
        line.feed(until: 1_000)
        #expect(line.cut.isEmpty)
    }

    @Test func manyEventsAreAllCut() {
        let line = Line(delay: 120, before: 0, after: 0)
        line.feed(until: 60)
        var expected: [Int64] = []
        for index in 0..<30 {  // all ahead of the audio, more than the list has places for
            let start = Int64(100 + index * 40)
            line.line.eventBegan(at: at(start))
            line.line.eventEnded(at: at(start + 20))
            expected.append(start)
        }
        line.feed(until: 3_000)
        #expect(Set(expected).isSubset(of: line.cut), "never less")
    }

    @Test func drainReleasesWhatWaits() {
        let line = Line()
        line.feed(until: 200)
        line.line.eventBegan(at: at(190))
        line.line.drain()
        line.take()
        #expect(line.audio.map(\.at) == stride(from: Int64(0), to: 200, by: 20).map { $0 })
        #expect(line.payloads.count == 10)
        #expect(line.cut == [140, 160, 180], "130 ms on, of what has not left")
    }

    @Test func resetForgetsCutsAndFrames() {
        let line = Line()
        line.feed(until: 100)
        line.line.eventBegan(at: at(100))
        line.line.reset()
        line.take()
        line.feed(until: 400)
        #expect(line.cut.isEmpty)
        #expect(line.audio.count == (400 - 100 - 60) / 20 + 2)
    }

    @Test func fullLineRefusesAndCounts() {
        var line = DTMFGuard()
        let samples = [Int16](repeating: 1, count: 320)
        var accepted = 0
        for index in 0..<20 where samples.withUnsafeBufferPointer({ line.push($0, at: at(Int64(index) * 20)) }) { accepted += 1 }
        #expect(accepted == 16)
        #expect(line.refused == 4)
        let tooLong = [Int16](repeating: 1, count: 321)
        #expect(!tooLong.withUnsafeBufferPointer { line.push($0, at: at(0)) })
        let payload = [UInt8](repeating: 0, count: 1_500)
        var stored = 0
        for index in 0..<10 where payload.withUnsafeBytes({ line.push(payload: $0, at: at(Int64(index) * 20), durationMilliseconds: 20) }) {
            stored += 1
        }
        #expect(stored == 4)
        #expect(!payload.withUnsafeBytes { line.push(payload: $0, at: at(0), durationMilliseconds: 0) })
        #expect(!payload.withUnsafeBytes { line.push(payload: $0, at: at(0), durationMilliseconds: 121) })
    }

    /// Payloads of every size through many turns of the byte ring: none is damaged, empty ones included.
    @Test func payloadRingKeepsItsBytes() {
        var line = DTMFGuard(delayMilliseconds: 120)
        let samples = [Int16](repeating: 1, count: 320)
        var state: UInt32 = 9
        var expected: [[UInt8]] = []
        var got: [[UInt8]] = []
        for index in 0..<5_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            let count = state >> 28 == 0 ? 0 : Int(state >> 16) % 700
            let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: count)
            #expect(payload.withUnsafeBytes { line.push(payload: $0, at: at(Int64(index) * 20), durationMilliseconds: 20) })
            expected.append(payload)
            #expect(samples.withUnsafeBufferPointer { line.push($0, at: at(Int64(index) * 20)) })
            while line.popAudio() != nil {}
            while let out = line.popPayload() { got.append(Array(out.bytes)) }
        }
        #expect(got == Array(expected.prefix(got.count)))
        #expect(got.count == 5_000 - 6)
    }

    /// Receiver and guard together: a key from 300 to 400 ms, heard of 20 ms after its start, under every pattern of loss.
    @Test func noSampleOfAKeyLeavesUnderAnyLoss() {
        let all = keyPackets(5, timestamp: EventRig.timestamp(at: 300), at: 300)
        for pattern in 1..<(1 << all.count) {
            let arrived = all.indices.filter { pattern >> $0 & 1 == 1 }.map { all[$0] }
            let line = Line()
            var rig = EventRig()
            var applied = 0
            var next = 0
            for tick in stride(from: Int64(20), through: 1_000, by: 20) {
                line.feed(until: tick)
                while next < arrived.count, arrived[next].at <= tick {
                    rig.receive(arrived[next])
                    next += 1
                }
                rig.pass(to: tick)
                while applied < rig.changes.count {
                    line.line.apply(rig.changes[applied])
                    applied += 1
                }
            }
            // What left before the first packet came cannot be recalled; from there to the last known moment all is cut.
            let firstHeard = arrived[0].at
            let released = firstHeard - 60
            let known = 300 + Int64(arrived.map(\.duration).max() ?? 0) / 8
            for frame in line.audio where frame.at >= max(released, 240) && frame.at < known {
                #expect(frame.isCut, "pattern \(pattern), \(frame.at) ms")
            }
            #expect(line.audio.filter { $0.at < 240 || $0.at >= 620 }.allSatisfy { !$0.isCut }, "pattern \(pattern)")
        }
    }
}
