internal import Audio
internal import Calls
internal import Logging
internal import MediaPlane
internal import NIOCore
internal import Policy
internal import SDP
internal import SIPSessions
internal import SottoBase

/// Media sessions of a call's legs: what the machine wants of them, and what they say.
extension CallLoop {
    // MARK: - Instructions

    func carryOut(_ instruction: MediaInstruction, _ id: CallID, _ leg: CallLeg) {
        if case .reserve(let range) = instruction { return reserve(range, id, leg) }
        guard let call = calls[id], let live = call.legs[leg] else { return }
        switch instruction {
        case .reserve: break
        case .start(let negotiated, let guardMilliseconds, let mode):
            var settings = negotiated.settings
            settings.rekeyRollover = live.rollover
            call.legs[leg]?.codec = settings.codec
            var options = MediaSessionOptions(
                owner: id, guardMilliseconds: guardMilliseconds ?? dependencies.guardMilliseconds, mediaTimeout: dependencies.mediaTimeout)
            switch mode {
            case .voice:
                let rings = MediaRings(
                    recognizer: AudioRing(content: .clear, capacity: RingSizes.recognizer),
                    playout: AudioRing(content: .own, capacity: RingSizes.playout))
                call.rings = rings
                options.rings = rings
            case .echo: options.mode = .echo
            case .bridge: break
            }
            if leg == .caller { startRecorder(call, settings.codec) }
            submit(.start(live.media, settings, options), id, leg)
        case .update(let negotiated):
            var settings = negotiated.settings
            settings.rekeyRollover = live.rollover
            call.legs[leg]?.codec = settings.codec
            submit(.update(live.media, settings), id, leg)
        case .bridge(let other):
            guard let far = call.legs[other] else { return later(.media(id, .failed("the other leg has no media"), leg: leg)) }
            // Who spoke with the voice side speaks with a person now: nothing of it listens any more.
            for media in [live.media, far.media] { submit(.setRecognizer(media, nil), id, leg) }
            call.legs[leg]?.isBridging = true
            submit(.bridge(live.media, with: far.media), id, leg)
        case .unbridge: submit(.bridge(live.media, with: nil), id, leg)
        case .fill(let fill): submit(.fill(live.media, fill.plane(isNorthAmerican: call.isNorthAmerican)), id, leg)
        case .protect(let isOn):
            call.isProtected = isOn
            submit(.protect(live.media, on: isOn), id, leg)
        case .close: submit(.close(live.media), id, leg)
        }
    }

    /// Both legs of a call live on one media thread, so that a bridge needs no lock.
    private func reserve(_ range: Int, _ id: CallID, _ leg: CallLeg) {
        guard let media, let tenant = table.tenant(of: id) else { return }
        nextMedia &+= 1
        var session = MediaSessionID(nextMedia)
        if let beside = calls[id]?.legs.values.first?.media { session = media.sessionID(beside: beside, candidate: nextMedia) }
        nextMedia = max(nextMedia, session.value)
        let call = calls[id] ?? LiveCall(id: id, tenant: tenant, region: dependencies.directory.policy.tenant(tenant)?.region)
        call.legs[leg] = LiveLeg(media: session)
        call.legs[leg]?.rollover = table.trunk(of: id, leg)?.media.rollover.plane ?? .automatic
        calls[id] = call
        byMedia[session] = (id, leg)
        if !media.submit(.reserve(session, range: range)) {
            later(.media(id, .failed("the media threads take no more calls"), leg: leg))
        }
    }

    func submit(_ command: MediaCommand, _ id: CallID, _ leg: CallLeg = .caller) {
        if media?.submit(command) != true { later(.media(id, .failed("the media thread's mailbox is full"), leg: leg)) }
    }

    // MARK: - Events

    func take(_ event: MediaEvent) {
        switch event {
        case .reserved(let id, let ports): report(id, .reserved(port: ports.rtp))
        case .started(let id):
            if let (call, leg) = live(id) { call.legs[leg]?.startedAt = SystemClock.now }
            report(id, .started)
        case .updated(let id): report(id, .updated)
        case .failed(let id, let failure): report(id, .failed(failure.description))
        case .bridged(let id, _):
            guard let (call, leg) = live(id), call.legs[leg]?.isBridging == true else { return }
            call.legs[leg]?.isBridging = false
            report(id, .bridged)
        case .digit(let id, let key, _):
            guard let (call, leg) = live(id), leg == .caller, let voice = call.voice else { return ClearArena.keys.discard(key) }
            call.voiceLoop?.execute { voice.keyPressed(key) }
        case .promptPlayed(let id, let tag, _):
            guard let (call, _) = live(id), let voice = call.voice else { return }
            call.voiceLoop?.execute { voice.promptPlayed(tag) }
        case .mediaTimedOut(let id): report(id, .timedOut)
        case .keyExhausted(let id): report(id, .keyExhausted)
        case .statistics(let id, let statistics):
            if let (call, leg) = live(id) { call.legs[leg]?.statistics = statistics }
        case .closed(let id, let statistics):
            report(id, .closed(statistics.summary))
            // The call may have taken another session for the leg meanwhile.
            if let (call, leg) = live(id), call.legs[leg]?.media == id { call.legs[leg] = nil }
            byMedia[id] = nil
        case .dtlsFailed(let id, let failure):
            note(.warning, "media.dtls-failed", id, [("reason", failure.description)])
            report(id, .timedOut)
        case .dtlsEstablished(let id, let profile): note(.debug, "media.dtls-established", id, [("profile", String(describing: profile))])
        case .firstAuthenticatedPacket(let id, _): note(.debug, "media.first-packet", id)
        case .sourceMoved(let id, let address): note(.notice, "media.source-moved", id, [("address", address.text)])
        case .digitLost(let id, _): note(.warning, "media.digit-lost", id)
        case .peerSaidBye(let id): note(.debug, "media.peer-bye", id)
        case .unbridged, .digitsSent: break
        }
    }

    // MARK: - Keys by INFO

    /// A key that came by INFO takes the same door as one that came with the media: to the voice side, or on to the other leg.
    func press(_ digit: SIPDigit, in dialog: DialogID) {
        guard let (id, leg) = table.leg(of: dialog), let call = calls[id] else { return }
        if leg == .caller, let voice = call.voice, call.legs.count == 1 {
            guard let key = digit.key.withBytes({ ClearArena.keys.store($0, owner: id, as: DialledKey.self) }) else { return }
            call.voiceLoop?.execute { voice.keyPressed(key) }
        } else if let other = call.legs.first(where: { $0.key != leg })?.value, !call.isProtected {
            let milliseconds = digit.duration.map { Int(clamping: $0.wholeMilliseconds) } ?? 160
            submit(.sendDigits(other.media, digit.key, milliseconds: min(max(milliseconds, 40), 5_000)), id, leg)
        }
    }

    private func live(_ id: MediaSessionID) -> (LiveCall, CallLeg)? {
        guard let (id, leg) = byMedia[id], let call = calls[id] else { return nil }
        return (call, leg)
    }

    private func report(_ id: MediaSessionID, _ report: MediaReport) {
        if let (call, leg) = byMedia[id] { feed(.media(call, report, leg: leg)) }
    }

    private func note(_ level: Logger.Level, _ name: String, _ id: MediaSessionID, _ fields: [(String, String)] = []) {
        guard let (call, leg) = live(id) else { return }
        dependencies.events.note(level, name, call: call.id, tenant: call.tenant, fields + (leg == .caller ? [] : [("leg", leg.description)]))
    }
}

extension RolloverOnRekey {
    fileprivate var plane: RekeyRollover {
        switch self {
        case .auto: .automatic
        case .keep: .keep
        case .reset: .reset
        }
    }
}

extension CallMediaFill {
    fileprivate func plane(isNorthAmerican: Bool) -> MediaFill {
        switch self {
        case .silence: .silence
        case .holdMusic: .holdMusic
        case .ringBack: .ringBack(isNorthAmerican: isNorthAmerican)
        case .comfort: .comfort
        }
    }
}
