internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// How far the caller of a bridged call knows of the other side.
struct CallerProgress: Equatable, Sendable {
    /// The last status that was sent.
    var told: UInt16?
    /// The far side's last status.
    var far: UInt16?
    /// The answer was sent before the 200, for early media.
    var toldAnswer = false
    /// The caller's session runs both ways, not only towards the caller.
    var isOpen = false
}

/// A call that leads to a trunk: the far leg before the caller's answer, and the bridge of both.
extension Call {
    // MARK: - Out

    mutating func beginRoute(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        // From here the far leg's patience counts.
        timers.stop(.setUp)
        guard case .trunks(let trunks, let dialled) = target, let first = trunks.first else { return [] }
        errand = .route(next: Array(trunks.dropFirst()), dialled)
        return callOut(by: first, dialled, time, &entropy)
    }

    /// Begins another leg. nil outputs never: a leg that cannot begin fails like any other.
    mutating func callOut(
        by trunk: TrunkPolicy, _ dialled: DialledNumber, extra: [SIPHeader] = [], _ time: CallTime,
        _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard farLegs < UInt32(clamping: configuration.farLegsAtMost), let outbound = trunk.outbound, let identity else {
            return farFailed(.forbidden(503, "no further leg may be called"), time, &entropy)
        }
        farLegs += 1
        let leg = CallLeg.callee(farLegs)
        // The hop decides about the address family; where it says nothing, it is the caller's.
        var machine = OutboundLeg(
            leg: leg, trunk: trunk, outbound: outbound, reference: TrunkReference(tenant: tenant.name, trunk: trunk.name),
            dialled: dialled, identity: identity, address: caller.address, configuration: configuration, extraHeaders: extra, time: time)
        let outputs = machine.begin(time, &entropy)
        far.append(machine)
        calling = leg
        return carryOut(outputs, of: leg, time, &entropy)
    }

    // MARK: - The far side before its answer

    func farProgressed(_ status: UInt16) -> [CallOutput] {
        switch errand {
        case .transfer(let refer, _): return [.sip(.notifyReferral(refer, status: status))]
        case .route, .saying, .handOver, .referring, nil: return []
        }
    }

    /// 180–183 to the caller, each once in a row. With early media it is told by 183 when the media runs.
    mutating func tellProgress(_ status: UInt16, _ leg: OutboundLeg) -> [CallOutput] {
        guard case .dialling(let invite, let media) = state, !progress.toldAnswer else { return [] }
        progress.far = status
        let rings = leg.trunk.media.earlyMedia == .ring
        if !rings, media != nil, leg.earlyDialog != nil { return [] }
        let told = rings && status == 183 ? 180 : (180...183).contains(status) ? status : 183
        guard progress.told != told else { return [] }
        progress.told = told
        return [.sip(.answer(invite, SIPAnswer(told)))]
    }

    // MARK: - The bridge

    /// Whom the caller is to hear now.
    private var wantedPartner: OutboundLeg? {
        if let partner { return far.first { $0.leg == partner && $0.isConnected } }
        guard case .route = errand, let leg = far.first(where: { $0.leg == calling }), leg.hasEarlyMedia,
            leg.trunk.media.earlyMedia == .pass
        else { return nil }
        return leg
    }

    /// The next step towards what is wanted, whenever the media sessions have confirmed the last one.
    mutating func advance(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        guard caller.isSettled, let other = wantedPartner else { return [] }
        switch state {
        case .dialling(let invite, nil):
            guard other.isConnected else { return [] }
            return offerInAnswer(invite, time, &entropy)
        case .dialling(let invite, let media?):
            if !caller.isStarted {
                progress.isOpen = other.isConnected
                // Before the answer the caller is not heard: an unanswered call carries no conversation.
                let first = other.isConnected ? media : media.sendingOnly
                timers.start(.setUp, at: time.now + configuration.setUpTime)
                return noteAgreed(media) + [output(caller.start(first, guardMilliseconds: trunk.media.guardMilliseconds, mode: .bridge))]
            }
            if other.isConnected, !progress.isOpen {
                progress.isOpen = true
                return [output(caller.turn(to: media))]
            }
            if caller.bridgedWith != other.leg { return [output(caller.bridge(with: other.leg))] }
            timers.stop(.setUp)
            guard other.isConnected else {
                if progress.toldAnswer { return [] }
                progress.toldAnswer = true
                // RFC 3262 §5: reliable where the caller can; else the same answer comes again in the 200 (RFC 3261 §13.2.1).
                var early = SIPAnswer(progress.far == 180 ? 180 : 183, body: SIPBody(sdp: media.local))
                early.reliable = true
                return [.sip(.answer(invite, early))]
            }
            return answer200(invite, with: media, time) + alignDirections(time, &entropy)
        case .answered, .talking:
            guard caller.bridgedWith != other.leg else { return [] }
            return [output(caller.bridge(with: other.leg))] + alignDirections(time, &entropy)
        case .reserving, .starting, .offering, .consenting, .ending:
            return []
        }
    }

    // MARK: - Hold

    /// What each side wants of us is what we want of the other.
    mutating func alignDirections(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        guard let partner, let index = far.firstIndex(where: { $0.leg == partner }) else { return [] }
        let asked = far[index].session.asked
        return tellFar(caller.asked, time, &entropy) + tellCaller(asked, time, &entropy)
    }

    mutating func callerAsked(
        _ asked: MediaDirection, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        partner == nil ? [] : tellFar(asked, time, &entropy)
    }

    func farAsked(_ leg: CallLeg) -> Bool { partner == leg }

    /// The partner is put on hold, or taken back, as the caller does it with us.
    private mutating func tellFar(
        _ asked: MediaDirection, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let partner, let index = far.firstIndex(where: { $0.leg == partner }), far[index].isConnected else { return [] }
        let changes = far[index].session.wanted != asked.passedOn
        far[index].session.want(asked.passedOn, time.now)
        let fill = asked.sends ? CallMediaFill.silence : far[index].trunk.media.holdSound.fill
        let outputs = changeFar(partner, time, &entropy) { leg, entropy in
            leg.apply(leg.session.offerIfDue(time.now, &entropy), time)
        }
        return (changes ? [.media(id, partner, .fill(fill))] : []) + outputs
    }

    mutating func tellCaller(
        _ asked: MediaDirection, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard partner != nil, !isEnding else { return [] }
        let changes = caller.wanted != asked.passedOn
        caller.want(asked.passedOn, time.now)
        let fill = asked.sends ? CallMediaFill.silence : trunk.media.holdSound.fill
        return (changes ? [.media(id, .caller, .fill(fill))] : []) + offerToCaller(time, &entropy)
    }

    mutating func offerToCaller(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        guard isOpen else { return [] }
        return apply(caller.offerIfDue(time.now, &entropy), time, &entropy)
    }
}

extension MediaDirection {
    /// To the other leg we send what this one sends us, and receive what this one takes.
    fileprivate var passedOn: MediaDirection { MediaDirection(sends: receives, receives: sends) }
}

extension HoldSound {
    var fill: CallMediaFill {
        switch self {
        case .music: .holdMusic
        case .noise: .comfort
        case .silence: .silence
        }
    }
}
