internal import Audio
internal import DTMF
internal import RTP
internal import SRTP
internal import SottoBase

/// How what a leg hears goes to the far leg of its bridge.
enum Passage: Equatable {
    /// No bridge.
    case none
    /// Each payload at once, as it came.
    case direct
    /// Each payload when it leaves the jitter buffer and the DTMF guard.
    case guarded
    /// Decoded, guarded, and encoded again.
    case transcoded
}

// A bridge joins two streams of one thread. Each knows the other by its address: the worker links and unlinks both at once, and neither is
// moved or freed while it is linked.
extension MediaStream {
    /// Without a payload from the far leg for so long we fill with silence of our own, so that the peer does not take us for gone.
    static let passGap: Int64 = 100_000_000
    /// After comfort noise its sender may pause for long (RFC 3389 §4.1).
    static let comfortGap: Int64 = 5_000_000_000
    /// More missing numbers than this are a new stream, not a loss to be told.
    private static let lossesPassed: Int64 = 50
    /// Payloads in a row of another length than the far leg was promised, until they are transcoded.
    private static let lengthsToTranscode = 3

    // MARK: - Links

    mutating func link(_ other: UnsafeMutablePointer<MediaStream>, _ how: MediaBridge) {
        far = other
        bridge = how
        passedPlace = nil
        passedUntil = .min
        otherLengths = 0
        playout?._withUnsafeGuaranteedRef { $0.flush() }
        endingPromptCount = 0
        spoken.clear()
    }

    mutating func unlink(now: Instant) {
        resumeSpeaking(now: now)
        far = nil
        passage = .none
        passedPlace = nil
        spoken.clear()
        markNext = true
    }

    /// Chooses how to pass, after anything that it depends on has changed on either leg.
    mutating func reconsider(now: Instant) {
        let wasHearing = isHearing
        guard let far else {
            passage = .none
            setHearing(true, from: wasHearing, now: now)
            return
        }
        let new: Passage
        if settings.codec != far.pointee.settings.codec || settings.packetMilliseconds != far.pointee.settings.packetMilliseconds
            || otherLengths >= Self.lengthsToTranscode
        {
            new = .transcoded
        } else {
            new = bridge.isGuarded ? .guarded : .direct
        }
        if new != passage {
            far.pointee.passedPlace = nil
            if new != .transcoded { far.pointee.spoken.clear() } else { far.pointee.resumeSpeaking(now: now) }
        }
        passage = new
        setHearing(
            new != .direct || recognizer != nil || recording != nil || far.pointee.recording != nil, from: wasHearing, now: now)
    }

    private mutating func setHearing(_ hears: Bool, from wasHearing: Bool, now: Instant) {
        guard hears != wasHearing else { return }
        catchUp(now: now)
        isHearing = hears
        jitter.reset()
        decoder.reset()
        heard.clear()
        concealedSamples = 0
        line.reset()
        if dtmf.isInEvent { line.eventBegan(at: heardPosition) }
    }

    /// The instant of `MediaTime` zero.
    var epoch: Int64 { nextHear &- (framesHeard &+ 1) &* Self.frameNanoseconds }

    /// While nobody listens, positions follow the clock without a tick for each frame.
    mutating func catchUp(now: Instant) {
        guard !isHearing, nextHear <= now.nanoseconds else { return }
        let frames = (now.nanoseconds &- nextHear) / Self.frameNanoseconds &+ 1
        framesHeard &+= frames
        nextHear &+= frames &* Self.frameNanoseconds
    }

    // MARK: - From this leg

    /// An authentic packet of ours, on its way to the far leg at once.
    mutating func passOn(
        _ payload: UnsafeRawBufferPointer, _ header: RTPHeader, ticks: UInt32, place: Int64, _ tools: borrowing MediaTools, now: Instant
    ) {
        guard let far else { return }
        guard !dtmf.isInEvent else { return far.pointee.passNothing(place: place) }  // a tone beside it would be a second key
        let milliseconds = settings.codec.samples(ticks: ticks) / 16
        if milliseconds != far.pointee.settings.packetMilliseconds {
            otherLengths += 1
            if otherLengths == Self.lengthsToTranscode { mustReconsider = true }
        } else if otherLengths < Self.lengthsToTranscode {
            otherLengths = 0
        }
        catchUp(now: now)
        far.pointee.pass(
            payload, milliseconds: milliseconds, ticks: ticks, place: place, timestamp: header.timestamp, marker: header.marker,
            isCut: mustCut(heardPosition), tools, now: now)
    }

    /// Comfort noise of ours: to a far leg that knows it, and silence to one that does not.
    func passOnComfort(_ payload: UnsafeRawBufferPointer, _ header: RTPHeader, place: Int64, _ tools: borrowing MediaTools, now: Instant) {
        guard let far, passage == .direct else { return }
        guard !dtmf.isInEvent, !mustCut(heardPosition) else { return far.pointee.passNothing(place: place) }
        far.pointee.passComfort(payload, place: place, timestamp: header.timestamp, tools, now: now)
    }

    /// A payload of ours that has left the guard.
    mutating func passGuarded(_ payload: GuardedPayload, isCut: Bool, _ tools: borrowing MediaTools) {
        guard let far else { return }
        let now = Instant(nanoseconds: nextHear)
        if passage == .guarded {
            let length = Int64(payload.durationMilliseconds) * 48
            let gap = payload.position.ticks &- guardedEnd
            // A short hole in time was a loss: the far leg conceals it as we did.
            guardedPlace &+= gap >= length && gap <= 200 * 48 && length > 0 ? 1 &+ gap / length : 1
            guardedEnd = payload.position.ticks &+ length
            let clock = Int64(settings.codec.clockRate)
            far.pointee.pass(
                payload.bytes, milliseconds: Int(payload.durationMilliseconds),
                ticks: UInt32(payload.durationMilliseconds) * UInt32(clock / 1_000), place: guardedPlace,
                timestamp: UInt32(truncatingIfNeeded: payload.position.ticks &* clock / 48_000), marker: false, isCut: isCut, tools,
                now: now)
        }
        if passage != .transcoded { far.pointee.recordPassed(payload, isCut: isCut, at: epoch, tools) }
    }

    /// Samples of ours that have left the guard: the far leg encodes them at its next packet times.
    func passSamples(_ samples: UnsafeBufferPointer<Int16>) {
        guard passage == .transcoded, let far, direction.receives else { return }
        far.pointee.take(samples)
    }

    // MARK: - Into this leg

    mutating func take(_ samples: UnsafeBufferPointer<Int16>) {
        if spoken.count > 3_200 { spoken.clear() }  // 200 ms: never, unless sending is on hold
        guard let source = samples.baseAddress, let target = spoken.prepare(samples.count), let start = target.baseAddress else { return }
        start.update(from: source, count: samples.count)
        spoken.commit(samples.count)
        counters.packetsBridged &+= 1
    }

    /// Sends the far leg's payload under our keys, SSRC, numbers and clock. Losses and pauses stay what they were.
    mutating func pass(
        _ payload: UnsafeRawBufferPointer, milliseconds: Int, ticks: UInt32, place: Int64, timestamp: UInt32, marker: Bool, isCut: Bool,
        _ tools: borrowing MediaTools, now: Instant
    ) {
        guard direction.sends, let destination = rtpSource.destination else {
            passedPlace = nil
            return
        }
        guard !digits.isInEvent else { return passNothing(place: place) }
        var bytes = payload
        if isCut || payload.count == 0 {
            guard let frame = silence.frame(atMost: milliseconds), frame.milliseconds == milliseconds else { return }
            bytes = frame.payload
        }
        guard bytes.count <= tools.packet.count - RTPHeader.fixedSize - 64, let body = bytes.baseAddress,
            let target = tools.packet.baseAddress,
            let header = stamp(
                settings.payloadType, ticks: ticks, count: bytes.count, place: place, timestamp: timestamp, marker: marker)
        else { return }
        target.advanced(by: RTPHeader.fixedSize).copyMemory(from: body, byteCount: bytes.count)
        passedUntil = now.nanoseconds &+ Self.passGap
        passedEnd = now.nanoseconds &+ Int64(milliseconds) &* 1_000_000
        sendStamped(header, payloadCount: bytes.count, to: destination, tools)
        counters.packetsBridged &+= 1
    }

    mutating func passComfort(
        _ payload: UnsafeRawBufferPointer, place: Int64, timestamp: UInt32, _ tools: borrowing MediaTools, now: Instant
    ) {
        guard direction.sends, let destination = rtpSource.destination, let type = settings.comfortNoise, !digits.isInEvent,
            payload.count > 0, payload.count <= 64, let body = payload.baseAddress, let target = tools.packet.baseAddress,
            let header = stamp(type, ticks: 0, count: payload.count, place: place, timestamp: timestamp, marker: false)
        else { return passNothing(place: place) }
        target.advanced(by: RTPHeader.fixedSize).copyMemory(from: body, byteCount: payload.count)
        passedUntil = now.nanoseconds &+ Self.comfortGap
        passedEnd = now.nanoseconds
        sendStamped(header, payloadCount: payload.count, to: destination, tools)
        counters.packetsBridged &+= 1
    }

    /// A packet of the far leg that is not for us (a key, or what came beside one): its number is no loss.
    mutating func passNothing(place: Int64) {
        if let last = passedPlace, place > last { passedPlace = place }
    }

    /// Number and timestamp in our own stream. nil for what came too late to have a place.
    private mutating func stamp(
        _ type: UInt8, ticks: UInt32, count: Int, place: Int64, timestamp: UInt32, marker: Bool
    ) -> RTPHeader? {
        var isNew = markNext
        if let last = passedPlace, place &- last <= Self.lossesPassed {
            let step = place &- last
            if step < 1 {
                guard step > -Self.lossesPassed else { return nil }
                // Out of order: its number lies before the newest one's. libsrtp refuses one that was used.
                var header = RTPHeader(
                    marker: false, payloadType: PayloadType(type), sequence: rtp.sequence, timestamp: timestamp &+ passOffset,
                    ssrc: rtp.ssrc)
                header.sequence = rtp.sequence &- 1 &- UInt16(truncatingIfNeeded: -step)
                return header
            }
            if step > 1 { rtp.skip(packets: UInt16(truncatingIfNeeded: step &- 1)) }
        } else {
            isNew = true
            passOffset = rtp.timestamp &- timestamp
        }
        // Our clock never goes back: after a pause that we filled, or a jump of the peer's, the two are laid side by side anew.
        let ahead = Int32(bitPattern: timestamp &+ passOffset &- rtp.timestamp)
        if ahead < 0 || Int(ahead) > settings.codec.clockRate * 10 {
            passOffset = rtp.timestamp &- timestamp
            isNew = true
        }
        passedPlace = place
        rtp.skip(ticks: timestamp &+ passOffset &- rtp.timestamp)
        let header = rtp.next(payloadType: PayloadType(type), marker: isNew || marker, payloadCount: count, ticks: ticks)
        markNext = false
        return header
    }

    /// The far leg's packets ceased (or a bridge ended): the clock moves to now, and our own packet times go on.
    mutating func resumeSpeaking(now: Instant) {
        guard passedUntil != .min else { return }
        passedUntil = .min
        let gap = now.nanoseconds &- passedEnd
        if gap > 0, gap < 60_000_000_000 {
            rtp.skip(ticks: UInt32(truncatingIfNeeded: gap / 1_000 &* Int64(settings.codec.clockRate) / 1_000_000))
        }
        markNext = true
    }

    /// The far leg's voice in our recording, on our clock. In payment mode of either leg it is silence.
    mutating func recordPassed(_ payload: GuardedPayload, isCut: Bool, at farEpoch: Int64, _ tools: borrowing MediaTools) {
        guard let recording else { return }
        let shift = (farEpoch &- epoch) / 1_000 &* 48 / 1_000
        let position = MediaTime(ticks: payload.position.ticks &+ shift)
        if isCut || payload.isCut || isProtected {
            return recordSilence(.agent, at: position, milliseconds: Int(payload.durationMilliseconds), tools)
        }
        let header = RecordedFrameHeader(
            speaker: .agent, position: position, durationMilliseconds: payload.durationMilliseconds, isCut: false,
            codec: settings.codec.rawValue)
        let isTaken = recording._withUnsafeGuaranteedRef { $0.push(header, payload.bytes) }
        if !isTaken { tools.counters.pointee.framesRefused &+= 1 }
    }
}
