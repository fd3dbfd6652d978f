internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// A session description that came with a request, read once.
struct SDPOffer: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case description(SessionDescription)
        /// The body is no session description (another type, multipart).
        case otherType
        case malformed(String)
    }

    let content: Content

    /// nil when the request has no body: the peer wants our offer.
    init?(_ request: SIPRequest) {
        if request.body.isEmpty { return nil }
        if let type = request.contentType, !type.isSDP {
            content = .otherType
            return
        }
        do throws(SDPParseError) {
            content = .description(try SessionDescription.parse(request.body.sdpChunks))
        } catch {
            content = .malformed(error.description)
        }
    }
}

/// Our end of a call's media: address, port, and a key for each suite that may be chosen.
struct LocalSession: Equatable, Sendable {
    var media: LocalMedia

    init(address: CallsConfiguration.MediaAddress, port: UInt16, entropy: inout some RandomNumberGenerator) {
        guard let local = PeerAddress(bytes: address.advertised, port: port) else {
            preconditionFailure("an advertised media address has 4 or 16 bytes")
        }
        media = LocalMedia(address: local, sessionID: entropy.next() >> 2, keys: [:])
        refreshKeys(&entropy)
    }

    /// New keys for every suite: whatever is negotiated next may need one that no peer has seen.
    mutating func refreshKeys(_ entropy: inout some RandomNumberGenerator) {
        for suite in SRTPSuite.allCases { media.keys[suite] = Self.key(suite.keyingLength, &entropy) }
    }

    /// Forgets the keys that were not chosen.
    mutating func dropKeys() { media.keys = [:] }

    private static func key(_ count: Int, _ entropy: inout some RandomNumberGenerator) -> SecretBytes {
        SecretBytes(count: count) { target in
            var offset = 0
            while offset < count {
                let word = entropy.next()
                for shift in 0..<min(8, count - offset) {
                    target[offset + shift] = UInt8(truncatingIfNeeded: word >> UInt64(shift * 8))
                }
                offset += 8
            }
        }
    }

    func body(of negotiated: NegotiatedMedia) -> SIPBody { SIPBody(sdp: negotiated.local) }
}

/// Our own offer, out in a 200 that waits for the answer in its ACK.
struct OfferedMedia: Equatable, Sendable {
    let offer: SessionDescription
}

/// A change of media that the peer asked for, while the media thread installs it.
struct PendingChange: Equatable, Sendable {
    enum Request: Equatable, Sendable {
        case reinvite(InviteID)
        case update(RequestID)
    }
    let request: Request
    let media: NegotiatedMedia
}

/// A refusal with what the peer is told and what the record says.
struct CallRefusal {
    let answer: SIPAnswer
    let termination: Termination
}

extension Call {
    var capabilities: MediaCapabilities {
        MediaCapabilities(
            suites: trunk.media.suites.map(\.negotiable), codecs: trunk.media.codecs.map(\.negotiable), packetTime: 20)
    }

    /// What is wrong with an offer before any port is taken; nil when it is worth trying.
    func refusal(of offer: SDPOffer) -> CallRefusal? {
        switch offer.content {
        case .description: nil
        case .otherType:
            CallRefusal(
                answer: SIPAnswer(415, headers: [SIPHeader(.accept, "application/sdp")]),
                termination: Termination(.callerFault, "the offer is no session description"))
        case .malformed(let why):
            CallRefusal(
                answer: SIPAnswer(488, headers: [warning(399, "Malformed session description")]),
                termination: Termination(.callerFault, why))
        }
    }

    private func refusal(_ refusal: OfferRefusal) -> CallRefusal {
        CallRefusal(
            answer: SIPAnswer(refusal.status, headers: [warning(refusal.warningCode, refusal.warningText)]),
            termination: Termination(.callerFault, refusal.warningText))
    }

    private func warning(_ code: UInt16, _ text: String) -> SIPHeader {
        SIPWarning(code: code, agent: WireText(configuration.warningAgent), text: text).header
    }

    // MARK: - The first negotiation

    mutating func portReserved(_ invite: InviteID, _ offer: SDPOffer?, _ time: CallTime) -> [CallOutput] {
        guard let local = localSession?.media else { return [] }
        guard let offer else {
            let ours = SDPOfferer.makeOffer(capabilities: capabilities, local: local)
            localSession?.dropKeys()
            state = .offering(invite, OfferedMedia(offer: ours))
            record.answeredAt = time.wall
            return [.sip(.answer(invite, SIPAnswer(200, body: SIPBody(sdp: ours)))), .note(id, .answered)]
        }
        guard case .description(let description) = offer.content else { return [] }
        let answer = SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local)
        localSession?.dropKeys()
        switch answer {
        case .failure(let reason):
            return refuse(invite, refusal(reason), time)
        case .success(let media):
            state = .starting(invite, media)
            return noteAgreed(media) + [.media(id, .start(media, guardMilliseconds: trunk.media.guardMilliseconds))]
        }
    }

    /// The answer to our offer, in the ACK. Without one there is no session: the call ends.
    mutating func answerInACK(_ ack: SIPRequest, to offered: OfferedMedia, _ time: CallTime) -> [CallOutput] {
        guard let answer = SDPOffer(ack), case .description(let description) = answer.content else {
            return end(Termination(.callerFault, "the ACK brought no answer to our offer"), time)
        }
        switch SDPOfferer.accept(answer: description, to: offered.offer, capabilities: capabilities) {
        case .failure(let reason):
            return end(Termination(.callerFault, reason.warningText), time)
        case .success(let media):
            timers.stop(.setUp)
            return noteAgreed(media) + [
                .media(id, .start(media, guardMilliseconds: trunk.media.guardMilliseconds)), .voice(id, .begin(policy, tenant.name)),
            ] + startConsent(time)
        }
    }

    // MARK: - Changes

    /// A re-INVITE or UPDATE. A refusal leaves the session as it was (RFC 6141 §3.1).
    mutating func changeOffered(
        _ request: PendingChange.Request, _ message: SIPRequest, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch state {
        case .consenting, .talking: break
        case .reserving, .starting, .offering, .answered, .ending: return answer(request, SIPAnswer(491))
        }
        guard pendingChange == nil, let agreed, var session = localSession else { return answer(request, SIPAnswer(491)) }
        guard let offer = SDPOffer(message) else {
            // No offer in it: ours is what holds now (RFC 3261 §14.2), and its answer comes in the ACK; a changed answer is not acted on.
            return answer(request, SIPAnswer(200, body: SIPBody(sdp: agreed.local)))
        }
        if let refusal = refusal(of: offer) { return answer(request, refusal.answer) }
        guard case .description(let description) = offer.content else { return answer(request, SIPAnswer(488)) }
        session.refreshKeys(&entropy)
        let local = session.media
        switch SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local, previous: agreed) {
        case .failure(let reason):
            return answer(request, refusal(reason).answer)
        case .success(let media):
            pendingChange = PendingChange(request: request, media: media)
            return [.media(id, .update(media))]
        }
    }

    mutating func changeInstalled(_ time: CallTime) -> [CallOutput] {
        guard let change = pendingChange else { return [] }
        pendingChange = nil
        return noteAgreed(change.media) + [.note(id, .mediaChanged(direction: change.media.direction.name.description))]
            + answer(change.request, SIPAnswer(200, body: SIPBody(sdp: change.media.local)))
    }

    mutating func changeFailed(_ time: CallTime) -> [CallOutput] {
        guard let change = pendingChange else { return [] }
        pendingChange = nil
        return answer(change.request, SIPAnswer(488, headers: [warning(399, "The change could not be made")]))
    }

    /// The peer took its request back: what the media thread has installed meanwhile is replaced by what held before.
    mutating func changeWithdrawn() -> [CallOutput] {
        guard pendingChange != nil, let agreed else { return [] }
        pendingChange = nil
        return [.media(id, .update(agreed))]
    }

    private func answer(_ request: PendingChange.Request, _ answer: SIPAnswer) -> [CallOutput] {
        switch request {
        case .reinvite(let invite): [.sip(.answer(invite, answer))]
        case .update(let update): [.sip(.answerUpdate(update, answer))]
        }
    }
}

extension SIPBody {
    init(sdp: SessionDescription) {
        self.init(
            chunks: sdp.chunks().map { chunk in
                switch chunk {
                case .bytes(let bytes): .bytes(bytes)
                case .secret(let secret): .secret(secret)
                }
            })
    }

    var sdpChunks: [SDPChunk] {
        chunks.map { chunk in
            switch chunk {
            case .bytes(let bytes): .bytes(bytes)
            case .secret(let secret): .secret(secret)
            }
        }
    }
}

extension MediaSuite {
    var negotiable: SRTPSuite {
        switch self {
        case .aeadAES256GCM: .aeadAES256GCM
        case .aeadAES128GCM: .aeadAES128GCM
        case .aes128CMSHA1_80: .aesCM128HMACSHA1_80
        case .aes128CMSHA1_32: .aesCM128HMACSHA1_32
        }
    }
}

extension MediaCodec {
    var negotiable: CodecName {
        switch self {
        case .opus: .opus
        case .pcmu: .pcmu
        case .pcma: .pcma
        }
    }
}

extension NegotiatedMedia {
    var codecName: String { codec.name.description }
    var suiteName: String { suite.description }
}
