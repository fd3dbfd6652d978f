internal import Audio
internal import DTMF
internal import RTP
internal import SRTP
internal import SottoBase
internal import SottoTLS

extension MediaSettings {
    /// The rule that the settings break; nil when they are sound.
    func fault(isIPv6: Bool) -> MediaFailure? {
        if let remote, remote.isIPv6 != isIPv6 { return .invalidSettings("the peer's address is of another family than ours") }
        if let remote, remote.port == 0 { return .invalidSettings("the peer's port is 0") }
        guard (10...60).contains(packetMilliseconds), packetMilliseconds % 10 == 0 else {
            return .invalidSettings("packet time must be 10 to 60 ms in steps of 10")
        }
        guard payloadType < 128, telephoneEvent ?? 0 < 128, telephoneEvent != payloadType else {
            return .invalidSettings("payload types must be below 128 and differ")
        }
        if let comfortNoise, comfortNoise >= 128 || comfortNoise == payloadType || comfortNoise == telephoneEvent {
            return .invalidSettings("payload types must be below 128 and differ")
        }
        if let dtls {
            guard (1...16).contains(dtls.remoteFingerprints.count) else { return .invalidSettings("1 to 16 fingerprints") }
            for fingerprint in dtls.remoteFingerprints where fingerprint.bytes.count != fingerprint.hash.size {
                return .invalidSettings("a fingerprint's length does not fit its hash")
            }
        }
        if rtcpMux {
            // RFC 5761 §4: they could not be told from RTCP.
            guard !PayloadType(payloadType).collidesWithRTCP, !(telephoneEvent.map { PayloadType($0).collidesWithRTCP } ?? false) else {
                return .invalidSettings("payload types 64 to 95 cannot be used with rtcp-mux")
            }
        }
        guard (1_000...192_000).contains(telephoneEventClockRate) else { return .invalidSettings("telephone-event's clock rate") }
        return nil
    }

    /// Opus has no frames of 30 and 50 ms (RFC 6716 §2.1.4): the next shorter one.
    var withCodecPacketTime: MediaSettings {
        guard codec == .opus, packetMilliseconds == 30 || packetMilliseconds == 50 else { return self }
        var copy = self
        copy.packetMilliseconds -= 10
        return copy
    }

    var rtpAddress: SocketAddress? { remote.map { SocketAddress($0) } }

    /// RFC 3605; without the attribute the next port (RFC 3550 §11).
    var rtcpAddress: SocketAddress? {
        guard let remote else { return nil }
        let next = remote.port == UInt16.max ? remote.port : remote.port + 1
        return SocketAddress(remote).withPort(rtcpMux ? remote.port : remoteRTCPPort ?? next)
    }
}

extension MediaStream {
    /// Keys installed, clocks at zero. What is refused leaves nothing behind.
    init(
        _ id: MediaSessionID, _ asked: MediaSettings, _ options: MediaSessionOptions, descriptors: (rtp: Int32, rtcp: Int32), now: Instant
    ) throws(MediaFailure) {
        let settings = asked.withCodecPacketTime
        guard (40...120).contains(options.guardMilliseconds) else { throw .invalidSettings("the DTMF guard holds 40 to 120 ms") }
        let ssrc = SSRC(UInt32.random(in: 1...UInt32.max))
        let receiver: SRTPReceiver? = settings.sdes == nil ? nil : try Self.makeReceiver(settings)
        let sender: SRTPSender? = settings.sdes == nil ? nil : try Self.makeSender(settings, ssrc)
        let decoder = try Self.makeDecoder(settings.codec)
        let encoder = try Self.makeEncoder(settings)
        let silence = try Self.makeSilence(settings.codec)

        self.id = id
        rtpDescriptor = descriptors.rtp
        rtcpDescriptor = descriptors.rtcp
        owner = options.owner
        mode = options.mode
        mediaTimeout = options.mediaTimeout?.wholeNanoseconds
        statisticsInterval = options.statisticsInterval.map { max($0.wholeNanoseconds, 100_000_000) }
        canonicalName = CanonicalName(high: UInt64.random(in: 0...UInt64.max), low: UInt32.random(in: 0...UInt32.max))
        self.settings = settings

        self.receiver = receiver
        self.sender = sender
        reception = ReceptionStatistics(clockRate: settings.codec.clockRate)
        jitter = JitterBuffer(clockRate: settings.codec.clockRate)
        clock = RTPMediaClock(clockRate: settings.codec.clockRate)
        dtmf = DTMFReceiver(clockRate: settings.telephoneEventClockRate)
        noise = ComfortNoiseRenderer(seed: UInt64.random(in: 1...UInt64.max))
        line = DTMFGuard(delayMilliseconds: options.guardMilliseconds)
        self.decoder = decoder
        heard = SampleQueue()
        lastOfSource = now
        nextHear = now.nanoseconds &+ Self.frameNanoseconds

        rtp = RTPSender(ssrc: ssrc, sequence: UInt16.random(in: 0...0x7FFF), timestamp: UInt32.random(in: 0...UInt32.max))
        self.encoder = encoder
        self.silence = silence
        spoken = SampleQueue()
        nextSpeak = now.nanoseconds

        rtpSource = SourceLearner(signaled: settings.rtpAddress)
        rtcpSource = SourceLearner(signaled: settings.rtcpAddress)
        lastAuthentic = now
        nextReport = now.nanoseconds &+ Self.reportDelay(isFirst: true)
        nextStatistics = now.nanoseconds &+ (statisticsInterval ?? 0)

        recognizer = options.rings.recognizer.map { .passRetained($0) }
        playout = options.rings.playout.map { .passRetained($0) }
        recording = options.rings.recording.map { .passRetained($0) }
    }

    /// A re-INVITE's outcome. Everything that can fail is made first; then all of it changes at once.
    mutating func update(_ asked: MediaSettings, _ tools: borrowing MediaTools, now: Instant) throws(MediaFailure) {
        let new = asked.withCodecPacketTime
        let old = settings
        let hasNewRemoteKey = new.sdes?.remoteKey != old.sdes?.remoteKey || new.sdes?.profile != old.sdes?.profile
        let hasNewLocalKey = new.sdes?.localKey != old.sdes?.localKey || new.sdes?.profile != old.sdes?.profile
        let hasNewCodec = new.codec != old.codec

        // RFC 3711 §3.3.1: the counter goes on at the same address; with a new one (RFC 4568 §7.1.4) it starts from zero.
        // We change the SSRC with the key, so that no peer has to guess our counter.
        let newSSRC = SSRC(UInt32.random(in: 1...UInt32.max))
        let newSender: SRTPSender? = hasNewLocalKey && new.sdes != nil ? try Self.makeSender(new, newSSRC) : nil
        let newDecoder: FrameDecoder? = hasNewCodec ? try Self.makeDecoder(new.codec) : nil
        let newEncoder: FrameEncoder? = hasNewCodec || new.usesErrorCorrection != old.usesErrorCorrection ? try Self.makeEncoder(new) : nil
        let newSilence: SilenceFrames? = hasNewCodec ? try Self.makeSilence(new.codec) : nil

        // The last of what can fail; it leaves the receiver as it was when it does.
        if hasNewRemoteKey, let keys = new.sdes {
            try rekey(keys, new.rekeyRollover, isMoved: new.remote != old.remote, now: now)
        } else if let terms = new.sdes?.remoteTerms, terms != old.sdes?.remoteTerms {
            receiver?.adopt(terms)
        }

        settings = new
        rtpSource.addressSignaled(new.rtpAddress, previouslySignaled: old.rtpAddress, now: now)
        rtcpSource.addressSignaled(new.rtcpAddress, previouslySignaled: old.rtcpAddress, now: now)
        if let newSender { install(newSender, newSSRC) }
        changeHandshake(from: old, tools, now: now)
        if let newDecoder { decoder = newDecoder }
        if let newEncoder { encoder = newEncoder }
        if let newSilence { silence = newSilence }
        if hasNewCodec {
            reception = ReceptionStatistics(clockRate: new.codec.clockRate)
            jitter = JitterBuffer(clockRate: new.codec.clockRate)
            clock = RTPMediaClock(clockRate: new.codec.clockRate)
            silentPackets = 0
            heard.clear()
            passedPlace = nil
            far?.pointee.passedPlace = nil
        }
        otherLengths = 0
        if new.telephoneEventClockRate != old.telephoneEventClockRate || new.telephoneEvent != old.telephoneEvent {
            apply(dtmf.timePassed(now: heardPosition + 1_000), tools)
            dtmf = DTMFReceiver(clockRate: new.telephoneEventClockRate)
            line.eventEnded(at: heardPosition)
        }
        if new.direction.receives, !old.direction.receives {
            lastAuthentic = now
            hasTimedOut = false
        }
        if !new.direction.receives { isInPause = false }
        nextSpeak = max(nextSpeak, now.nanoseconds)
    }

    /// The key before is still tried for a moment: what it sealed may be on its way.
    mutating func rekey(_ keys: SDESKeys, _ rollover: RekeyRollover, isMoved: Bool, now: Instant) throws(MediaFailure) {
        do throws(SRTPError) {
            guard receiver != nil else {
                receiver = try SRTPReceiver(profile: keys.profile, key: keys.remoteKey, terms: keys.remoteTerms)
                return
            }
            let until = now + SRTPReceiver.usualStragglerTime
            if isMoved {
                try receiver?.restart(
                    profile: keys.profile, key: keys.remoteKey, terms: keys.remoteTerms, stragglersUntil: until)
            } else {
                try receiver?.rekey(
                    profile: keys.profile, key: keys.remoteKey, terms: keys.remoteTerms, rollover: SRTPRollover(rollover),
                    stragglersUntil: until)
            }
            keyExhausted = false
        } catch {
            throw .srtp(error.description)
        }
    }

    mutating func install(_ new: consuming SRTPSender, _ ssrc: SSRC) {
        sender = consume new
        rtp = RTPSender(ssrc: ssrc, sequence: UInt16.random(in: 0...0x7FFF), timestamp: rtp.timestamp)
        passedPlace = nil
        markNext = true
        keyExhausted = false
    }

    private static func makeReceiver(_ settings: MediaSettings) throws(MediaFailure) -> SRTPReceiver {
        guard let keys = settings.sdes else { throw .noIdentity }
        do {
            return try SRTPReceiver(profile: keys.profile, key: keys.remoteKey, terms: keys.remoteTerms)
        } catch {
            throw .srtp(error.description)
        }
    }

    private static func makeSender(_ settings: MediaSettings, _ ssrc: SSRC) throws(MediaFailure) -> SRTPSender {
        guard let keys = settings.sdes else { throw .noIdentity }
        do {
            return try SRTPSender(profile: keys.profile, key: keys.localKey, ssrc: ssrc.value, terms: keys.localTerms)
        } catch {
            throw .srtp(error.description)
        }
    }

    private static func makeDecoder(_ codec: AudioCodec) throws(MediaFailure) -> FrameDecoder {
        do {
            return try FrameDecoder(codec: codec)
        } catch {
            throw .codec("\(codec) decoder: \(error)")
        }
    }

    private static func makeEncoder(_ settings: MediaSettings) throws(MediaFailure) -> FrameEncoder {
        let codec = settings.codec
        do {
            return try FrameEncoder(codec: codec, opus: OpusSettings(correctsErrors: settings.usesErrorCorrection))
        } catch {
            throw .codec("\(codec) encoder: \(error)")
        }
    }

    private static func makeSilence(_ codec: AudioCodec) throws(MediaFailure) -> SilenceFrames {
        guard let silence = SilenceFrames(codec: codec) else { throw .codec("\(codec) has no silence") }
        return silence
    }
}

extension SRTPRollover {
    init(_ rollover: RekeyRollover) {
        switch rollover {
        case .automatic: self = .automatic
        case .keep: self = .keep
        case .reset: self = .reset
        }
    }
}
