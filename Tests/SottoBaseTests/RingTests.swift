import SottoBase
import Testing

struct AudioRingTests {
    private func push(_ value: Int16, _ ring: AudioRing, count: Int = 320) -> Bool {
        [Int16](repeating: value, count: count).withUnsafeBufferPointer {
            ring.push(AudioFrameHeader(position: MediaTime(ticks: Int64(value)), flags: .last, tag: UInt32(value)), $0)
        }
    }

    private func pop(_ ring: AudioRing) -> Int16? {
        ring.read { header, samples in
            #expect(header.position.ticks == Int64(samples[0]))
            #expect(header.tag == UInt32(samples[0]))
            #expect(header.flags == .last)
            return samples[0]
        }
    }

    @Test func framesComeInOrderOverManyTurnsOfTheRing() {
        let ring = AudioRing(content: .own, capacity: 3)
        for value in 1...20 as ClosedRange<Int16> {
            #expect(push(value, ring))
            #expect(pop(ring) == value)
        }
        #expect(pop(ring) == nil)
    }

    @Test func aFullRingRefusesTheNewestAndCounts() {
        let ring = AudioRing(content: .own, capacity: 2)
        #expect(push(1, ring))
        #expect(push(2, ring))
        #expect(!push(3, ring))
        #expect(ring.refused == 1)
        #expect(ring.count == 2)
        #expect(pop(ring) == 1)
        #expect(push(4, ring))
        #expect(pop(ring) == 2)
        #expect(pop(ring) == 4)
    }

    /// Places are taken from a stack: in whatever order frames come and go, none is given to two that wait.
    @Test func framesThatWaitNeverShareAPlace() {
        let ring = AudioRing(content: .own, capacity: 7)
        var next: Int16 = 1
        var expected: Int16 = 1
        for round in 0..<500 {
            for _ in 0..<(round * 5 % 8) where push(next, ring) { next += 1 }
            for _ in 0..<(round * 3 % 8) {
                guard let value = pop(ring) else { break }
                #expect(value == expected)
                expected += 1
            }
        }
        while let value = pop(ring) {
            #expect(value == expected)
            expected += 1
        }
        #expect(expected == next && next > 1_000)
    }

    @Test func aFrameTooLongIsRefused() {
        let ring = AudioRing(content: .own, capacity: 2)
        #expect(!push(1, ring, count: 321))
        #expect(ring.refused == 1)
    }

    @Test func flushForgetsWhatWaits() {
        let ring = AudioRing(content: .own, capacity: 4)
        for value in 1...4 as ClosedRange<Int16> { _ = push(value, ring) }
        ring.flush()
        #expect(ring.count == 0)
        #expect(pop(ring) == nil)
    }

    @Test func aCutForgetsWhatWasPushedBeforeItAndNothingElse() {
        let ring = AudioRing(content: .own, capacity: 4)
        for value in 1...3 as ClosedRange<Int16> { _ = push(value, ring) }
        ring.cut()
        _ = push(4, ring)
        #expect(pop(ring) == 4)
        #expect(pop(ring) == nil)
        #expect(ring.count == 0)
        ring.cut()
        for value in 5...8 as ClosedRange<Int16> { #expect(push(value, ring)) }
        #expect(pop(ring) == 5)
    }

    @Test func aClearRingIsReadWithAGrant() {
        let ring = AudioRing(content: .clear, capacity: 4)
        _ = push(9, ring)
        let grant = BoundaryGrant(recipient: "test", rule: "test")
        #expect(ring.readClear(grant) { $1[0] } == 9)
    }

    @Test func aProducerAndAConsumerOnTwoThreadsLoseNothing() async {
        let ring = AudioRing(content: .own, capacity: 8)
        async let sent: Void = {
            for value in 1...5_000 as ClosedRange<Int16> {
                while !push(value, ring, count: 4) { await Task.yield() }
            }
        }()
        async let received: [Int16] = {
            var values: [Int16] = []
            while values.count < 5_000 {
                if let value = ring.read({ $1[0] }) { values.append(value) } else { await Task.yield() }
            }
            return values
        }()
        await sent
        #expect(await received == Array(1...5_000))
    }
}

struct RecordingRingTests {
    private func header(_ index: Int) -> RecordedFrameHeader {
        RecordedFrameHeader(
            speaker: index % 2 == 0 ? .caller : .agent, position: MediaTime(ticks: Int64(index) * 960), durationMilliseconds: 20,
            isCut: index % 3 == 0)
    }

    private func push(_ index: Int, _ ring: RecordingRing, size: Int) -> Bool {
        [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size).withUnsafeBytes { ring.push(header(index), $0) }
    }

    @Test func framesOfAnyLengthComeBackWholeOverManyTurnsOfTheRing() {
        let ring = RecordingRing(capacity: 4_096)
        for index in 0..<1_000 {
            let size = index * 37 % 700
            #expect(push(index, ring, size: size))
            #expect(ring.peek() == header(index))
            let taken = ring.take(header(index).speaker) { header, payload in (header, Array(payload)) }
            #expect(taken?.0 == header(index))
            #expect(taken?.1 == [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size))
        }
        #expect(ring.occupiedBytes == 0)
        #expect(ring.peek() == nil)
        #expect(ring.take(.caller) { _, _ in 1 } == nil)
    }

    @Test func aFullRowRefusesAndCounts() {
        let ring = RecordingRing(capacity: 4_096)
        var pushed = 0
        while push(pushed * 2, ring, size: 160) { pushed += 1 }
        #expect(pushed == 4_096 / 184)
        #expect(ring.refused == 1)
        #expect(push(1, ring, size: 160), "the other speaker has a row of their own")
        _ = ring.take(.caller) { _, _ in }
        #expect(push(0, ring, size: 160))
    }

    @Test func eachSpeakersFramesLeaveWithoutTheOthers() {
        let ring = RecordingRing(capacity: 16_384, agentCapacity: 4_096)
        for index in 0..<20 { #expect(push(index, ring, size: 100)) }
        var taken: [RecordedFrameHeader] = []
        while let next = ring.take(.agent, { header, _ in header }) { taken.append(next) }
        #expect(taken == (0..<20).filter { $0 % 2 == 1 }.map(header))
        #expect(ring.occupiedBytes(of: .agent) == 0)
        #expect(ring.occupiedBytes(of: .caller) == 10 * 128)
        #expect(ring.peek(.caller) == header(0))
        #expect((ring.capacity(of: .caller), ring.capacity(of: .agent)) == (16_384, 4_096))
    }

    @Test func theOldestFrameOfEitherSpeakerIsSeenFirst() {
        let ring = RecordingRing(capacity: 4_096)
        for index in [3, 2, 4] { #expect(push(index, ring, size: 10)) }
        #expect(ring.peek() == header(2))
        _ = ring.take(.caller) { _, _ in }
        #expect(ring.peek() == header(3))
    }

    @Test func aFrameTooLargeIsRefused() {
        let ring = RecordingRing(capacity: 16_384)
        #expect(!push(0, ring, size: 4_097))
        #expect(push(0, ring, size: 4_096))
    }

    @Test func closingIsSeen() {
        let ring = RecordingRing(capacity: 4_096)
        #expect(!ring.isClosed)
        ring.close()
        #expect(ring.isClosed)
    }
}
