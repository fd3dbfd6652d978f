internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// What the peer says, and how the leg ends.
extension OutboundLeg {
    // MARK: - Provisional responses

    /// An early dialog's response. Forks may have several; the first that brings a usable answer is heard until one of them answers.
    mutating func attemptProgressed(_ dialog: DialogID, _ response: SIPResponse, _ time: CallTime) -> [Output] {
        guard case .inviting(let offer) = state else { return [] }
        var outputs: [Output] = []
        // 199 tells of a fork that is over (RFC 6228): nothing to the caller.
        if response.status != 199 {
            let isFirst = !hasProgressed
            hasProgressed = true
            if isFirst { outputs.append(.note(.ringing(status: Int(response.status)))) }
            outputs.append(.progressed(status: response.status))
        }
        // Once there is early media, the caller is told of it when the media runs.
        guard earlyDialog == nil, case .success(let media)? = answer(in: response, to: offer) else { return outputs }
        earlyDialog = dialog
        return outputs + noteAgreed(media) + [output(session.start(media, guardMilliseconds: trunk.media.guardMilliseconds, mode: .bridge))]
    }

    /// What a response's body makes of our offer; nil when it has none.
    private func answer(in response: SIPResponse, to offer: SessionDescription) -> Result<NegotiatedMedia, OfferRefusal>? {
        guard let content = SDPOffer(response)?.content else { return nil }
        guard case .description(let answer) = content else { return .failure(.answerMismatch) }
        return session.accept(answer, to: offer)
    }

    private mutating func noteAgreed(_ media: NegotiatedMedia) -> [Output] {
        session.agreed = media
        record.codec = media.codec.name.description
        record.suite = media.keyingName
        return [.note(.mediaAgreed(codec: media.codec.name.description, suite: media.keyingName))]
    }

    // MARK: - The answer

    mutating func attemptAnswered(_ dialog: DialogID, _ response: SIPResponse, _ time: CallTime) -> [Output] {
        attempt = nil
        session.dialog = dialog
        session.isDialogGone = false
        guard case .inviting(let offer) = state else {
            // It was withdrawn, and the answer won.
            return [.sip(.hangUp(dialog, refusal: SIPAnswer(480), headers: [.reason(q850: 16, text: "")]))]
        }
        state = .answering
        record.answeredAt = time.wall
        timers.start(.setUp, at: time.now + configuration.setUpTime)
        let over = dialOver(.alive)
        switch answer(in: response, to: offer) {
        case nil:
            // The answer came in a provisional response of this dialog (RFC 3262 §5; also an unreliable one is taken at its word).
            guard earlyDialog == dialog else { return over + fail(.badAnswer("the callee's 200 brought no answer"), time) }
            return over + settle(time)
        case .failure(let reason):
            return over + fail(.badAnswer(reason.warningText), time)
        case .success(let media):
            guard let before = session.agreed else {
                return over + noteAgreed(media)
                    + [output(session.start(media, guardMilliseconds: trunk.media.guardMilliseconds, mode: .bridge))]
            }
            // Early media runs: of this dialog, or of another fork.
            if media.isSameMedia(as: before) { return over + settle(time) }
            return over + noteAgreed(media) + [output(session.turn(to: media))]
        }
    }

    // MARK: - Within the dialog

    mutating func sip(_ event: SIPEndpointEvent, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        switch event {
        case .reinviteArrived(let arrived):
            return apply(session.changeOffered(.reinvite(arrived.invite), arrived.request, isOpen: isConnected, &entropy), time)
        case .updateArrived(let arrived):
            let isOpen = isConnected || (hasEarlyMedia && arrived.dialog == earlyDialog)
            return apply(session.changeOffered(.update(arrived.update), arrived.request, isOpen: isOpen, &entropy), time)
        case .acknowledged(_, let invite, let ack):
            return isEnding ? [] : apply(session.answerAgain(invite, ack), time)
        case .reinviteWithdrawn(_, let invite):
            return isEnding ? [] : apply(session.changeWithdrawn(invite), time)
        case .reofferEnded(_, let outcome):
            return isEnding ? [] : apply(session.reofferEnded(outcome, time.now, &entropy), time)
        case .refreshDue:
            if isConnected { session.refresh(time.now) }
            return apply(session.offerIfDue(time.now, &entropy), time)
        case .dialogEnded(let dialog, let ending):
            return dialogEnded(dialog, ending, time)
        default:
            return []
        }
    }

    private mutating func dialogEnded(_ dialog: DialogID, _ ending: DialogEnding, _ time: CallTime) -> [Output] {
        guard dialog == session.dialog else {
            // One that was to take this leg's place.
            return isEnding ? [] : apply(session.replacementWithdrawn(dialog), time)
        }
        session.isDialogGone = true
        guard !isEnding else { return [] }
        let far = FarEnding(of: ending)
        record.peerCause = far.peerCause.map { Int($0) } ?? record.peerCause
        return isConnected ? finish(far, time) : fail(.gone, time)
    }

    // MARK: - The end

    mutating func fail(_ failure: FarFailure, _ time: CallTime) -> [Output] {
        guard !isEnding else { return [] }
        let note = LegNote.failed(peerStatus: failure.peerStatus.map { Int($0) }, status: Int(failure.answer.status))
        return close(.reason(q850: 31, text: ""), time) + [.note(note), .failed(failure)]
    }

    mutating func finish(_ ending: FarEnding, _ time: CallTime) -> [Output] {
        guard isConnected else { return broken(ending.termination.reason, time) }
        let note = LegNote.ended(cause: ending.peerCause.map { Int($0) }, reason: ending.termination.reason)
        return close(.reason(q850: ending.termination.q850Cause, text: ""), time) + [.note(note), .ended(ending)]
    }

    /// We want no more of it; nothing is said about it but in the record.
    mutating func hangUp(_ reason: SIPHeader, _ time: CallTime) -> [Output] { isEnding ? [] : close(reason, time) }

    mutating func broken(_ why: String, _ time: CallTime) -> [Output] {
        isConnected ? finish(FarEnding(termination: Termination(.ourFault, why)), time) : fail(.ours(why), time)
    }

    private mutating func close(_ reason: SIPHeader, _ time: CallTime) -> [Output] {
        var outputs = dialOver(hasProgressed ? .alive : nil)
        // While the port changes that was said already.
        let isClosing = if case .moving = state { true } else { false }
        if !session.isMediaGone, !isClosing { outputs.append(.media(.close)) }
        if let attempt { outputs.append(.sip(.cancel(attempt, headers: [reason]))) }
        if let dialog = session.dialog, !session.isDialogGone {
            outputs.append(.sip(.hangUp(dialog, refusal: SIPAnswer(480), headers: [reason])))
        }
        state = .ending
        session.forget()
        record.endedAt = time.wall
        timers.stopAll()
        timers.start(.closing(isLast: false), at: time.now + configuration.closingTime)
        return outputs
    }

    mutating func timersFired(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: time.now) {
            switch timer {
            case .setUp:
                switch state {
                case .dialling: outputs += dialOver(nil) + fail(.unreachable("no server of the trunk was found in time"), time)
                case .inviting: outputs += fail(.noAnswer, time)
                case .moving, .reserving, .answering, .connected, .ending: outputs += broken("media was not set up in time", time)
                }
            case .closing(isLast: false):
                timers.start(.closing(isLast: true), at: time.now + configuration.closingTime)
                if !session.isMediaGone { outputs.append(.media(.close)) }
                if let dialog = session.dialog, !session.isDialogGone {
                    outputs.append(.sip(.hangUp(dialog, refusal: SIPAnswer(480), headers: [])))
                }
            case .closing(isLast: true):
                // Whoever owes the confirmation is dead.
                session.isMediaGone = true
                session.isDialogGone = true
                attempt = nil
            }
        }
        return outputs + (isEnding ? [] : apply(session.offerIfDue(time.now, &entropy), time))
    }

    // MARK: - The session's outputs

    func output(_ output: LegSession.Output) -> Output {
        switch output {
        case .media(let instruction): .media(instruction)
        case .sip(let command): .sip(command)
        case .changed, .replaced, .broken: preconditionFailure("an instruction is a command to media or signaling")
        }
    }

    mutating func apply(_ outputs: [LegSession.Output], _ time: CallTime) -> [Output] {
        outputs.flatMap { output -> [Output] in
            switch output {
            case .media(let instruction): return [.media(instruction)]
            case .sip(let command): return [.sip(command)]
            case .changed(let media, let asked):
                record.codec = media.codec.name.description
                record.suite = media.keyingName
                let note = Output.note(.mediaChanged(direction: media.direction.name.description))
                return [note] + (asked.map { [.changed(asked: $0)] } ?? [])
            case .replaced(let old):
                return [.sip(.hangUp(old, refusal: SIPAnswer(480), headers: [.reason(q850: 16, text: "")]))]
            case .broken(let why):
                return broken(why, time)
            }
        }
    }
}

extension FarEnding {
    init(of ending: DialogEnding) {
        switch ending {
        case .remoteBye(let request), .cancelled(let request):
            self.init(
                termination: Termination(.completed, "the callee hung up"),
                peerCause: request.reasons.lazy.compactMap(\.q850Cause).first, isHangUp: true)
        case .sessionExpired: self.init(termination: Termination(.calleeFault, "the session was not refreshed"))
        case .lost(let status): self.init(termination: Termination(.carrierFault, "the callee's dialog was lost (\(status))"))
        case .unacknowledged: self.init(termination: Termination(.calleeFault, "the 200 was never acknowledged"))
        case .refused, .expired, .unanswered, .localBye: self.init(termination: Termination(.completed, "hung up"))
        }
    }
}
