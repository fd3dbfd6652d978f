import DTMF
import SottoBase
import Testing

/// Tones through detector and guard, as the media plane joins them: nothing of a key is heard by anybody.
@Suite struct InBandGuardTests {
    /// What came out, sample by sample, with a key's samples marked by being loud.
    private func heard(_ signal: [Int16], delay: Int) -> [Int16] {
        var detector = InBandDetector()
        var line = DTMFGuard(delayMilliseconds: delay)
        var result: [Int16] = []
        for start in stride(from: 0, to: signal.count - 319, by: 320) {
            let at = MediaTime(ticks: Int64(start) * 3)
            signal[start..<start + 320].withUnsafeBufferPointer { frame in
                let isPushed = line.push(frame, at: at)
                #expect(isPushed)
                line.apply(detector.process(frame, at: at))
            }
            while let out = line.popAudio() { result += out.samples }
        }
        line.drain()
        while let out = line.popAudio() { result += out.samples }
        return result
    }

    private func loudSamples(_ samples: [Int16]) -> Int { samples.count { abs(Int($0)) > 400 } }

    @Test(arguments: [40, 60, 120])
    func nothingOfAKeyIsHeard(delay: Int) {
        for offset in stride(from: 0, to: 320, by: 32) {
            for milliseconds in [25, 50, 80, 300] {
                let signal = pause(100, extra: offset) + tone(0x38, milliseconds: milliseconds) + pause(300)
                let out = heard(signal, delay: delay)
                #expect(out.count == signal.count / 320 * 320)
                #expect(loudSamples(out) == 0, "\(milliseconds) ms at \(offset), delay \(delay)")
            }
        }
    }

    @Test func speechAroundAKeyIsHeard() {
        var voice = Voice(seed: 3)
        let before = (0..<16_000).map { _ in voice.next() }
        let after = (0..<16_000).map { _ in voice.next() }
        let signal = before + tone(0x32, milliseconds: 100) + after
        let out = heard(signal, delay: 60)
        #expect(Array(out[0..<14_000]) == Array(before[0..<14_000]))
        #expect(Array(out[19_000..<33_000]) == Array(signal[19_000..<33_000]))
    }

    /// A fragment alone is let through; an event that follows cuts back to it.
    @Test func aFragmentIsCutWhenAnEventFollows() {
        for isFollowed in [false, true] {
            var detector = InBandDetector()
            var line = DTMFGuard(delayMilliseconds: 120, guardBeforeMilliseconds: 0)
            let signal = pause(100) + tone(0x38, milliseconds: 10) + pause(300)
            var out: [Int16] = []
            for start in stride(from: 0, to: signal.count - 319, by: 320) {
                let at = MediaTime(ticks: Int64(start) * 3)
                signal[start..<start + 320].withUnsafeBufferPointer { frame in
                    _ = line.push(frame, at: at)
                    line.apply(detector.process(frame, at: at))
                }
                if isFollowed, start == 140 * 16 { line.eventBegan(at: MediaTime(milliseconds: 140)) }
                if isFollowed, start == 240 * 16 { line.eventEnded(at: MediaTime(milliseconds: 240)) }
                while let frame = line.popAudio() { out += frame.samples }
            }
            #expect((loudSamples(out) == 0) == isFollowed)
        }
    }

    /// The cut lasts until event and tone are both over, in whichever order.
    @Test func aToneDoesNotEndAnEventsCut() {
        for eventFirst in [true, false] {
            var line = DTMFGuard(delayMilliseconds: 60, guardAfterMilliseconds: 0)
            var began = InBandChange()
            began.began = MediaTime(milliseconds: 100)
            var ended = InBandChange()
            ended.ended = MediaTime(milliseconds: eventFirst ? 300 : 140)
            var cut: [Int64] = []
            for at in stride(from: Int64(0), to: 600, by: 20) {
                let ones = [Int16](repeating: 1, count: 320)
                _ = ones.withUnsafeBufferPointer { line.push($0, at: MediaTime(milliseconds: at)) }
                if at == 120 {
                    line.apply(began)
                    line.eventBegan(at: MediaTime(milliseconds: 120))
                }
                if at == 140, eventFirst { line.eventEnded(at: MediaTime(milliseconds: 140)) }
                if at == 140, !eventFirst { line.apply(ended) }
                if at == 300, eventFirst { line.apply(ended) }
                if at == 300, !eventFirst { line.eventEnded(at: MediaTime(milliseconds: 300)) }
                while let out = line.popAudio() { if out.flags.contains(.cut) { cut.append(out.position.milliseconds) } }
            }
            #expect(cut.contains(200) && cut.contains(280) && !cut.contains(320), "\(cut)")
        }
    }
}
