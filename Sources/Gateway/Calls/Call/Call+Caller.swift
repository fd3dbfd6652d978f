internal import Consent
internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// A refusal with what the peer is told and what the record says.
struct CallRefusal {
    let answer: SIPAnswer
    let termination: Termination
}

/// The caller's leg: its first exchange, and what its media and its dialog say later.
extension Call {
    // MARK: - Media

    mutating func media(
        _ report: MediaReport, of leg: CallLeg, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard leg == .caller else { return changeFar(leg, time, &entropy) { $0.media(report, time, &$1) } }
        if case .closed(let summary) = report { return mediaClosed(summary, time) }
        if isEnding { return [] }
        switch report {
        case .closed:
            return []
        case .reserved(let port):
            guard case .reserving(let invite, let offer) = state else { return [] }
            caller.portReserved(port, &entropy)
            return portReserved(invite, offer, time, &entropy)
        case .started:
            return caller.started() ? started(time, &entropy) : []
        case .updated:
            let outputs = apply(caller.updated(), time, &entropy)
            return outputs + advance(time, &entropy)
        case .bridged:
            return caller.bridged() ? advance(time, &entropy) : []
        case .failed(let why):
            return failed(why, time, &entropy)
        case .timedOut:
            return end(Termination(.callerFault, "no media from the peer"), time)
        case .keyExhausted:
            return end(Termination(.ourFault, "an SRTP key reached its end"), time)
        }
    }

    private mutating func failed(_ why: String, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        switch state {
        case .reserving(let invite, _), .starting(let invite?, _), .dialling(let invite, _):
            let retry = SIPAnswer(503, headers: [.retryAfter(Self.retryAfter)])
            return refuse(invite, CallRefusal(answer: retry, termination: Termination(.ourFault, why)), time)
        case .starting(nil, _), .offering, .answered, .consenting, .talking, .ending:
            // In payment mode nothing may be left to chance.
            if isPayment { return end(Termination(.ourFault, why), time) }
            return apply(caller.instructionFailed(why), time, &entropy)
        }
    }

    private mutating func started(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        switch state {
        case .starting(let invite?, let media):
            timers.stop(.setUp)
            return beginVoice() + answer200(invite, with: media, time)
        case .starting(nil, _):
            timers.stop(.setUp)
            return beginVoice() + acknowledgedFirst(time, &entropy)
        case .dialling:
            return advance(time, &entropy)
        case .reserving, .offering, .answered, .consenting, .talking, .ending:
            return []
        }
    }

    private func beginVoice() -> [CallOutput] { mode == .voice ? [.voice(id, .begin(policy, tenant.name))] : [] }

    /// The media runs with what the INVITE's offer and our answer agreed on: the 200 may leave.
    mutating func answer200(_ invite: InviteID, with media: NegotiatedMedia, _ time: CallTime) -> [CallOutput] {
        state = .answered(invite)
        timers.stop(.setUp)
        record.answeredAt = time.wall
        noteNoConsent()
        return [.note(id, .answered), .sip(.answer(invite, answer(SIPAnswer(200, body: SIPBody(sdp: media.local)))))]
    }

    /// Nobody is recorded, so that nobody is asked: the evidence says so (a call without an agent has no recorder).
    private mutating func noteNoConsent() {
        guard mode != .voice else { return }
        record.consent = ConsentEvidence(
            call: id, tenant: tenant.name, policyVersion: policy.version, rule: record.routeRule, mode: .never, factsDated: facts.dated,
            rows: [], outcome: .notRecorded)
    }

    /// With the session timer that the trunk's policy proposes (RFC 4028 §9).
    private func answer(_ answer: SIPAnswer) -> SIPAnswer {
        var answer = answer
        if trunk.sessionTimer.isOffered { answer.sessionExpires = UInt32(clamping: trunk.sessionTimer.expires.wholeMilliseconds / 1_000) }
        return answer
    }

    // MARK: - The first negotiation

    private mutating func portReserved(
        _ invite: InviteID, _ offer: SDPOffer?, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch offer?.content {
        case nil:
            if mode == .bridge {
                state = .dialling(invite, nil)
                return beginRoute(time, &entropy)
            }
            return offerInAnswer(invite, time, &entropy)
        case .description(let description):
            switch caller.answer(description, &entropy) {
            case .failure(let reason):
                return refuse(invite, caller.refusal(reason), time)
            case .success(let media) where mode == .bridge:
                state = .dialling(invite, media)
                return beginRoute(time, &entropy)
            case .success(let media):
                return startMedia(media, answering: invite)
            }
        case .otherType, .malformed:
            preconditionFailure("an offer that cannot be read is refused before a port is reserved")
        }
    }

    /// Our offer in the 200 to an INVITE that brought none (RFC 3261 §13.3.1).
    mutating func offerInAnswer(_ invite: InviteID, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        guard let ours = caller.makeOffer(&entropy) else { return refuse(invite, caller.refusal(.notSecure), time) }
        state = .offering(invite, ours)
        // From here the endpoint's patience for the ACK counts.
        timers.stop(.setUp)
        record.answeredAt = time.wall
        noteNoConsent()
        return [.note(id, .answered), .sip(.answer(invite, answer(SIPAnswer(200, body: SIPBody(sdp: ours)))))]
    }

    /// The answer to our offer, in the ACK. Without one there is no session: the call ends.
    private mutating func answerInACK(_ ack: SIPRequest, to offer: SessionDescription, _ time: CallTime) -> [CallOutput] {
        guard case .description(let answer)? = SDPOffer(ack)?.content else {
            return end(Termination(.callerFault, "the ACK brought no answer to our offer"), time)
        }
        switch caller.accept(answer, to: offer) {
        case .failure(let reason):
            return end(Termination(.callerFault, reason.warningText), time)
        case .success(let media):
            caller.asked = media.asked(by: answer)
            timers.start(.setUp, at: time.now + configuration.setUpTime)
            return startMedia(media, answering: nil)
        }
    }

    private mutating func startMedia(_ media: NegotiatedMedia, answering invite: InviteID?) -> [CallOutput] {
        state = .starting(invite, media)
        return noteAgreed(media) + [output(caller.start(media, guardMilliseconds: trunk.media.guardMilliseconds, mode: mode))]
    }

    // MARK: - Signaling

    mutating func sip(_ event: SIPEndpointEvent, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        guard let dialog = event.dialog, dialog != caller.dialog else { return callerSIP(event, time, &entropy) }
        if let leg = far.first(where: { $0.session.dialog == dialog || $0.earlyDialog == dialog })?.leg {
            return changeFar(leg, time, &entropy) { $0.sip(event, time, &$1) }
        }
        return strangerSIP(event, dialog, time, &entropy)
    }

    private mutating func callerSIP(
        _ event: SIPEndpointEvent, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch event {
        case .acknowledged(_, let invite, let ack):
            return acknowledged(invite, ack, time, &entropy)
        case .reinviteArrived(let arrived):
            return apply(caller.changeOffered(.reinvite(arrived.invite), arrived.request, isOpen: isOpen, &entropy), time, &entropy)
        case .updateArrived(let arrived):
            return apply(caller.changeOffered(.update(arrived.update), arrived.request, isOpen: isOpen, &entropy), time, &entropy)
        case .reinviteWithdrawn(_, let invite):
            return isEnding ? [] : apply(caller.changeWithdrawn(invite), time, &entropy)
        case .reofferEnded(_, let outcome):
            return isEnding ? [] : apply(caller.reofferEnded(outcome, time.now, &entropy), time, &entropy)
        case .refreshDue:
            if isOpen { caller.refresh(time.now) }
            return apply(caller.offerIfDue(time.now, &entropy), time, &entropy)
        case .dialogEnded(_, let ending):
            return dialogEnded(ending, time)
        case .referralProgressed(_, let progress):
            return referralProgressed(progress, time, &entropy)
        case .referArrived(let arrived):
            return [.sip(.answerRefer(arrived.refer, SIPAnswer(603)))]
        case .attemptProgressed, .attemptAnswered, .attemptEnded, .updateEnded, .digitArrived, .registered, .registrationFailed,
            .unregistered, .inviteArrived, .dialogProbed, .probed, .connectionLost, .connectionMoved, .turnedAway:
            return []
        }
    }

    /// The session may be changed: the first exchange is done.
    var isOpen: Bool {
        switch state {
        case .answered, .consenting, .talking: true
        case .reserving, .dialling, .starting, .offering, .ending: false
        }
    }

    /// A dialog that is no leg's: an early one that is not heard, or one that wants to take a leg's place.
    private mutating func strangerSIP(
        _ event: SIPEndpointEvent, _ dialog: DialogID, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch event {
        case .updateArrived(let arrived): return [.sip(.answerUpdate(arrived.update, SIPAnswer(491)))]
        case .reinviteArrived(let arrived): return [.sip(.answer(arrived.invite, SIPAnswer(491)))]
        case .referArrived(let arrived): return [.sip(.answerRefer(arrived.refer, SIPAnswer(603)))]
        case .dialogEnded:
            var outputs = isEnding ? [] : apply(caller.replacementWithdrawn(dialog), time, &entropy)
            for leg in far.map(\.leg) {
                outputs += changeFar(leg, time, &entropy) { leg, _ in leg.apply(leg.session.replacementWithdrawn(dialog), time) }
            }
            return outputs
        default: return []
        }
    }

    private mutating func acknowledged(
        _ invite: InviteID, _ ack: SIPRequest, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch state {
        case .answered(invite):
            return acknowledgedFirst(time, &entropy)
        case .offering(invite, let offer):
            return answerInACK(ack, to: offer, time)
        case .answered, .consenting, .talking:
            return apply(caller.answerAgain(invite, ack), time, &entropy)
        case .reserving, .dialling, .starting, .offering, .ending:
            return []
        }
    }

    /// The session is up on both sides.
    private mutating func acknowledgedFirst(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        if mode == .voice { return startConsent(time) }
        state = .talking
        return advance(time, &entropy)
    }

    // MARK: - The session's outputs

    func output(_ output: LegSession.Output) -> CallOutput {
        switch output {
        case .media(let instruction): .media(id, .caller, instruction)
        case .sip(let command): .sip(command)
        case .changed, .replaced, .broken: preconditionFailure("an instruction is a command to media or signaling")
        }
    }

    mutating func apply(
        _ outputs: [LegSession.Output], _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        var result: [CallOutput] = []
        for output in outputs {
            switch output {
            case .media, .sip: result.append(self.output(output))
            case .changed(let media, let asked):
                result += noteAgreed(media) + [.note(id, .mediaChanged(direction: media.direction.name.description))]
                if let asked { result += callerAsked(asked, time, &entropy) }
            case .replaced(let old):
                result.append(.sip(.hangUp(old, refusal: SIPAnswer(480), headers: [.reason(q850: 16, text: "")])))
            case .broken(let why):
                result += end(Termination(.ourFault, why), time)
            }
        }
        return result
    }
}
