internal import Audio
internal import DTMF
internal import RTP
internal import SottoBase

extension MediaStream {
    /// Keys from a command. False when one is no key or there is no room for all.
    mutating func sendDigits(_ keys: SecretBytes, milliseconds: Int) -> Bool {
        keys.withBytes { bytes in
            guard (1...32).contains(bytes.count), bytes.count <= digits.room, (40...5_000).contains(milliseconds) else { return false }
            for byte in bytes where Key(byte: byte) == nil { return false }
            for index in 0..<bytes.count {
                guard let key = Key(byte: bytes[index]) else { return false }
                sendDigit(key.event, milliseconds: milliseconds, isLast: index == bytes.count - 1)
            }
            return true
        }
    }

    /// A key from a command or from the far leg.
    mutating func sendDigit(_ event: UInt8, milliseconds: Int, isLast: Bool) {
        _ = digits.append(event: event, milliseconds: milliseconds, isLast: isLast)
    }

    /// This packet time is a key's: true when its packet was sent in place of audio.
    mutating func sendDigits(to destination: SocketAddress, _ tools: borrowing MediaTools) -> Bool {
        let step = digits.next(packetMilliseconds: settings.packetMilliseconds)
        if digits.takeFinished() { tools.events.push(.digitsSent(id)) }
        guard case .event(let event, let elapsed, let isFirst, let ends) = step else {
            digitTone = nil
            return false
        }
        guard let type = settings.telephoneEvent else { return sendTone(event, isFirst: isFirst, isOver: ends) }
        if far != nil { spoken.clear() }
        if isFirst { digitTimestamp = rtp.timestamp }
        let room = UnsafeMutableRawBufferPointer(rebasing: tools.packet[RTPHeader.fixedSize..<RTPHeader.fixedSize + TelephoneEvent.size])
        let (segment, duration) = segment(elapsed, ends: ends)
        guard TelephoneEvent(event: event, isEnd: ends, volume: 10, duration: duration).write(into: room) != nil else { return true }
        // RFC 4733 §2.5.1.2: all of an event's packets carry the timestamp of its start (of its segment), the first one the marker.
        var header = rtp.next(
            payloadType: PayloadType(type), marker: isFirst, payloadCount: TelephoneEvent.size,
            ticks: settings.codec.ticks(samples: packetSamples))
        header.timestamp = digitTimestamp &+ segment
        markNext = true
        sendStamped(header, payloadCount: TelephoneEvent.size, to: destination, tools)
        return true
    }

    /// RFC 4733 §2.5.1.3: the duration field has 16 bits. A longer key goes on in segments, whose timestamps lie 65,535 ticks apart; where
    /// one is full, the packet tells its whole length.
    /// - Returns: where the segment starts, from the key's start, and how much of it has passed.
    private func segment(_ elapsed: Int, ends: Bool) -> (start: UInt32, duration: UInt16) {
        let rate = settings.telephoneEventClockRate
        let ticks = elapsed * rate / 1_000
        let before = max(0, ticks - settings.packetMilliseconds * rate / 1_000 - 1) / 0xFFFF
        var number = max(0, ticks - 1) / 0xFFFF
        if !ends, number > before { number = before }
        return (UInt32(truncatingIfNeeded: number * 0xFFFF), UInt16(clamping: ticks - number * 0xFFFF))
    }

    /// The peer has no events: the key's tone takes the place of what was to be said.
    private mutating func sendTone(_ event: UInt8, isFirst: Bool, isOver: Bool) -> Bool {
        if isFirst { digitTone = Key(event: event).flatMap { ToneGenerator(dtmfKey: $0.byte) } }
        if isOver { digitTone = nil }
        return false
    }

    /// Nothing may be sent now: what waits is over without having been heard.
    mutating func skipDigits(_ tools: borrowing MediaTools) {
        guard !direction.sends, digits.count > 0 else { return }  // before a handshake is done they wait
        digits.clear()
        digitTone = nil
        tools.events.push(.failed(id, .digitsRefused))
    }

    mutating func makeTone(_ frame: UnsafeMutableBufferPointer<Int16>) -> Bool {
        guard digitTone != nil else { return false }
        digitTone?.fill(frame)
        return true
    }

    /// What fills a pause; false for silence.
    mutating func makeFill(_ frame: UnsafeMutableBufferPointer<Int16>) -> Bool {
        guard fill != .silence else { return false }
        defer { fillPlace += frame.count }
        return FillSound.read(fill, from: fillPlace, into: frame)
    }

    mutating func setFill(_ new: MediaFill) {
        guard new != fill else { return }
        fill = new
        fillPlace = 0
    }

    /// The far leg talks by itself: we look again when its packets may have ceased.
    mutating func leaveToFarLeg() {
        let step = packetNanoseconds
        // Comfort noise announces long pauses: keys that come meanwhile must not wait for their end.
        let packets = max(1, (min(passedUntil &- nextSpeak, Self.passGap) &+ step &- 1) / step)
        nextSpeak &+= packets &* step
        spokenPosition = MediaTime(ticks: spokenPosition.ticks &+ packets &* Int64(settings.packetMilliseconds) &* 48)
    }
}
