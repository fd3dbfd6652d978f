internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// A request of the peer's that brought an offer.
enum ChangeRequest: Equatable, Sendable {
    case reinvite(InviteID)
    case update(RequestID)
}

/// An update of the media session that is under way, and what its confirmation means.
enum MediaUpdate: Equatable, Sendable {
    /// The peer's offer: it gets our answer once the media runs with it.
    case change(ChangeRequest, NegotiatedMedia)
    /// As `change`, but the peer took its request back meanwhile. `rollback` follows.
    case withdrawn
    /// Back to what held before.
    case rollback
    /// The peer's answer in an ACK to our offer: nobody waits for it.
    case answered(NegotiatedMedia)
}

/// Our offer in the 200 to a re-INVITE that brought none (RFC 3261 §14.2).
struct OfferedAgain: Equatable, Sendable {
    let invite: InviteID
    let offer: SessionDescription
}

/// Changes of a session that runs: re-INVITE and UPDATE. A refusal leaves the session as it was (RFC 6141 §3.1).
extension Call {
    mutating func changeOffered(
        _ request: ChangeRequest, _ message: SIPRequest, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch state {
        case .answered, .consenting, .talking: break
        case .reserving, .starting, .offering, .ending: return answer(request, SIPAnswer(491))
        }
        // The media still changes, or our offer waits for its answer: 491 makes the peer try again (RFC 3261 §14.2).
        guard updates.isEmpty, offeredAgain == nil, let agreed,
            let local = localSession?.withFreshKeys(for: capabilities.suites, &entropy)
        else { return answer(request, SIPAnswer(491)) }
        guard let offer = SDPOffer(message) else { return offerAgain(request, local, agreed) }
        if let refusal = refusal(of: offer) { return answer(request, refusal.answer) }
        guard case .description(let description) = offer.content else { return answer(request, SIPAnswer(400)) }
        let result = SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local, previous: agreed)
        switch reachable(result) {
        case .failure(let reason):
            return answer(request, refusal(reason).answer)
        case .success(let media) where media.isSameMedia(as: agreed):
            // A refresh of the session alone: nothing to install.
            self.agreed = media
            return answer(request, SIPAnswer(200, body: SIPBody(sdp: media.local)))
        case .success(let media):
            updates = [.change(request, media)]
            return [.media(id, .caller, .update(media))]
        }
    }

    /// The peer wants our offer: all that we can do, not only what holds, so that a held call can be taken up again (RFC 6337 §5.3).
    private mutating func offerAgain(_ request: ChangeRequest, _ local: LocalMedia, _ agreed: NegotiatedMedia) -> [CallOutput] {
        guard case .reinvite(let invite) = request else { return answer(request, SIPAnswer(400)) }
        let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: local, previous: agreed)
        offeredAgain = OfferedAgain(invite: invite, offer: offer)
        return answer(request, SIPAnswer(200, body: SIPBody(sdp: offer)))
    }

    /// The ACK of a re-INVITE. Without a usable answer the session goes on as it was.
    mutating func answerAgain(_ invite: InviteID, _ ack: SIPRequest, _ time: CallTime) -> [CallOutput] {
        guard let offered = offeredAgain, offered.invite == invite, let before = agreed else { return [] }
        offeredAgain = nil
        guard case .description(let answer)? = SDPOffer(ack)?.content,
            case .success(let media) = reachable(
                SDPOfferer.accept(answer: answer, to: offered.offer, capabilities: capabilities, previous: before))
        else {
            // The peer has seen this version: the next description must go on from it (RFC 3264 §8).
            agreed?.local.origin = offered.offer.origin
            return []
        }
        let kept = media.keepingOneKey()
        updates = [.answered(kept)]
        return [.media(id, .caller, .update(kept))]
    }

    // MARK: - What the media session says

    mutating func updated(_ time: CallTime) -> [CallOutput] {
        guard !updates.isEmpty else { return [] }
        switch updates.removeFirst() {
        case .change(let request, let media):
            return noteChanged(media) + answer(request, SIPAnswer(200, body: SIPBody(sdp: media.local)))
        case .answered(let media):
            return noteChanged(media)
        case .withdrawn, .rollback:
            return []
        }
    }

    /// An instruction to a session that runs failed. Updates leave the old settings; whatever else it was, the session is not as it should
    /// be, and in payment mode nothing may be left to chance.
    mutating func instructionFailed(_ why: String, _ time: CallTime) -> [CallOutput] {
        guard !isPayment, !updates.isEmpty else { return end(Termination(.ourFault, why), time) }
        switch updates.removeFirst() {
        case .change(let request, _):
            return answer(request, SIPAnswer(488, headers: [warning(399, "The change could not be made")]))
        case .withdrawn:
            return []
        case .answered, .rollback:
            // The two sides do not agree on what holds.
            return end(Termination(.ourFault, why), time)
        }
    }

    /// The peer took its re-INVITE back: what the media session has installed meanwhile is replaced by what held before.
    mutating func changeWithdrawn(_ invite: InviteID) -> [CallOutput] {
        guard case .change(.reinvite(invite), _)? = updates.first, let agreed else { return [] }
        updates = [.withdrawn, .rollback]
        return [.media(id, .caller, .update(agreed))]
    }

    private mutating func noteChanged(_ media: NegotiatedMedia) -> [CallOutput] {
        noteAgreed(media) + [.note(id, .mediaChanged(direction: media.direction.name.description))]
    }

    private func answer(_ request: ChangeRequest, _ answer: SIPAnswer) -> [CallOutput] {
        switch request {
        case .reinvite(let invite): [.sip(.answer(invite, answer))]
        case .update(let update): [.sip(.answerUpdate(update, answer))]
        }
    }
}
