public import SottoBase

/// Puts one stream's packets in order and in time. Bounded, allocated once, one thread.
///
///     idle ──first packet──▶ gathering ──it has waited the target delay──▶ playing
///                                ▲                                            │
///                                └──────────── nothing for 100 ms ────────────┘
///
/// Play-out follows timestamps, and sequence numbers tell loss from pause: a gap in time with no number missing is the sender's
/// silence. The delay follows the measured jitter between its bounds: a frame is put in or dropped, where it is quiet if possible.
/// It never decodes, and never reads a clock.
public struct JitterBuffer: ~Copyable {
    private enum Phase {
        case idle
        case gathering
        case playing
    }

    private var slots = JitterSlots()
    private var seen = SeenSequences()
    private var timestamps = TimestampExtender()
    private var delay: DelayEstimator
    private var phase = Phase.idle

    private let rate: Int64
    private let maximumDelay: Int64
    /// How long the last packet played; 20 ms before the first.
    private var frame: Int64
    /// Timestamp of what is played next.
    private var playout: Int64 = 0
    /// Everything up to this sequence number has been played or given up.
    private var passed: Int64 = 0
    /// False until a packet of this stream was played: until then an earlier one may still come first.
    private var hasPlayed = false
    /// End of the newest packet stored.
    private var newestEnd: Int64 = 0
    /// The sequence number that the last pull returned: its bytes are freed at the next call.
    private var lent: Int64?
    /// The newest sequence number that held no audio.
    private var lastNoted: Int64?
    /// RTP ticks concealed since the last packet.
    private var concealed: Int64 = 0
    /// RTP ticks without anything in the buffer.
    private var starved: Int64 = 0
    /// Low watermark of what was left after a pull, and the pulls that it covers.
    private var lowWater = Int64.max
    private var lowWaterPulls = 0
    private var pullsSinceAdjustment = 0
    private var pace = PlayoutPace()

    public private(set) var counters = JitterCounters()

    /// - Parameters:
    ///   - clockRate: of the RTP timestamps, 8,000 to 48,000.
    ///   - minimumDelayMilliseconds, maximumDelayMilliseconds: bounds of the delay that the fastest packet gets.
    public init(clockRate: Int, minimumDelayMilliseconds: Int = 20, maximumDelayMilliseconds: Int = 200) {
        precondition((1_000...192_000).contains(clockRate), "an RTP clock runs at 1 to 192 kHz")
        precondition(
            minimumDelayMilliseconds > 0 && minimumDelayMilliseconds <= maximumDelayMilliseconds && maximumDelayMilliseconds <= 500,
            "the delay's bounds are ordered, and at most half a second")
        rate = Int64(clockRate)
        maximumDelay = rate * Int64(maximumDelayMilliseconds) / 1_000
        frame = rate / 50
        delay = DelayEstimator(minimum: rate * Int64(minimumDelayMilliseconds) / 1_000, maximum: maximumDelay)
    }

    /// The delay that the fastest packet gets now.
    public var targetDelay: Duration { .nanoseconds(delay.target &* 1_000_000_000 / rate) }

    /// What waits from the next frame to the end of the newest packet: the delay that there is, where `targetDelay` is the delay that
    /// there should be.
    public var currentDelay: Duration {
        guard phase == .playing, slots.stored > (lent == nil ? 0 : 1) else { return .zero }
        return .nanoseconds(max(0, newestEnd &- playout) &* 1_000_000_000 / rate)
    }

    /// The RTP timestamp of what `pull` gives next; nil before the stream started.
    public var playoutTimestamp: UInt32? { phase == .playing ? UInt32(truncatingIfNeeded: playout) : nil }

    /// Packets that wait.
    public var depth: Int { slots.stored - (lent == nil ? 0 : 1) }

    // MARK: - Packets in

    /// Copies an audio packet in.
    /// - Parameters:
    ///   - sequence: extended (`ReceptionStatistics.packetReceived`).
    ///   - ticks: how long it plays, in RTP ticks; at most 120 ms. Audio's `AudioCodec.rtpTicks(of:)` tells.
    ///   - payload: 1 to 1,504 bytes.
    ///   - arrival: when it came in.
    public mutating func push(
        sequence: Int64, timestamp: UInt32, payloadType: PayloadType, marker: Bool, ticks: UInt32, payload: UnsafeRawBufferPointer,
        arrival: Instant
    ) -> JitterPush {
        releaseLent()
        guard ticks > 0, Int64(ticks) <= rate * 120 / 1_000, !payload.isEmpty, payload.count <= JitterSlots.largeSize else {
            counters.refused &+= 1
            seen.insert(sequence)
            return .refused
        }
        if seen.contains(sequence) {
            counters.duplicate &+= 1
            return .duplicate
        }
        if seen.isForgotten(sequence) {
            counters.late &+= 1
            return .late
        }
        var time = timestamps.extend(timestamp)
        if phase != .idle, isJump(to: time, sequence: sequence) {
            counters.resets &+= 1
            forgetStream()
            time = timestamps.extend(timestamp)
        }
        if phase == .idle {
            phase = .gathering
            passed = sequence &- 1
            hasPlayed = false
        }
        delay.packetArrived(transit: rtpTicks(arrival, rate: rate) &- time)
        let isOvertaken = seen.highest.map { sequence < $0 } ?? false
        seen.insert(sequence)

        if sequence <= passed {
            guard !hasPlayed, passed &- sequence < 16, newestSequenceFits(from: sequence) else {
                counters.late &+= 1
                return .late
            }
            passed = sequence &- 1  // the stream's first packets came out of order
        }
        let end = time &+ Int64(ticks)
        if phase == .playing, end <= playout {
            guard slots.stored == 0 else {
                counters.late &+= 1
                counters.lost &+= 1
                return .late
            }
            playout = time  // nothing newer waits: late audio is better than none, and the delay grows by as much
        }
        makeRoom(for: sequence)
        guard
            slots.store(
                sequence: sequence, timestamp: time, ticks: ticks, payloadType: payloadType, marker: marker, payload: payload)
        else {
            counters.overflow &+= 1
            return .overflow
        }
        newestEnd = slots.stored == 1 ? end : max(newestEnd, end)
        counters.stored &+= 1
        if isOvertaken { counters.reordered &+= 1 }
        return .stored
    }

    /// A packet of the stream that holds no audio (a telephone event, comfort noise): its sequence number is no loss.
    public mutating func note(sequence: Int64) {
        releaseLent()
        seen.insert(sequence)
        lastNoted = max(lastNoted ?? sequence, sequence)
        if phase != .idle, slots.stored == 0, sequence == passed &+ 1 { passed = sequence }
    }

    /// A new SSRC, a restart, or a re-INVITE: forgets packets and timing, keeps the counters.
    public mutating func reset() {
        forgetStream()
        frame = rate / 50
    }

    private mutating func forgetStream() {
        lent = nil
        lastNoted = nil
        slots.releaseAll()
        seen = SeenSequences()
        timestamps.reset()
        delay.reset()
        phase = .idle
        hasPlayed = false
        concealed = 0
        starved = 0
        pace = PlayoutPace()
        startWatermark()
    }

    /// A newer packet whose timestamp lies more than a second from what is played: the sender's clock was reset.
    private func isJump(to time: Int64, sequence: Int64) -> Bool {
        guard let highest = seen.highest, sequence > highest else { return false }
        let reference = phase == .playing ? playout : (slots.stored > 0 ? newestEnd : time)
        let step = time &- reference
        return step > rate &+ maximumDelay || step < -rate
    }

    private func newestSequenceFits(from sequence: Int64) -> Bool {
        guard let highest = seen.highest else { return true }
        return highest &- sequence < Int64(JitterSlots.count)
    }

    /// The window is 64 numbers wide: gives up the oldest when a newer packet needs their place.
    private mutating func makeRoom(for sequence: Int64) {
        let lowest = sequence &- Int64(JitterSlots.count)
        guard lowest > passed else { return }
        if slots.stored == 0 {
            give(upTo: sequence &- 1)
            return
        }
        while passed < lowest, let next = nextStored() {
            guard next <= lowest else { break }
            let (time, ticks) = slots.peek(next)
            slots.release(next)
            counters.overflow &+= 1
            give(upTo: next)
            playout = max(playout, time &+ Int64(ticks))
        }
        if passed < lowest { give(upTo: lowest) }
    }

    // MARK: - Frames out

    /// What to play next: call it when less than one tick of samples waits.
    /// - Parameter isQuiet: what was played last was near silence, so that a frame may be dropped or put in unheard.
    public mutating func pull(now: Instant, isQuiet: Bool) -> JitterPull {
        releaseLent()
        pullsSinceAdjustment &+= 1
        let time = rtpTicks(now, rate: rate)
        switch phase {
        case .idle: return .notReady
        case .gathering:
            guard start(time) else { return hasPlayed ? .silence(ticks: UInt32(frame)) : .notReady }
        case .playing: break
        }
        limitDelay()
        guard let next = nextStored() else { return starve() }
        starved = 0
        let (timestamp, ticks) = slots.peek(next)
        let gap = timestamp &- playout
        if gap > rate / 1_000 { return bridge(gap, before: next) }
        if mustStretch(time, isQuiet: isQuiet) {
            counters.stretched &+= 1
            pullsSinceAdjustment = 0
            startWatermark()
            return .lost(ticks: UInt32(frame))
        }
        if mustDrop(isQuiet: isQuiet), let after = nextStored(after: next), after == next &+ 1 {
            slots.release(next)
            counters.dropped &+= 1
            give(upTo: next)
            pullsSinceAdjustment = 0
            startWatermark()
            let following = slots.peek(after)
            return play(after, end: following.timestamp &+ Int64(following.ticks), ticks: following.ticks)
        }
        return play(next, end: timestamp &+ Int64(ticks), ticks: ticks)
    }

    /// After `pull` said `.lost`: the packet that follows what is missing at once, when it is there. With in-band forward error
    /// correction (RFC 6716 §2.1.7) it holds a copy of the missing frame. Valid until the next `push` or `pull`.
    public var packetAfterLoss: BufferedPacket? {
        guard phase == .playing, lent == nil, let next = nextStored(), next > passed &+ 1 else { return nil }
        guard slots.peek(next).timestamp == playout, !seen.contains(next &- 1) else { return nil }
        return slots.packet(next)
    }

    /// Which way to stretch what is played now, to follow the sender's clock and the target delay without a seam: 1 for a sample
    /// more in a frame, -1 for one less, 0 as it is. Call it before each `pull`, with the same time.
    public mutating func correction(now: Instant) -> Int {
        guard phase == .playing, let base = delay.base, slots.stored > 0 else { return 0 }
        return pace.follow(excess: rtpTicks(now, rate: rate) &- playout &- base &- delay.target, frame: max(frame, rate / 50))
    }

    private mutating func play(_ sequence: Int64, end: Int64, ticks: UInt32) -> JitterPull {
        give(upTo: sequence)
        hasPlayed = true
        playout = end
        frame = Int64(ticks)
        concealed = 0
        lent = sequence
        counters.played &+= 1
        noteWatermark(max(0, newestEnd &- playout))
        return .packet(slots.packet(sequence))
    }

    /// Starts when the first packet has waited long enough, or more waits than the delay may ever be.
    private mutating func start(_ time: Int64) -> Bool {
        guard let first = nextStored(), let base = delay.base else { return false }
        let (timestamp, _) = slots.peek(first)
        guard time &- base &- delay.target >= timestamp || newestEnd &- timestamp >= maximumDelay else { return false }
        phase = .playing
        playout = timestamp
        concealed = 0
        starved = 0
        startWatermark()
        return true
    }

    /// Nothing waits: the network is late, or the sender paused. Conceals 60 ms, then is silent; after 100 ms it gathers again.
    private mutating func starve() -> JitterPull {
        if starved == 0 { counters.underruns &+= 1 }
        starved &+= frame
        playout &+= frame
        noteWatermark(0)
        if starved >= rate / 10 { phase = .gathering }
        if concealed < rate * 60 / 1_000, !endsWithEvent {
            concealed &+= frame
            return .lost(ticks: UInt32(frame))
        }
        return .silence(ticks: UInt32(frame))
    }

    /// What follows the last frame is no audio packet: the sender is busy with an event, and nothing is missing.
    private var endsWithEvent: Bool { seen.contains(passed &+ 1) || lastNoted == passed }

    /// Time passes before the next packet is due.
    private mutating func bridge(_ gap: Int64, before next: Int64) -> JitterPull {
        let step = min(frame, gap)
        playout &+= step
        if missing(upTo: next) > 0, concealed < rate * 60 / 1_000 {
            concealed &+= step
            return .lost(ticks: UInt32(step))
        }
        return .silence(ticks: UInt32(step))
    }

    // MARK: - Delay

    /// Never holds more than the largest delay and a frame.
    private mutating func limitDelay() {
        while newestEnd &- playout > maximumDelay &+ frame, let next = nextStored(), let after = nextStored(after: next) {
            slots.release(next)
            counters.dropped &+= 1
            give(upTo: next)
            playout = slots.peek(after).timestamp
            concealed = 0
        }
    }

    /// More was left at every recent pull than the target asks for: the sender's clock is faster, or the jitter has ended.
    private func mustDrop(isQuiet: Bool) -> Bool {
        guard lowWaterPulls >= 50, lowWater != .max else { return false }
        let excess = lowWater &- delay.target
        return excess > 2 &* frame || (isQuiet && excess > frame / 2)
    }

    /// The fastest packet waits less than the jitter asks for.
    private func mustStretch(_ time: Int64, isQuiet: Bool) -> Bool {
        guard pullsSinceAdjustment >= 10, let base = delay.base else { return false }
        let missing = delay.target &- (time &- playout &- base)
        return missing > 2 &* frame || (isQuiet && missing > frame)
    }

    private mutating func startWatermark() {
        lowWater = .max
        lowWaterPulls = 0
    }

    private mutating func noteWatermark(_ left: Int64) {
        if lowWaterPulls >= 100 { startWatermark() }
        lowWater = min(lowWater, left)
        lowWaterPulls += 1
    }

    // MARK: - Sequence numbers

    private func nextStored() -> Int64? { nextStored(after: passed) }

    private func nextStored(after sequence: Int64) -> Int64? {
        guard slots.stored > 0, let highest = seen.highest else { return nil }
        let last = min(highest, sequence &+ Int64(JitterSlots.count))
        var candidate = sequence &+ 1
        while candidate <= last {
            if slots.contains(candidate) { return candidate }
            candidate &+= 1
        }
        return nil
    }

    /// Numbers between the last one passed and `next` that have not come.
    private func missing(upTo next: Int64) -> Int64 {
        let distance = next &- passed &- 1
        guard distance > 0 else { return 0 }
        if distance >= SeenSequences.window { return distance }
        var count: Int64 = 0
        var candidate = passed &+ 1
        while candidate < next {
            if !seen.contains(candidate) { count &+= 1 }
            candidate &+= 1
        }
        return count
    }

    /// Counts what is missing before `sequence` as lost and moves past it.
    private mutating func give(upTo sequence: Int64) {
        counters.lost &+= hasPlayed ? missing(upTo: sequence) : 0
        passed = max(passed, sequence)
    }

    private mutating func releaseLent() {
        guard let lent else { return }
        slots.release(lent)
        self.lent = nil
    }
}
