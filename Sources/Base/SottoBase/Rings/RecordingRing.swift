import Synchronization

/// A frame's place and kind in a recording.
public struct RecordedFrameHeader: Equatable, Sendable {
    public var speaker: Speaker
    public var position: MediaTime
    /// How much play-out time the frame covers, 10 to 60 ms.
    public var durationMilliseconds: UInt16
    /// True when the frame is already silence (cut by the DTMF guard, payment mode, or made of gated text alone for the agent's side).
    public var isCut: Bool
    /// The producer's number of the codec. A call may change its codec while frames of the old one wait here.
    public var codec: UInt8

    public init(speaker: Speaker, position: MediaTime, durationMilliseconds: UInt16, isCut: Bool, codec: UInt8 = 0) {
        self.speaker = speaker
        self.position = position
        self.durationMilliseconds = durationMilliseconds
        self.isCut = isCut
        self.codec = codec
    }
}

/// Holds a call's encoded frames in locked memory until redaction has passed them: the only place where recorded audio is clear.
///
/// One producer (the media thread), one consumer (the recorder). Each speaker has a row of its own, so that what is safe of one does not
/// wait for the other. A frame that does not fit its speaker's row is refused and counted, and the recorder fills its time with silence.
public final class RecordingRing: Sendable {
    private let caller: RecordingLane
    private let agent: RecordingLane
    private let closed = Atomic<Bool>(false)

    /// - Parameters:
    ///   - capacity: bytes for each speaker; 30 s of PCMU need 240,000 and 36,000 of record headers.
    ///   - agentCapacity: bytes for the agent, when other than the caller's: Sotto's own voice is safe as soon as it is played.
    public init(capacity: Int, agentCapacity: Int? = nil) {
        caller = RecordingLane(.caller, capacity: capacity)
        agent = RecordingLane(.agent, capacity: agentCapacity ?? capacity)
    }

    private func lane(_ speaker: Speaker) -> RecordingLane {
        switch speaker {
        case .caller: caller
        case .agent: agent
        }
    }

    /// Of both rows.
    public var capacity: Int { caller.capacity + agent.capacity }
    public func capacity(of speaker: Speaker) -> Int { lane(speaker).capacity }
    public var occupiedBytes: Int { caller.occupiedBytes + agent.occupiedBytes }
    public func occupiedBytes(of speaker: Speaker) -> Int { lane(speaker).occupiedBytes }
    public var refused: Int { caller.refused + agent.refused }
    public var isClosed: Bool { closed.load(ordering: .acquiring) }
    /// The producer says that the call has no more frames.
    public func close() { closed.store(true, ordering: .releasing) }

    /// Producer only. False (and counted) when it does not fit.
    @discardableResult
    public func push(_ header: RecordedFrameHeader, _ payload: UnsafeRawBufferPointer) -> Bool {
        switch header.speaker {
        case .caller: caller.push(header, payload)
        case .agent: agent.push(header, payload)
        }
    }

    /// Consumer only: the header of the speaker's oldest frame, without taking it.
    public func peek(_ speaker: Speaker) -> RecordedFrameHeader? { lane(speaker).peek() }

    /// Consumer only: the header of the oldest frame of either speaker.
    public func peek() -> RecordedFrameHeader? {
        guard let heard = caller.peek() else { return agent.peek() }
        guard let said = agent.peek() else { return heard }
        return said.position <= heard.position ? said : heard
    }

    /// Consumer only: the speaker's oldest frame with its bytes, removed and wiped after `body`. For the Redaction room, which decides
    /// whether the bytes leave. `payload` is scratch memory that is wiped too.
    package func take<Result>(
        _ speaker: Speaker, _ body: (RecordedFrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        try lane(speaker).take(body)
    }
}

/// One speaker's frames: records of variable length in a byte ring.
private final class RecordingLane: Sendable {
    private static let recordHeader = 24

    let capacity: Int
    private let speaker: Speaker
    private let memory: LockedMemory
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)

    init(_ speaker: Speaker, capacity: Int) {
        precondition(capacity >= 4_096, "a recording ring needs 4 KiB at least for each speaker")
        self.speaker = speaker
        self.capacity = capacity & ~7
        memory = LockedMemory(count: capacity & ~7)
    }

    var occupiedBytes: Int { tail.load(ordering: .acquiring) - head.load(ordering: .acquiring) }
    var refused: Int { refusedCount.load(ordering: .relaxed) }

    func push(_ header: RecordedFrameHeader, _ payload: UnsafeRawBufferPointer) -> Bool {
        let needed = Self.recordHeader + ((payload.count + 7) & ~7)
        let t = tail.load(ordering: .relaxed)
        guard payload.count <= 4_096, capacity - (t - head.load(ordering: .acquiring)) >= needed else {
            refusedCount.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        withUnsafeTemporaryAllocation(byteCount: Self.recordHeader, alignment: 8) { record in
            record.storeBytes(of: header.position.ticks, as: Int64.self)
            record.storeBytes(of: UInt32(payload.count), toByteOffset: 8, as: UInt32.self)
            record.storeBytes(of: header.durationMilliseconds, toByteOffset: 12, as: UInt16.self)
            record.storeBytes(of: header.isCut ? 1 : 0, toByteOffset: 14, as: UInt16.self)
            record.storeBytes(of: UInt64(header.codec), toByteOffset: 16, as: UInt64.self)
            copyIn(UnsafeRawBufferPointer(record), at: t)
        }
        copyIn(payload, at: t + Self.recordHeader)
        tail.store(t + needed, ordering: .releasing)
        return true
    }

    func peek() -> RecordedFrameHeader? {
        let h = head.load(ordering: .relaxed)
        guard h < tail.load(ordering: .acquiring) else { return nil }
        return readHeader(at: h).header
    }

    func take<Result>(_ body: (RecordedFrameHeader, UnsafeRawBufferPointer) throws -> Result) rethrows -> Result? {
        let h = head.load(ordering: .relaxed)
        guard h < tail.load(ordering: .acquiring) else { return nil }
        let (header, count) = readHeader(at: h)
        let result = try withUnsafeTemporaryAllocation(byteCount: max(count, 1), alignment: 8) { scratch in
            copyOut(UnsafeMutableRawBufferPointer(rebasing: scratch[0..<count]), at: h + Self.recordHeader)
            defer { if let start = scratch.baseAddress { wipe(start, count: scratch.count) } }
            return try body(header, UnsafeRawBufferPointer(rebasing: scratch[0..<count]))
        }
        let size = Self.recordHeader + ((count + 7) & ~7)
        wipeRange(at: h, count: size)
        head.store(h + size, ordering: .releasing)
        return result
    }

    private func readHeader(at offset: Int) -> (header: RecordedFrameHeader, count: Int) {
        withUnsafeTemporaryAllocation(byteCount: Self.recordHeader, alignment: 8) { record in
            copyOut(record, at: offset)
            let header = RecordedFrameHeader(
                speaker: speaker,
                position: MediaTime(ticks: record.load(as: Int64.self)),
                durationMilliseconds: record.load(fromByteOffset: 12, as: UInt16.self),
                isCut: record.load(fromByteOffset: 14, as: UInt16.self) != 0,
                codec: UInt8(truncatingIfNeeded: record.load(fromByteOffset: 16, as: UInt64.self)))
            return (header, Int(record.load(fromByteOffset: 8, as: UInt32.self)))
        }
    }

    private func copyIn(_ source: UnsafeRawBufferPointer, at offset: Int) {
        guard let from = source.baseAddress else { return }
        let place = offset % capacity
        let first = min(source.count, capacity - place)
        (memory.pointer + place).copyMemory(from: from, byteCount: first)
        if first < source.count { memory.pointer.copyMemory(from: from + first, byteCount: source.count - first) }
    }

    private func copyOut(_ target: UnsafeMutableRawBufferPointer, at offset: Int) {
        guard let to = target.baseAddress else { return }
        let place = offset % capacity
        let first = min(target.count, capacity - place)
        to.copyMemory(from: memory.pointer + place, byteCount: first)
        if first < target.count { (to + first).copyMemory(from: memory.pointer, byteCount: target.count - first) }
    }

    private func wipeRange(at offset: Int, count: Int) {
        let place = offset % capacity
        let first = min(count, capacity - place)
        wipe(memory.pointer + place, count: first)
        if first < count { wipe(memory.pointer, count: count - first) }
    }
}
