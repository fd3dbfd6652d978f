internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// A request of the peer's that brought an offer.
enum ChangeRequest: Equatable, Sendable {
    case reinvite(InviteID)
    case update(RequestID)
    /// An INVITE that takes the place of the leg's dialog (RFC 3891).
    case replacement(InviteID, DialogID)
}

/// An instruction to a leg's media session that it has not confirmed, and what the confirmation means.
enum PendingMedia: Equatable, Sendable {
    case start
    case bridge(CallLeg)
    /// Another direction alone, ours to decide: nobody waits for it.
    case turn
    /// The peer's offer: it gets our answer once the media runs with it.
    case change(ChangeRequest, NegotiatedMedia, asked: MediaDirection)
    /// As `change`, but the peer took its request back meanwhile. `rollback` follows.
    case withdrawn
    /// Back to what held before.
    case rollback
    /// The peer's answer to our offer: nobody waits for it. `asked`: what the peer wanted, when the exchange was its own idea.
    case answered(NegotiatedMedia, asked: MediaDirection?)
}

/// Our offer in the 200 to a re-INVITE that brought none (RFC 3261 §14.2).
struct OfferedAgain: Equatable, Sendable {
    let invite: InviteID
    let offer: SessionDescription
}

/// One leg's session from its first agreement on: what holds, what changes, and our own offers.
///
/// It holds keys only while they may be needed: those of the session that runs, and of an offer or a change that is under way.
struct LegSession: Sendable {
    enum Output: Equatable {
        case media(MediaInstruction)
        case sip(SIPEndpointCommand)
        /// The session has changed. `asked`: what the peer wants of us by its own offer; nil when the change was ours.
        case changed(NegotiatedMedia, asked: MediaDirection?)
        /// Another dialog carries the leg from now on; this one is to be hung up.
        case replaced(DialogID)
        /// The two sides do not agree on what holds, or the media session is not as it should be.
        case broken(String)
    }

    let leg: CallLeg
    let capabilities: MediaCapabilities
    private(set) var address: CallsConfiguration.MediaAddress
    private let warningAgent: WireText
    private let fingerprint: CertificateFingerprint?

    var dialog: DialogID?
    /// What holds now. Nil before the first agreement and after the end.
    var agreed: NegotiatedMedia?
    var local: LocalSession?
    /// Instructions that the media session has not confirmed, in the order they were given. At most three.
    var pending: [PendingMedia] = []
    var isStarted = false
    /// The leg that this one's bridge was confirmed with.
    var bridgedWith: CallLeg?
    var offeredAgain: OfferedAgain?
    /// What the peer wants of us, by its last offer.
    var asked = MediaDirection.sendrecv
    /// What we want of the peer: less than both ways while the far side holds.
    var wanted = MediaDirection.sendrecv
    var reoffer = Reoffer()
    var isDialogGone = false
    /// True until the media session is asked for, and once it has closed.
    var isMediaGone = true

    init(leg: CallLeg, trunk: TrunkPolicy, address: CallsConfiguration.MediaAddress, configuration: CallsConfiguration) {
        self.leg = leg
        // In the answer the offer's order of codecs decides (RFC 3264 §6.1), and our order of suites.
        capabilities = MediaCapabilities(trunk.media)
        self.address = address
        warningAgent = WireText(configuration.warningAgent)
        fingerprint = configuration.dtlsFingerprint
    }

    var isGone: Bool { isDialogGone && isMediaGone }
    /// Everything that the media session was told is confirmed.
    var isSettled: Bool { pending.isEmpty }

    mutating func portReserved(_ port: UInt16, _ entropy: inout some RandomNumberGenerator) {
        local = LocalSession(address: address, port: port, fingerprint: fingerprint, entropy: &entropy)
    }

    /// The media session is closed and another is to be asked for elsewhere: nothing of it was told to anybody.
    mutating func move(to other: CallsConfiguration.MediaAddress) {
        address = other
        local = nil
    }

    /// Keys are let go of: the leg ends.
    mutating func forget() {
        agreed = nil
        local = nil
        pending = []
        offeredAgain = nil
        reoffer = Reoffer()
    }

    // MARK: - The first negotiation

    /// What is wrong with an offer before any port is taken; nil when it is worth trying.
    func refusal(of offer: SDPOffer) -> CallRefusal? {
        switch offer.content {
        case .description: nil
        case .otherType:
            // RFC 3261 §21.4.13
            CallRefusal(
                answer: SIPAnswer(415, headers: [SIPHeader(.accept, "application/sdp, multipart/mixed")]),
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
    func warning(_ code: UInt16, _ text: String) -> SIPHeader { SIPWarning(code: code, agent: warningAgent, text: text).header }

    /// An address of the other family cannot be reached from the leg's sockets.
    func reachable(_ result: Result<NegotiatedMedia, OfferRefusal>) -> Result<NegotiatedMedia, OfferRefusal> {
        guard case .success(let media) = result, let remote = media.remoteAddress, remote.isIPv6 != (address.advertised.count == 16) else {
            return result
        }
        return .failure(.address)
    }

    /// Whether the offer could be answered at all, asked before a port is taken: with a port and keys that nobody will see.
    func foreseenRefusal(of offer: SDPOffer, _ entropy: inout some RandomNumberGenerator) -> CallRefusal? {
        if let refusal = refusal(of: offer) { return refusal }
        guard case .description(let description) = offer.content else { return nil }
        let dummy = LocalSession(address: address, port: 9, fingerprint: fingerprint, entropy: &entropy)
            .withFreshKeys(for: capabilities.suites, &entropy)
        switch reachable(SDPAnswerer.answer(offer: description, capabilities: capabilities, local: dummy)) {
        case .success: return nil
        case .failure(let reason): return refusal(reason)
        }
    }

    /// The first answer to the peer's first offer.
    mutating func answer(
        _ description: SessionDescription, _ entropy: inout some RandomNumberGenerator
    ) -> Result<NegotiatedMedia, OfferRefusal> {
        guard let local = local?.withFreshKeys(for: capabilities.suites, &entropy) else { return .failure(.address) }
        let result = reachable(SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local))
        if case .success(let media) = result { asked = media.asked(by: description) }
        return result
    }

    /// What the peer's answer makes of our first offer.
    func accept(_ answer: SessionDescription, to offer: SessionDescription) -> Result<NegotiatedMedia, OfferRefusal> {
        reachable(SDPOfferer.accept(answer: answer, to: offer, capabilities: capabilities)).map { $0.keepingOneKey() }
    }

    /// Our own offer with everything that the trunk's policy allows; nil when that is nothing: DTLS alone, and no certificate to show.
    func makeOffer(_ entropy: inout some RandomNumberGenerator) -> SessionDescription? {
        guard fingerprint != nil || capabilities.keying.contains(.sdes) else { return nil }
        guard let local = local?.withFreshKeys(for: capabilities.suites, &entropy) else { return nil }
        return SDPOfferer.makeOffer(capabilities: capabilities, local: local)
    }

    // MARK: - Instructions

    mutating func start(_ media: NegotiatedMedia, guardMilliseconds: Int?, mode: CallMediaMode) -> Output {
        pending.append(.start)
        return .media(.start(media, guardMilliseconds: guardMilliseconds, mode: mode))
    }

    mutating func turn(to media: NegotiatedMedia) -> Output {
        pending.append(.turn)
        return .media(.update(media))
    }

    mutating func bridge(with other: CallLeg) -> Output {
        pending.append(.bridge(other))
        return .media(.bridge(with: other))
    }
}

extension MediaCapabilities {
    init(_ policy: MediaPolicy) {
        self.init(
            suites: policy.suites.map(\.negotiable), codecs: policy.codecs.map(\.negotiable),
            packetTime: UInt16(clamping: policy.packetMilliseconds), allowsMKI: true, comfortNoise: policy.usesComfortNoise,
            keying: policy.keying.methods)
    }
}

extension MediaKeying {
    /// In our order.
    fileprivate var methods: [KeyingMethod] {
        switch self {
        case .sdes: [.sdes]
        case .dtls: [.dtls]
        case .any: [.sdes, .dtls]
        }
    }
}
