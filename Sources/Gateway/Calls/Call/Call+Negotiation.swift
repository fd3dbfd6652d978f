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

/// The first negotiation, and what both it and later ones refuse.
extension Call {
    /// In the answer the offer's order of codecs decides (RFC 3264 §6.1), and our order of suites.
    var capabilities: MediaCapabilities {
        MediaCapabilities(suites: trunk.media.suites.map(\.negotiable), codecs: trunk.media.codecs.compactMap(\.negotiable), packetTime: 20)
    }

    // MARK: - Refusals

    /// What is wrong with an offer before any port is taken; nil when it is worth trying.
    func refusal(of offer: SDPOffer) -> CallRefusal? {
        switch offer.content {
        case .description: nil
        case .otherType:
            // RFC 3261 §21.4.13
            CallRefusal(
                answer: SIPAnswer(415, headers: [SIPHeader(.accept, "application/sdp")]),
                termination: Termination(.callerFault, "the offer is no session description"))
        case .malformed(let why):
            CallRefusal(
                answer: SIPAnswer(400, reason: "Bad Request (session description)", headers: [warning(399, "Malformed session description")]),
                termination: Termination(.callerFault, why))
        }
    }

    func refusal(_ refusal: OfferRefusal) -> CallRefusal {
        CallRefusal(
            answer: SIPAnswer(refusal.status, headers: [warning(refusal.warningCode, refusal.warningText)]),
            termination: Termination(.callerFault, refusal.warningText))
    }

    /// RFC 3261 §20.43: what a peer's operator needs to know of a 488.
    func warning(_ code: UInt16, _ text: String) -> SIPHeader {
        SIPWarning(code: code, agent: WireText(configuration.warningAgent), text: text).header
    }

    /// An address of the other family cannot be reached from the call's sockets.
    func reachable(_ result: Result<NegotiatedMedia, OfferRefusal>) -> Result<NegotiatedMedia, OfferRefusal> {
        guard case .success(let media) = result, let remote = media.remoteAddress, let local = localSession?.media.address,
            remote.isIPv6 != local.isIPv6
        else { return result }
        return .failure(.address)
    }

    // MARK: - The first negotiation

    mutating func portReserved(
        _ invite: InviteID, _ offer: SDPOffer?, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let local = localSession?.withFreshKeys(for: capabilities.suites, &entropy) else { return [] }
        switch offer?.content {
        case nil:
            let ours = SDPOfferer.makeOffer(capabilities: capabilities, local: local)
            state = .offering(invite, ours)
            // From here the endpoint's patience for the ACK counts.
            timers.stop(.setUp)
            record.answeredAt = time.wall
            return [.note(id, .answered), .sip(.answer(invite, SIPAnswer(200, body: SIPBody(sdp: ours))))]
        case .description(let description):
            switch reachable(SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local)) {
            case .failure(let reason): return refuse(invite, refusal(reason), time)
            case .success(let media): return startMedia(media, answering: invite)
            }
        case .otherType, .malformed:
            preconditionFailure("an offer that cannot be read is refused before a port is reserved")
        }
    }

    /// The answer to our offer, in the ACK. Without one there is no session: the call ends.
    mutating func answerInACK(_ ack: SIPRequest, to offer: SessionDescription, _ time: CallTime) -> [CallOutput] {
        guard case .description(let answer)? = SDPOffer(ack)?.content else {
            return end(Termination(.callerFault, "the ACK brought no answer to our offer"), time)
        }
        switch reachable(SDPOfferer.accept(answer: answer, to: offer, capabilities: capabilities)) {
        case .failure(let reason):
            return end(Termination(.callerFault, reason.warningText), time)
        case .success(let media):
            timers.start(.setUp, at: time.now + configuration.setUpTime)
            return startMedia(media.keepingOneKey(), answering: nil)
        }
    }

    private mutating func startMedia(_ media: NegotiatedMedia, answering invite: InviteID?) -> [CallOutput] {
        state = .starting(invite, media)
        return noteAgreed(media) + [.media(id, .caller, .start(media, guardMilliseconds: trunk.media.guardMilliseconds, mode: .voice))]
    }
}
