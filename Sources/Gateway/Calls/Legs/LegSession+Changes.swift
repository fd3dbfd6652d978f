internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Changes of a session that runs, asked for by the peer: re-INVITE and UPDATE. A refusal leaves the session as it was (RFC 6141 §3.1).
extension LegSession {
    /// - Parameter isOpen: false while the leg's first exchange is not done.
    mutating func changeOffered(
        _ request: ChangeRequest, _ message: SIPRequest, isOpen: Bool, _ entropy: inout some RandomNumberGenerator
    ) -> [Output] {
        // The media still changes, or an offer waits for its answer: 491 makes the peer try again (RFC 3261 §14.2).
        guard isOpen, pending.isEmpty, offeredAgain == nil, !reoffer.isSent, let agreed,
            var local = local?.withFreshKeys(for: capabilities.suites, &entropy)
        else { return answer(request, SIPAnswer(491)) }
        local.direction = wanted
        guard let offer = SDPOffer(message) else { return offerAgain(request, local, agreed) }
        if let refusal = refusal(of: offer) { return answer(request, refusal.answer) }
        guard case .description(let description) = offer.content else { return answer(request, SIPAnswer(400)) }
        // Another dialog is another session: nothing of the old one's description or keys goes on (RFC 3891 §3).
        var previous: NegotiatedMedia? = agreed
        if case .replacement = request { previous = nil }
        let result = SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local, previous: previous)
        switch reachable(result) {
        case .failure(let reason):
            return answer(request, refusal(reason).answer)
        case .success(let media) where previous != nil && media.isSameMedia(as: agreed):
            // A refresh of the session alone: nothing to install.
            self.agreed = media
            return answer(request, SIPAnswer(200, body: SIPBody(sdp: media.local)))
        case .success(let media):
            pending = [.change(request, media, asked: media.asked(by: description))]
            return [.media(.update(media))]
        }
    }

    /// The peer wants our offer: all that we can do, not only what holds, so that a held call can be taken up again (RFC 6337 §5.3).
    private mutating func offerAgain(_ request: ChangeRequest, _ local: LocalMedia, _ agreed: NegotiatedMedia) -> [Output] {
        guard case .reinvite(let invite) = request else {
            // Deviation: an INVITE with Replaces has to bring its offer.
            return answer(request, SIPAnswer(400))
        }
        let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: local, previous: agreed)
        offeredAgain = OfferedAgain(invite: invite, offer: offer)
        return answer(request, SIPAnswer(200, body: SIPBody(sdp: offer)))
    }

    /// The ACK of a re-INVITE. Without a usable answer the session goes on as it was.
    mutating func answerAgain(_ invite: InviteID, _ ack: SIPRequest) -> [Output] {
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
        pending.append(.answered(kept, asked: kept.asked(by: answer)))
        return [.media(.update(kept))]
    }

    // MARK: - What the media session says

    mutating func started() -> Bool {
        guard let index = pending.firstIndex(of: .start) else { return false }
        pending.remove(at: index)
        isStarted = true
        return true
    }

    mutating func bridged() -> Bool {
        for (index, entry) in pending.enumerated() {
            guard case .bridge(let other) = entry else { continue }
            pending.remove(at: index)
            bridgedWith = other
            return true
        }
        return false
    }

    mutating func updated() -> [Output] {
        guard let first = pending.first else { return [] }
        switch first {
        case .start, .bridge: return []
        case .turn, .withdrawn, .rollback:
            pending.removeFirst()
            return []
        case .answered(let media, let asked):
            pending.removeFirst()
            agreed = media
            if let asked { self.asked = asked }
            return [.changed(media, asked: asked)]
        case .change(let request, let media, let asked):
            pending.removeFirst()
            agreed = media
            self.asked = asked
            let done = [Output.changed(media, asked: asked)] + answer(request, SIPAnswer(200, body: SIPBody(sdp: media.local)))
            guard case .replacement(_, let new) = request, let old = dialog else { return done }
            dialog = new
            return done + [.replaced(old)]
        }
    }

    /// An instruction to a session that runs failed. Updates leave the old settings; whatever else it was, the session is not as it should
    /// be.
    mutating func instructionFailed(_ why: String) -> [Output] {
        guard let first = pending.first else { return [.broken(why)] }
        pending.removeFirst()
        switch first {
        case .change(let request, _, _):
            return answer(request, SIPAnswer(488, headers: [warning(399, "The change could not be made")]))
        case .withdrawn:
            return []
        case .start, .bridge, .turn, .answered, .rollback:
            // The two sides do not agree on what holds.
            return [.broken(why)]
        }
    }

    /// The peer took its re-INVITE back: what the media session has installed meanwhile is replaced by what held before.
    mutating func changeWithdrawn(_ invite: InviteID) -> [Output] {
        guard case .change(.reinvite(invite), _, _)? = pending.first, let agreed else { return [] }
        pending = [.withdrawn, .rollback]
        return [.media(.update(agreed))]
    }

    /// The INVITE that was to take the dialog's place is over.
    mutating func replacementWithdrawn(_ new: DialogID) -> [Output] {
        guard case .change(.replacement(_, new), _, _)? = pending.first, let agreed else { return [] }
        pending = [.withdrawn, .rollback]
        return [.media(.update(agreed))]
    }

    private func answer(_ request: ChangeRequest, _ answer: SIPAnswer) -> [Output] {
        switch request {
        case .reinvite(let invite), .replacement(let invite, _): [.sip(.answer(invite, answer))]
        case .update(let update): [.sip(.answerUpdate(update, answer))]
        }
    }
}

extension NegotiatedMedia {
    /// What the peer's description asks of us, whatever we want ourselves.
    func asked(by description: SessionDescription) -> MediaDirection {
        guard description.media.indices.contains(mediaIndex) else { return direction }
        let theirs = description.direction(of: description.media[mediaIndex])
        return MediaDirection(sends: theirs.receives && remoteAddress != nil, receives: theirs.sends)
    }

    /// The same towards a peer that must not be heard yet.
    var sendingOnly: NegotiatedMedia {
        var copy = self
        copy.direction = MediaDirection(sends: direction.sends, receives: false)
        return copy
    }
}
