public import SottoBase

/// A frame that comes out of the delay line.
public struct GuardedAudio {
    public let position: MediaTime
    /// Contains `.cut` when the samples were replaced by zeros.
    public let flags: AudioFrameHeader.Flags
    /// Valid until the next call.
    public let samples: UnsafeBufferPointer<Int16>
}

/// An encoded payload that comes out of the delay line, for the recording ring.
public struct GuardedPayload {
    public let position: MediaTime
    public let durationMilliseconds: UInt16
    /// The payload was cut; `bytes` is empty then.
    public let isCut: Bool
    /// Valid until the next call. Empty for a loss, too.
    public let bytes: UnsafeRawBufferPointer
}

/// The delay line that every consumer of a caller's audio stands behind: what belongs to a key is cut before anybody has heard it.
///
/// Frames and payloads wait until audio `delay` newer was pushed. An event cuts from its start less a guard to its end plus a guard:
/// whole frames and payloads that touch this stretch become silence of the same length. What has left cannot be recalled, and the line
/// exists so that `delay` before an event's first packet has not left yet. It never sees a clock: time is the position of audio.
public struct DTMFGuard: ~Copyable {
    private static let frameCapacity = 16
    private static let payloadCapacity = 32
    private static let payloadBytes = 6_144
    private static let audioBytes = frameCapacity * AudioRing.samplesPerFrame * 2
    /// How long an in-band suspicion lasts.
    private static let armedTicks: Int64 = 200 * 48

    private struct Frame {
        var position: Int64 = 0
        var count: Int32 = 0
        var flags: UInt16 = 0

        var end: Int64 { position &+ Int64(count) &* 3 }
    }

    private struct Payload {
        var position: Int64 = 0
        var end: Int64 = 0
        var offset: Int32 = 0
        var count: Int32 = 0
    }

    /// Samples, then payload bytes: a caller's voice before redaction.
    private let memory: LockedMemory
    private let frames: UnsafeMutablePointer<Frame>
    private let payloads: UnsafeMutablePointer<Payload>
    private var cuts = CutList()
    private var firstFrame = 0
    private var frameCount = 0
    private var firstPayload = 0
    private var payloadCount = 0
    /// Where the next payload's bytes go.
    private var nextByte = 0
    /// Popped, and wiped at the next call.
    private var hasLentFrame = false
    private var hasLentPayload = false
    private var newestEnd = Int64.min
    private var armed: Int64?
    private var isEventOpen = false
    private var isToneOpen = false
    /// The end of what is over while the other is on.
    private var lastEnd = Int64.min
    private var isDraining = false

    private let delay: Int64
    private let guardBefore: Int64
    private let guardAfter: Int64

    /// Frames and payloads refused because the line was full or they were too large.
    public private(set) var refused = 0
    /// Frames that left as silence.
    public private(set) var cutFrames = 0

    /// - Parameters:
    ///   - delayMilliseconds: 40 to 120; others are brought into this range.
    ///   - guardBeforeMilliseconds: how much before an event's start is cut, as far as it has not left. Default: the delay.
    ///   - guardAfterMilliseconds: how much after its end.
    public init(delayMilliseconds: Int = 60, guardBeforeMilliseconds: Int? = nil, guardAfterMilliseconds: Int = 40) {
        let bounded = min(max(delayMilliseconds, 40), 120)
        delay = Int64(bounded) * 48
        guardBefore = Int64(min(max(guardBeforeMilliseconds ?? bounded, 0), 1_000)) * 48
        guardAfter = Int64(min(max(guardAfterMilliseconds, 0), 1_000)) * 48
        memory = LockedMemory(count: Self.audioBytes + Self.payloadBytes)
        frames = .allocate(capacity: Self.frameCapacity)
        frames.initialize(repeating: Frame(), count: Self.frameCapacity)
        payloads = .allocate(capacity: Self.payloadCapacity)
        payloads.initialize(repeating: Payload(), count: Self.payloadCapacity)
    }

    deinit {
        frames.deallocate()
        payloads.deallocate()
    }

    // MARK: - In

    /// A decoded frame of 1 to 320 samples, in order. False (and counted) when the line is full: pop first.
    @discardableResult
    public mutating func push(_ samples: UnsafeBufferPointer<Int16>, at position: MediaTime, flags: AudioFrameHeader.Flags = []) -> Bool {
        returnLent()
        guard let source = samples.baseAddress, samples.count > 0, samples.count <= AudioRing.samplesPerFrame,
            frameCount < Self.frameCapacity
        else {
            refused &+= 1
            return false
        }
        let index = (firstFrame + frameCount) % Self.frameCapacity
        frames[index] = Frame(position: position.ticks, count: Int32(samples.count), flags: flags.rawValue)
        place(index).update(from: source, count: samples.count)
        frameCount += 1
        newestEnd = max(newestEnd, frames[index].end)
        return true
    }

    /// The payload that the audio at `position` was decoded from; empty for a loss. Same order and clock as the audio.
    /// - Parameter durationMilliseconds: 1 to 120.
    @discardableResult
    public mutating func push(payload: UnsafeRawBufferPointer, at position: MediaTime, durationMilliseconds: Int) -> Bool {
        returnLent()
        guard (1...120).contains(durationMilliseconds), payloadCount < Self.payloadCapacity, let offset = room(for: payload.count) else {
            refused &+= 1
            return false
        }
        let index = (firstPayload + payloadCount) % Self.payloadCapacity
        payloads[index] = Payload(
            position: position.ticks, end: position.ticks &+ Int64(durationMilliseconds) &* 48, offset: Int32(offset),
            count: Int32(payload.count))
        if let source = payload.baseAddress {
            (memory.pointer + Self.audioBytes + offset).copyMemory(from: source, byteCount: payload.count)
        }
        payloadCount += 1
        nextByte = offset + payload.count
        return true
    }

    // MARK: - Out

    /// The oldest frame that has waited long enough. Call it until nil after each push.
    public mutating func popAudio() -> GuardedAudio? {
        returnLent()
        guard frameCount > 0 else { return nil }
        let frame = frames[firstFrame]
        guard isDue(frame.end) else { return nil }
        let samples = place(firstFrame)
        var flags = AudioFrameHeader.Flags(rawValue: frame.flags)
        if cuts.overlaps(from: frame.position, to: frame.end) {
            samples.update(repeating: 0, count: Int(frame.count))
            flags.insert(.cut)
            cutFrames &+= 1
        }
        hasLentFrame = true
        return GuardedAudio(
            position: MediaTime(ticks: frame.position), flags: flags,
            samples: UnsafeBufferPointer(start: samples, count: Int(frame.count)))
    }

    /// The oldest payload whose audio has waited long enough. Call it until nil after each push of audio.
    public mutating func popPayload() -> GuardedPayload? {
        returnLent()
        guard payloadCount > 0 else { return nil }
        let payload = payloads[firstPayload]
        guard isDue(payload.end) else { return nil }
        let isCut = cuts.overlaps(from: payload.position, to: payload.end)
        hasLentPayload = true
        let bytes = UnsafeRawBufferPointer(
            start: memory.pointer + Self.audioBytes + Int(payload.offset), count: isCut ? 0 : Int(payload.count))
        return GuardedPayload(
            position: MediaTime(ticks: payload.position), durationMilliseconds: UInt16((payload.end &- payload.position) / 48),
            isCut: isCut, bytes: bytes)
    }

    // MARK: - Cuts

    /// An event began: cuts from `start` less the guard, until `eventEnded`.
    public mutating func eventBegan(at start: MediaTime) {
        isEventOpen = true
        open(from: start.ticks &- guardBefore, armedBefore: start)
    }

    /// The event ended: cuts to `end` plus the guard. Without an open event it cuts around `end`.
    public mutating func eventEnded(at end: MediaTime) {
        isEventOpen = false
        close(at: end.ticks)
    }

    private mutating func open(from place: Int64, armedBefore start: MediaTime) {
        var from = place
        if let armed, armed < from, start.ticks &- armed <= Self.armedTicks { from = armed }
        armed = nil
        forgetOldCuts()
        cuts.add(from: from, to: .max)
    }

    /// A key may be told by events and by tones at once: the cut lasts until both are over.
    private mutating func close(at end: Int64) {
        lastEnd = max(lastEnd, end)
        guard !isEventOpen, !isToneOpen else { return }
        let to = lastEnd &+ guardAfter
        lastEnd = .min
        if !cuts.close(at: to) { cuts.add(from: end &- guardBefore, to: to) }
    }

    /// Applies what the receiver said.
    public mutating func apply(_ change: DTMFChange) {
        if let ended = change.ended { eventEnded(at: ended) }
        if let began = change.began { eventBegan(at: began) }
        if let ended = change.endedNext { eventEnded(at: ended) }
    }

    /// Applies what the in-band detector said. `push` the frame first, then apply, then pop.
    public mutating func apply(_ change: InBandChange) {
        if let ended = change.ended {
            isToneOpen = false
            close(at: ended.ticks)
        }
        if let start = change.armed { arm(at: start) }
        if let began = change.began {
            isToneOpen = true
            open(from: began.ticks, armedBefore: began)
        }
    }

    /// The in-band detector suspects a tone since `start`: an event that begins within 200 ms cuts back to there.
    public mutating func arm(at start: MediaTime) {
        if armed == nil || start.ticks &- (armed ?? 0) > Self.armedTicks { armed = start.ticks }
    }

    public mutating func disarm() { armed = nil }

    /// The call ends: everything that waits may leave now.
    public mutating func drain() { isDraining = true }

    /// A new stream: forgets what waits, and all cuts.
    public mutating func reset() {
        hasLentFrame = false
        hasLentPayload = false
        wipe(memory.pointer, count: Self.audioBytes + Self.payloadBytes)
        frameCount = 0
        payloadCount = 0
        nextByte = 0
        newestEnd = .min
        armed = nil
        isEventOpen = false
        isToneOpen = false
        lastEnd = .min
        isDraining = false
        cuts.removeAll()
    }

    // MARK: - Memory

    private func isDue(_ end: Int64) -> Bool {
        isDraining || (newestEnd != .min && newestEnd &- end >= delay)
    }

    private func place(_ index: Int) -> UnsafeMutablePointer<Int16> {
        memory.pointer.assumingMemoryBound(to: Int16.self) + index * AudioRing.samplesPerFrame
    }

    /// A place for `count` bytes in one piece behind the newest payload, or at the start again.
    private func room(for count: Int) -> Int? {
        guard payloadCount > 0 else { return count <= Self.payloadBytes ? 0 : nil }
        let oldest = Int(payloads[firstPayload].offset)
        if nextByte >= oldest {  // equal: only empty payloads wait, because the ring is never filled to its last byte
            if Self.payloadBytes - nextByte >= count { return nextByte }
            return count < oldest ? 0 : nil
        }
        return oldest - nextByte > count ? nextByte : nil
    }

    private mutating func returnLent() {
        if hasLentFrame {
            hasLentFrame = false
            wipe(UnsafeMutableRawPointer(place(firstFrame)), count: Int(frames[firstFrame].count) * 2)
            firstFrame = (firstFrame + 1) % Self.frameCapacity
            frameCount -= 1
        }
        if hasLentPayload {
            hasLentPayload = false
            let payload = payloads[firstPayload]
            wipe(memory.pointer + Self.audioBytes + Int(payload.offset), count: Int(payload.count))
            firstPayload = (firstPayload + 1) % Self.payloadCapacity
            payloadCount -= 1
        }
    }

    /// Cuts that end before everything that waits, and before everything that will come.
    private mutating func forgetOldCuts() {
        var oldest = newestEnd
        if frameCount > 0 { oldest = min(oldest, frames[firstFrame].position) }
        if payloadCount > 0 { oldest = min(oldest, payloads[firstPayload].position) }
        if oldest != .min { cuts.forget(before: oldest) }
    }
}
