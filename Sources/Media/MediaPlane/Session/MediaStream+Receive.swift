internal import Audio
internal import DTMF
internal import RTP
internal import SRTP
internal import SottoBase

extension MediaStream {
    /// Another SSRC takes over after so many packets in a row, or at once when the old one has been silent.
    private static let packetsToChangeSource = 3
    private static let silenceToChangeSource = Duration.milliseconds(200)
    private static let pauseBetweenSourceChanges: Int64 = 5_000_000_000

    /// A datagram that arrived on one of the session's sockets. Nothing changes before SRTP has authenticated it (verify, then learn).
    mutating func datagramReceived(
        _ bytes: UnsafeMutableRawBufferPointer, from source: SocketAddress, onRTCPPort: Bool, _ tools: borrowing MediaTools, now: Instant
    ) {
        switch DatagramKind.classify(UnsafeRawBufferPointer(bytes), multiplexed: settings.rtcpMux && !onRTCPPort) {
        case .rtcp where onRTCPPort || settings.rtcpMux: reportReceived(bytes, from: source, tools, now: now)
        case .rtp where !onRTCPPort: packetReceived(bytes, from: source, tools, now: now)
        case .dtls where !onRTCPPort: handshakeReceived(UnsafeRawBufferPointer(bytes), from: source, tools, now: now)
        default: countMalformed(tools)
        }
    }

    private mutating func countMalformed(_ tools: borrowing MediaTools) {
        counters.malformed &+= 1
        tools.counters.pointee.malformed &+= 1
    }

    mutating func count(_ result: SRTPReceiveResult, _ tools: borrowing MediaTools) {
        switch result {
        case .authenticated, .straggler: break
        case .replayed:
            counters.replayed &+= 1
            tools.counters.pointee.replayed &+= 1
        case .unauthenticated, .tooManySources:
            counters.unauthenticated &+= 1
            tools.counters.pointee.unauthenticated &+= 1
        case .malformed: countMalformed(tools)
        case .keyExhausted: exhaust(tools)
        }
    }

    mutating func exhaust(_ tools: borrowing MediaTools) {
        guard !keyExhausted else { return }
        keyExhausted = true
        tools.events.push(.keyExhausted(id))
    }

    private mutating func packetReceived(
        _ bytes: UnsafeMutableRawBufferPointer, from source: SocketAddress, _ tools: borrowing MediaTools, now: Instant
    ) {
        var isStraggler = false
        let length: Int
        // RFC 5763 §6.2: before the fingerprint has matched there are no keys, and nothing is heard.
        switch receiver?.unprotectRTP(bytes, now: now) ?? .unauthenticated {
        case .authenticated(let count): length = count
        case .straggler(let count):
            length = count
            isStraggler = true
        case let other: return count(other, tools)
        }
        let packet = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[0..<length])
        guard let header = try? RTPHeader(parsing: packet) else { return countMalformed(tools) }

        if isStraggler {
            guard header.ssrc == remoteSource else { return }
        } else {
            noteAuthentic(now)
            if header.ssrc == rtp.ssrc { sourceCollided(tools, now: now) }
        }
        counters.packetsReceived &+= 1
        counters.bytesReceived &+= UInt64(length)
        tools.counters.pointee.packetsReceived &+= 1
        if !hasHeardFirst {
            hasHeardFirst = true
            tools.events.push(.firstAuthenticatedPacket(id, at: heardPosition))
        }
        guard accept(source: header.ssrc, tools, now: now) else { return }

        let highest = reception.highestSequence
        let place: Int64
        let isNewest: Bool
        switch reception.packetReceived(sequence: header.sequence, timestamp: header.timestamp, arrival: now) {
        case .suspicious: return
        case .restarted(let extended):
            startStreamAnew(tools)
            place = extended
            isNewest = true
        case .extended(let extended):
            place = extended
            isNewest = highest.map { extended > $0 } ?? true
        }
        if !isStraggler, rtpSource.packetAuthenticated(from: source, isNewest: isNewest, now: now), let peer = source.peer {
            tools.events.push(.sourceMoved(id, peer))
        }
        guard direction.receives else { return jitter.note(sequence: place) }
        let payload = header.payload(of: packet)
        if header.payloadType.value == settings.payloadType {
            guard let ticks = settings.codec.rtpTicks(of: payload) else {
                jitter.note(sequence: place)
                return countMalformed(tools)
            }
            hearsNoise = false
            isInPause = settings.codec == .opus && payload.count <= 2  // RFC 7587 §3.1.3: discontinuous transmission
            if passage == .direct { passOn(payload, header, ticks: ticks, place: place, tools, now: now) }
            guard isHearing else { return }
            _ = jitter.push(
                sequence: place, timestamp: header.timestamp, payloadType: header.payloadType, marker: header.marker, ticks: ticks,
                payload: payload, arrival: now)
        } else if header.payloadType.value == settings.telephoneEvent {
            isInPause = false
            jitter.note(sequence: place)
            catchUp(now: now)
            if passage == .direct { far?.pointee.passNothing(place: place) }
            apply(
                dtmf.packetReceived(
                    payload, timestamp: header.timestamp, marker: header.marker, clock: clock, now: heardPosition), tools)
        } else if header.payloadType.value == settings.comfortNoise {
            isInPause = true
            hearsNoise = true
            jitter.note(sequence: place)
            if isHearing { _ = noise.update(payload) }
            passOnComfort(payload, header, place: place, tools, now: now)
        } else {
            jitter.note(sequence: place)  // a type that was not agreed
        }
    }

    private mutating func noteAuthentic(_ now: Instant) {
        lastAuthentic = now
        hasTimedOut = false
    }

    /// One stream is heard at a time. A peer may change its SSRC (a gateway behind it, a restart); packets of the old one that are
    /// still in flight must not throw the stream back and forth.
    private mutating func accept(source: SSRC, _ tools: borrowing MediaTools, now: Instant) -> Bool {
        guard let current = remoteSource else {
            remoteSource = source
            return true
        }
        if source == current {
            otherSourceCount = 0
            lastOfSource = now
            return true
        }
        if otherSourceCount > 0, otherSource == source {
            otherSourceCount += 1
        } else {
            otherSource = source
            otherSourceCount = 1
        }
        guard otherSourceCount >= Self.packetsToChangeSource || now - lastOfSource > Self.silenceToChangeSource else { return false }
        remoteSource = source
        otherSourceCount = 0
        lastOfSource = now
        reception.reset()
        startStreamAnew(tools)
        return true
    }

    /// A key that was being told by the old stream is over, and so is a tone.
    private mutating func startStreamAnew(_ tools: borrowing MediaTools) {
        jitter.reset()
        decoder.reset()
        apply(dtmf.timePassed(now: heardPosition), tools)
        dtmf.reset()
        apply(inBand.finish(), tools)
        digitTruth.reset()
        line.eventEnded(at: heardPosition)
        far?.pointee.passedPlace = nil
        clock = RTPMediaClock(clockRate: settings.codec.clockRate)
    }

    /// What the DTMF receiver said: the guard cuts, and a key that was let go becomes an event.
    mutating func apply(_ change: DTMFChange, _ tools: borrowing MediaTools) {
        line.apply(change)
        // A key that came as a tone before its event was told then.
        guard let press = change.pressed, digitTruth.acceptsEvent(press) else { return }
        tell(press, tools)
    }

    /// What the ear for tones said of a frame.
    mutating func apply(_ change: InBandChange, _ tools: borrowing MediaTools) {
        guard !change.isNothing else { return }
        line.apply(change)
        guard let press = change.pressed, digitTruth.acceptsTone(press, isInEvent: dtmf.isInEvent) else { return }
        tell(press, tools)
    }

    private mutating func tell(_ press: KeyPress, _ tools: borrowing MediaTools) {
        let second = framesHeard / 50
        if second != digitSecond {
            digitSecond = second
            digitsThisSecond = 0
        }
        digitsThisSecond += 1
        guard digitsThisSecond <= 25 else { return }
        counters.digits &+= 1
        let stored = withUnsafeBytes(of: press.key.byte) { byte in
            ClearArena.keys.store(byte, owner: owner, as: DialledKey.self)
        }
        if let stored {
            tools.events.push(.digit(id, stored, at: press.start))
        } else {
            tools.events.push(.digitLost(id, at: press.start))
        }
        // In payment mode the key goes to its owner alone.
        guard let far, bridge.regeneratesDigits, !mustCut(press.start), !mustCut(press.end) else { return }
        let milliseconds = (press.end.ticks &- press.start.ticks) / 48
        far.pointee.sendDigit(press.key.event, milliseconds: Int(min(max(milliseconds, 80), 2_000)), isLast: false)
    }

    /// An SRTCP compound.
    private mutating func reportReceived(
        _ bytes: UnsafeMutableRawBufferPointer, from source: SocketAddress, _ tools: borrowing MediaTools, now: Instant
    ) {
        let length: Int
        switch receiver?.unprotectRTCP(bytes, now: now) ?? .unauthenticated {
        case .authenticated(let count): length = count
        case .straggler: return
        case let other: return count(other, tools)
        }
        noteAuthentic(now)
        tools.counters.pointee.packetsReceived &+= 1
        let compound = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[0..<length])
        guard var walk = try? RTCPCompound(compound) else { return countMalformed(tools) }
        if !settings.rtcpMux { _ = rtcpSource.packetAuthenticated(from: source, isNewest: true, now: now) }
        while let packet = walk.next() {
            switch packet {
            case .senderReport(let sender, let information, let blocks):
                if sender == rtp.ssrc { sourceCollided(tools, now: now) }
                if sender == remoteSource { reception.senderReportReceived(information.time, arrival: now) }
                take(blocks, tools)
            case .receiverReport(let sender, let blocks):
                if sender == rtp.ssrc { sourceCollided(tools, now: now) }
                take(blocks, tools)
            case .bye(let sources):
                if !peerSaidBye, let remoteSource, sources.contains(remoteSource) {
                    peerSaidBye = true
                    tools.events.push(.peerSaidBye(id))
                }
            case .sourceDescription, .other: break
            }
        }
    }

    /// RFC 3550 §8.2: another source of the session has our number. We say BYE for it and go on under another one.
    ///
    /// Bounded in time and number (a peer that follows us around must not make us jump for ever); then both keep the number, and what
    /// the peer sends is heard all the same: the two directions have keys of their own.
    private mutating func sourceCollided(_ tools: borrowing MediaTools, now: Instant) {
        guard sender?.mayChangeSource == true, now.nanoseconds >= nextSourceChange else { return }
        nextSourceChange = now.nanoseconds &+ Self.pauseBetweenSourceChanges
        let new = SSRC(UInt32.random(in: 1...UInt32.max))
        sendReport(tools, now: now, saysBye: true)
        guard sender?.changeSource(to: new.value) == true else { return }
        rtp.changeSource(to: new, sequence: UInt16.random(in: 0...0x7FFF))
        passedPlace = nil
        markNext = true
    }

    private mutating func take(_ blocks: ReportBlocks, _ tools: borrowing MediaTools) {
        guard let block = blocks.block(about: rtp.ssrc) else { return }
        remoteLost = Int64(block.cumulativeLost)
        remoteJitterTicks = block.jitter
        if settings.usesErrorCorrection { encoder.expectLoss(Double(block.fractionLost) / 256) }
        reception.reportReceived(block, now: MediaClock.wallNow)
    }
}
