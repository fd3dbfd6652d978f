internal import Audio
internal import DTMF
internal import RTP
internal import SottoBase

extension MediaStream {
    /// One play-out tick: 20 ms out of the jitter buffer, through decoder and guard, into the rings. Positions have no gap: what does not
    /// come is concealed or silence.
    mutating func hear(_ tools: borrowing MediaTools) {
        let position = heardPosition
        let deadline = Instant(nanoseconds: nextHear)
        fill(position, deadline)
        var flags: AudioFrameHeader.Flags = []
        if concealedSamples > 0 {
            flags = .concealed
            concealedSamples = max(0, concealedSamples - Self.frameSamples)
            counters.framesConcealed &+= 1
        }
        if !heard.read(into: tools.frame) { tools.frame.update(repeating: 0) }
        heardIsQuiet = isQuiet(UnsafeBufferPointer(tools.frame))
        framesHeard &+= 1
        nextHear &+= Self.frameNanoseconds
        apply(dtmf.timePassed(now: heardPosition), tools)
        if !line.push(UnsafeBufferPointer(tools.frame), at: position, flags: flags) {
            deliver(tools)
            _ = line.push(UnsafeBufferPointer(tools.frame), at: position, flags: flags)
        }
        apply(inBand.process(UnsafeBufferPointer(tools.frame), at: position), tools)
        deliver(tools)
    }

    /// Decodes until a frame's worth of samples waits.
    private mutating func fill(_ position: MediaTime, _ deadline: Instant) {
        // Each pull gives 2.5 ms or more, so the loop ends; the bound holds even if a buffer misbehaved.
        for _ in 0..<16 where heard.count < Self.frameSamples {
            let place = MediaTime(ticks: position.ticks &+ Int64(heard.count) &* 3)
            let change = jitter.correction(now: deadline)
            switch jitter.pull(now: deadline, isQuiet: heardIsQuiet) {
            case .packet(let packet): play(packet, at: place, stretchedBy: change)
            case .lost(let ticks): recover(settings.codec.samples(ticks: ticks))
            case .silence(let ticks):
                let missing = max(settings.codec.samples(ticks: ticks), 1)
                if hearsNoise, noise.isActive, missing <= FrameDecoder.maximumSamples, let target = heard.prepare(missing) {
                    noise.fill(target)
                    heard.commit(missing)
                } else if heard.appendSilence(missing) == 0 {
                    return
                }
            case .notReady:
                heard.appendSilence(Self.frameSamples - heard.count)
            }
        }
        if heard.count < Self.frameSamples { heard.appendSilence(Self.frameSamples - heard.count) }
    }

    /// - Parameter change: a sample more or less, to follow the sender's clock.
    private mutating func play(_ packet: BufferedPacket, at place: MediaTime, stretchedBy change: Int) {
        clock.anchor(UInt32(truncatingIfNeeded: packet.timestamp), at: place)
        let expected = settings.codec.samples(ticks: packet.ticks)
        guard let target = heard.prepare(expected) else {
            heard.clear()
            return
        }
        if let samples = decoder.decode(packet.payload, into: target) {
            heard.commit(min(samples, expected), stretchedBy: change)
            if recording != nil || passage == .guarded || far?.pointee.recording != nil {
                push(packet.payload, at: place, milliseconds: max(1, expected / 16))
            }
        } else {
            conceal(expected)
        }
    }

    /// Encoded frames cannot be stretched. They lie end to end, as the peer made them, until they are half a frame from where their samples
    /// are heard: one seam in a minute or two, where a sample's hole at each would be heard as a buzz.
    private mutating func push(_ payload: UnsafeRawBufferPointer, at place: MediaTime, milliseconds: Int) {
        let distance = place.ticks &- payloadEnd.ticks
        let start = distance.magnitude < Self.payloadSlack ? payloadEnd : place
        payloadEnd = start + Int64(milliseconds)
        _ = line.push(payload: payload, at: start, durationMilliseconds: milliseconds)
    }

    /// 10 ms.
    private static let payloadSlack = 480

    /// What is missing is taken from the packet behind it, where that one carries a copy (RFC 7587 §4.1).
    private mutating func recover(_ samples: Int) {
        guard settings.usesErrorCorrection, samples > 0, let next = jitter.packetAfterLoss, let target = heard.prepare(samples) else {
            return conceal(samples)
        }
        if !decoder.recover(from: next.payload, into: target) { concealedSamples += samples }
        heard.commit(samples)
    }

    private mutating func conceal(_ samples: Int) {
        guard samples > 0 else { return }
        guard let target = heard.prepare(samples) else {
            heard.clear()
            return
        }
        decoder.conceal(into: target)
        heard.commit(samples)
        concealedSamples += samples
    }

    /// What has waited long enough in the guard goes to the consumers.
    mutating func deliver(_ tools: borrowing MediaTools) {
        while let audio = line.popAudio() {
            let isCut = audio.flags.contains(.cut) || mustCut(audio.position)
            if isCut { counters.framesCut &+= 1 }
            let samples = isCut ? UnsafeBufferPointer(rebasing: tools.zeros[0..<audio.samples.count]) : audio.samples
            if let recognizer {
                let flags = isCut ? audio.flags.union(.cut) : audio.flags
                let isTaken = recognizer._withUnsafeGuaranteedRef {
                    $0.push(AudioFrameHeader(position: audio.position, flags: flags), samples)
                }
                if !isTaken { tools.counters.pointee.framesRefused &+= 1 }
            }
            if far != nil {
                passSamples(samples)
            } else if mode == .echo {
                take(samples)
            }
        }
        while let payload = line.popPayload() {
            let isCut = payload.isCut || mustCut(payload.position)
            passGuarded(payload, isCut: isCut, tools)
            guard let recording else { continue }
            let duration = Int(payload.durationMilliseconds)
            if isCut {
                recordSilence(.caller, at: payload.position, milliseconds: duration, tools)
                continue
            }
            let isTaken = recording._withUnsafeGuaranteedRef {
                $0.push(
                    RecordedFrameHeader(
                        speaker: .caller, position: payload.position, durationMilliseconds: payload.durationMilliseconds, isCut: false,
                        codec: settings.codec.rawValue),
                    payload.bytes)
            }
            if !isTaken { tools.counters.pointee.framesRefused &+= 1 }
        }
    }

    /// Encoded silence in place of what was cut, in frames that the codec has.
    func recordSilence(_ speaker: Speaker, at start: MediaTime, milliseconds: Int, _ tools: borrowing MediaTools) {
        guard let recording else { return }
        var position = start
        var left = milliseconds
        while let frame = silence.frame(atMost: left) {
            let header = RecordedFrameHeader(
                speaker: speaker, position: position, durationMilliseconds: UInt16(frame.milliseconds), isCut: true,
                codec: settings.codec.rawValue)
            let isTaken = recording._withUnsafeGuaranteedRef { $0.push(header, frame.payload) }
            if !isTaken { tools.counters.pointee.framesRefused &+= 1 }
            position = position + Int64(frame.milliseconds)
            left -= frame.milliseconds
        }
    }
}
