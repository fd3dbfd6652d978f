internal import Audio
internal import RTP
internal import SRTP
internal import SottoBase

extension MediaStream {
    /// After so many packets of silence the codec's ready-made silence is sent instead of encoding zeros again.
    private static let silentPacketsToCache = 10

    /// One outbound packet time. We send silence when there is nothing to say, so that bindings on the way stay open and the peer
    /// does not take us for gone.
    mutating func speak(_ tools: borrowing MediaTools) {
        if passedUntil != .min, !digits.isSending {
            guard nextSpeak >= passedUntil else { return leaveToFarLeg() }
            resumeSpeaking(now: Instant(nanoseconds: nextSpeak))
        }
        let position = spokenPosition
        let samples = packetSamples
        nextSpeak &+= packetNanoseconds
        spokenPosition = spokenPosition + Int64(settings.packetMilliseconds)
        guard direction.sends, sender != nil, let destination = rtpSource.destination else {
            if digits.isSending { skipDigits(tools) }
            rtp.skip(ticks: settings.codec.ticks(samples: samples))
            markNext = true
            return
        }
        if digits.isSending {
            if sendDigits(to: destination, tools) { return }
            // Between two keys the far leg's packets pass by themselves.
            if passedUntil != .min, digitTone == nil { return }
        }
        var hasSpeech = gather(samples)
        let frame = UnsafeMutableBufferPointer(rebasing: tools.speech[0..<samples])
        if hasSpeech {
            let waiting = min(spoken.count, samples)
            let part = UnsafeMutableBufferPointer(rebasing: frame[0..<waiting])
            _ = spoken.read(into: part)
            UnsafeMutableBufferPointer(rebasing: frame[waiting..<samples]).update(repeating: 0)
        } else {
            frame.update(repeating: 0)
            hasSpeech = makeFill(frame)
        }
        if makeTone(frame) { hasSpeech = true }

        let room = UnsafeMutableRawBufferPointer(rebasing: tools.packet[RTPHeader.fixedSize..<tools.packet.count - 64])
        guard let size = encode(frame, hasSpeech: hasSpeech, into: room) else {
            rtp.skip(ticks: settings.codec.ticks(samples: samples))
            return
        }
        let payload = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[0..<size])
        record(payload, at: position, tools)
        send(payloadCount: size, ticks: settings.codec.ticks(samples: samples), to: destination, tools)
        reportEndedPrompts(samples, tools)
    }

    /// Takes frames from the play-out ring until a packet's worth waits. False when there is nothing but silence.
    private mutating func gather(_ samples: Int) -> Bool {
        guard mode == .voice, far == nil else { return spoken.count >= samples }
        guard let playout else { return spoken.count > 0 }
        // A frame holds up to 20 ms; the bound keeps a producer of tiny frames from holding the thread.
        for _ in 0..<64 where spoken.count < samples {
            var isEmpty = true
            playout._withUnsafeGuaranteedRef { ring in
                let taken: Void? = ring.read { header, audio in
                    if audio.count > 0, let source = audio.baseAddress, let target = spoken.prepare(audio.count),
                        let start = target.baseAddress
                    {
                        start.update(from: source, count: audio.count)
                        spoken.commit(audio.count)
                    }
                    if header.flags.contains(.last), endingPromptCount < 8 {
                        endingPrompts[endingPromptCount] = EndingPrompt(tag: header.tag, samplesLeft: spoken.count)
                        endingPromptCount += 1
                    }
                }
                isEmpty = taken == nil
            }
            if isEmpty { break }
        }
        return spoken.count > 0
    }

    private mutating func encode(
        _ samples: UnsafeMutableBufferPointer<Int16>, hasSpeech: Bool, into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        if hasSpeech {
            if silentPackets >= Self.silentPacketsToCache { encoder.reset() }
            silentPackets = 0
        } else {
            silentPackets += 1
        }
        let mayCache = silentPackets > Self.silentPacketsToCache
        var sampleOffset = 0
        var size = 0
        while sampleOffset < samples.count {
            let left = samples.count - sampleOffset
            // 30 and 50 ms have no frame of their own; G.711 frames can be laid side by side (RFC 3551 §4.2).
            let step = left >= 960 ? 960 : left >= 640 ? 640 : left >= 320 ? 320 : 160
            let target = UnsafeMutableRawBufferPointer(rebasing: room[size..<room.count])
            if mayCache {
                guard let frame = silence.frame(atMost: step / 16), frame.payload.count <= target.count else { return nil }
                target.copyMemory(from: frame.payload)
                size += frame.payload.count
            } else {
                let part = UnsafeBufferPointer(rebasing: samples[sampleOffset..<sampleOffset + step])
                guard let written = encoder.encode(part, into: target) else { return nil }
                size += written
            }
            sampleOffset += step
        }
        return size
    }

    /// Our own frames, on the same clock as the caller's. In payment mode the recorder hears silence on both sides.
    private func record(_ payload: UnsafeRawBufferPointer, at position: MediaTime, _ tools: borrowing MediaTools) {
        guard let recording else { return }
        if isProtected { return recordSilence(.agent, at: position, milliseconds: settings.packetMilliseconds, tools) }
        let header = RecordedFrameHeader(
            speaker: .agent, position: position, durationMilliseconds: UInt16(settings.packetMilliseconds), isCut: false,
            codec: settings.codec.rawValue)
        let isTaken = recording._withUnsafeGuaranteedRef { $0.push(header, payload) }
        if !isTaken { tools.counters.pointee.framesRefused &+= 1 }
    }

    /// The payload lies behind the header's place in `tools.packet`.
    private mutating func send(payloadCount: Int, ticks: UInt32, to destination: SocketAddress, _ tools: borrowing MediaTools) {
        let header = rtp.next(
            payloadType: PayloadType(settings.payloadType), marker: markNext, payloadCount: payloadCount, ticks: ticks)
        markNext = false
        sendStamped(header, payloadCount: payloadCount, to: destination, tools)
    }

    /// Seals and sends the payload that lies in `tools.packet`.
    mutating func sendStamped(
        _ header: RTPHeader, payloadCount: Int, to destination: SocketAddress, _ tools: borrowing MediaTools
    ) {
        guard (try? header.write(into: tools.packet)) != nil else { return }
        switch sender?.protectRTP(tools.packet, length: RTPHeader.fixedSize + payloadCount) {
        case nil: break
        case .protected(let length):
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(tools.packet)[0..<length])
            guard transmit(bytes, on: rtpDescriptor, to: destination, tools) else { return }
            counters.packetsSent &+= 1
            counters.bytesSent &+= UInt64(payloadCount)
            sentSinceReport = true
        case .keyExhausted: exhaust(tools)
        case .noRoom, .malformed, .indexReused, .failed: tools.counters.pointee.sendFailures &+= 1
        }
    }

    /// Prompts whose last sample has left with this packet.
    private mutating func reportEndedPrompts(_ samples: Int, _ tools: borrowing MediaTools) {
        guard endingPromptCount > 0 else { return }
        var kept = 0
        for index in 0..<endingPromptCount {
            var prompt = endingPrompts[index]
            prompt.samplesLeft -= samples
            if prompt.samplesLeft <= 0 {
                tools.events.push(.promptPlayed(id, tag: prompt.tag, at: spokenPosition))
            } else {
                endingPrompts[kept] = prompt
                kept += 1
            }
        }
        endingPromptCount = kept
    }

    /// False when the kernel refused the datagram.
    func transmit(
        _ bytes: UnsafeRawBufferPointer, on descriptor: Int32, to destination: SocketAddress, _ tools: borrowing MediaTools
    ) -> Bool {
        guard UDPSocket.send(bytes, on: descriptor, to: destination) else {
            tools.counters.pointee.sendFailures &+= 1
            return false
        }
        tools.counters.pointee.packetsSent &+= 1
        return true
    }
}
