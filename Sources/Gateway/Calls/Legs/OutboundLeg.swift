internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// A leg that we call: from the wish to its end, with a media session of its own.
///
///     dialling ─hop─▶ reserving ─port─▶ inviting ─2xx─▶ answering ─media runs─▶ connected
///       ▲  │                              │ │
///       └──┼───────── 503, silent ────────┘ └─ 180, 183: progress, early media (at most one early dialog's)
///          └─ no hop left ─▶ failed
///
///     any of them ──hang-up, or a failure──▶ ending ──media closed, dialog and attempt gone──▶ gone
///
/// It says `failed` once if it never connected, `ended` once if it did and was not hung up on by us. It sees nothing of the inner leg: what
/// it may tell the trunk is `OutboundIdentity`.
struct OutboundLeg: Sendable {
    enum State: Equatable {
        case dialling
        /// This hop is of another address family than the one before: the port that there is closes first.
        case moving(DialledHop)
        case reserving(DialledHop)
        case inviting(offer: SessionDescription)
        /// The 2xx has come; the media session installs what it says.
        case answering
        case connected
        case ending
    }

    enum Output: Equatable {
        case media(MediaInstruction)
        case sip(SIPEndpointCommand)
        case dial(DialInstruction)
        case note(LegNote)
        /// 180–199 of the peer.
        case progressed(status: UInt16)
        /// What the peer plays before its answer can be heard.
        case earlyMedia
        case connected
        /// The peer changed its session and wants this of us.
        case changed(asked: MediaDirection)
        case failed(FarFailure)
        case ended(FarEnding)
    }

    enum Timer: Hashable {
        /// Hop, port, answer or media are not there.
        case setUp
        case closing(isLast: Bool)
    }

    let leg: CallLeg
    let trunk: TrunkPolicy
    let outbound: OutboundTrunk
    let reference: TrunkReference
    let identity: OutboundIdentity
    let configuration: CallsConfiguration
    /// Replaces, Referred-By: what a transfer demands.
    let extraHeaders: [SIPHeader]

    var state: State = .dialling
    var session: LegSession
    var record: FarLegRecord
    var timers = TimerTable<Timer>()
    var dialled: DialledNumber
    /// Where a 3xx sent us.
    var redirect: SIPURI?
    /// The list of hops in use; nil before and after.
    var dial: DialID?
    var hops = 0
    var redirects = 0
    var invitedAt = Instant(nanoseconds: 0)
    var earlyDialog: DialogID?
    var hasProgressed = false
    /// Until it was answered or has ended.
    var attempt: AttemptID?

    static let hopsAtMost = 16
    static let redirectsAtMost = 5

    init(
        leg: CallLeg, trunk: TrunkPolicy, outbound: OutboundTrunk, reference: TrunkReference, dialled: DialledNumber,
        identity: OutboundIdentity, address: CallsConfiguration.MediaAddress, configuration: CallsConfiguration,
        extraHeaders: [SIPHeader] = [], time: CallTime
    ) {
        self.leg = leg
        self.trunk = trunk
        self.outbound = outbound
        self.reference = reference
        self.dialled = dialled
        self.identity = identity
        self.configuration = configuration
        self.extraHeaders = extraHeaders
        session = LegSession(leg: leg, trunk: trunk, address: address, configuration: configuration)
        session.isDialogGone = true
        record = FarLegRecord(leg: leg, trunk: reference, dialled: dialled, startedAt: time.wall)
    }

    var isConnected: Bool { state == .connected }
    var isEnding: Bool { state == .ending }
    var isGone: Bool { isEnding && session.isGone && attempt == nil }
    /// The far side can be heard before it has answered.
    var hasEarlyMedia: Bool {
        guard case .inviting = state else { return false }
        return earlyDialog != nil && session.isStarted
    }

    var nextDeadline: Instant? {
        guard let retry = session.reoffer.retryAt else { return timers.next }
        return timers.next.map { min($0, retry) } ?? retry
    }

    var summary: FarLegSummary {
        FarLegSummary(
            leg: leg, trunk: reference, state: stateName, answeredAt: record.answeredAt, codec: record.codec, suite: record.suite)
    }

    private var stateName: String {
        switch state {
        case .dialling, .moving, .reserving: "dialling"
        case .inviting: hasEarlyMedia ? "early" : hasProgressed ? "ringing" : "inviting"
        case .answering: "answered"
        case .connected: "connected"
        case .ending: "ending"
        }
    }

    // MARK: - Set-up

    mutating func begin(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        [.note(.dialling(reference))] + beginDial(time, &entropy)
    }

    private mutating func beginDial(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        let dial = DialID(entropy.next())
        self.dial = dial
        state = .dialling
        timers.start(.setUp, at: time.now + configuration.dialTime)
        return [.dial(.begin(dial, reference, redirect: redirect))]
    }

    /// A connection to a hop is open: the INVITE goes there, as soon as there is a port that the hop's side can reach.
    mutating func dialled(_ dial: DialID, _ hop: DialledHop, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        guard state == .dialling, self.dial == dial else { return [] }
        let address = hop.isIPv6.map { configuration.address(isIPv6: $0) } ?? session.address
        if session.local != nil, session.address == address { return invite(hop, time, &entropy) }
        timers.start(.setUp, at: time.now + configuration.setUpTime)
        hasProgressed = false
        session.move(to: address)
        if session.isMediaGone { return reserve(for: hop) }
        state = .moving(hop)
        return [.media(.close)]
    }

    private mutating func reserve(for hop: DialledHop) -> [Output] {
        state = .reserving(hop)
        session.isMediaGone = false
        return [.media(.reserve(range: session.address.range))]
    }

    /// With keys that no other hop has seen.
    private mutating func invite(_ hop: DialledHop, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        guard let offer = session.makeOffer(&entropy) else { return broken("there is nothing to offer", time) }
        let invite = OutgoingInvite(
            attempt: AttemptID(entropy.next()), hop: hop, trunk: trunk, outbound: outbound, dialled: dialled, redirect: redirect,
            identity: identity, offer: offer, extra: extraHeaders)
        state = .inviting(offer: offer)
        attempt = invite.attempt
        earlyDialog = nil
        hasProgressed = false
        hops += 1
        invitedAt = time.now
        // The endpoint's own limit comes first.
        timers.start(.setUp, at: time.now + outbound.ringTime + .seconds(5))
        return [.note(.invited(hop: hop.name)), .sip(.invite(invite))]
    }

    mutating func notDialled(_ dial: DialID, _ failure: FarFailure, _ time: CallTime) -> [Output] {
        guard state == .dialling, self.dial == dial else { return [] }
        self.dial = nil
        return fail(failure, time)
    }

    /// This hop could not do it (RFC 3263 §4.3).
    private mutating func nextHop(after outcome: HopOutcome, _ failure: FarFailure, _ time: CallTime) -> [Output] {
        guard let dial else { return fail(failure, time) }
        let note = Output.note(.hopFailed(outcome))
        // What an early dialog of that hop agreed on must not outlive it.
        guard hops < Self.hopsAtMost, !session.isStarted, session.isSettled else {
            self.dial = nil
            return [note, .dial(.over(dial, outcome))] + fail(failure, time)
        }
        state = .dialling
        timers.start(.setUp, at: time.now + configuration.dialTime)
        return [note, .dial(.next(dial, after: outcome))]
    }

    // MARK: - The attempt

    mutating func attemptEnded(_ ending: AttemptEnding, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        attempt = nil
        guard case .inviting = state else { return [] }
        switch ending {
        case .refused(let response):
            record.peerStatus = Int(response.status)
            let failure = FarFailure(refusedWith: response)
            record.peerCause = failure.peerCause.map { Int($0) }
            switch response.status {
            case 503:
                return nextHop(after: .unavailable(retryAfter: response.seconds(.retryAfter) ?? 0), failure, time)
            case 300...399:
                return redirected(response, failure, time, &entropy)
            default:
                return dialOver(.alive) + fail(failure, time)
            }
        case .timedOut:
            // Silence of the hop, or nobody picks up.
            if hasProgressed || time.now - invitedAt >= outbound.ringTime { return dialOver(.alive) + fail(.noAnswer, time) }
            return nextHop(after: .silent, .unreachable("no server of the trunk answered"), time)
        case .unreachable:
            return nextHop(after: .unreachable, .unreachable("no server of the trunk could be reached"), time)
        case .cancelled:
            return dialOver(nil) + fail(.noAnswer, time)
        }
    }

    /// RFC 3261 §8.1.3.4, as far as policy trusts the trunk: only to its own hosts, and not for ever.
    private mutating func redirected(
        _ response: SIPResponse, _ failure: FarFailure, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [Output] {
        let over = dialOver(.alive)
        let target = response.contacts.lazy.filter(\.isWellFormed).map(\.uri).first { uri in
            (uri.scheme == .sip || uri.scheme == .sips) && uri.isWellFormed && outbound.isOwn(host: uri.host.string)
        }
        guard outbound.redirects == .follow, redirects < Self.redirectsAtMost, !session.isStarted, session.isSettled, let target else {
            return over + [.note(.redirected(isFollowed: false))] + fail(failure, time)
        }
        redirects += 1
        redirect = target.plain(scheme: outbound.scheme)
        return over + [.note(.redirected(isFollowed: true))] + beginDial(time, &entropy)
    }

    mutating func dialOver(_ outcome: HopOutcome?) -> [Output] {
        guard let dial else { return [] }
        self.dial = nil
        return [.dial(.over(dial, outcome))]
    }

    // MARK: - Media

    mutating func media(_ report: MediaReport, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        if case .closed(let summary) = report { return mediaClosed(summary, time) }
        if isEnding { return [] }
        switch report {
        case .closed:
            return []
        case .reserved(let port):
            guard case .reserving(let hop) = state else { return [] }
            session.portReserved(port, &entropy)
            return invite(hop, time, &entropy)
        case .started:
            guard session.started() else { return [] }
            if case .inviting = state { return [.note(.earlyMedia), .earlyMedia] }
            return settle(time)
        case .updated:
            return apply(session.updated(), time) + settle(time)
        case .bridged:
            return []  // the caller's session reports it
        case .failed(let why):
            if case .reserving = state { return fail(.ours(why), time) }
            return apply(session.instructionFailed(why), time) + settle(time)
        case .timedOut:
            // Before the answer the far side may be silent as long as it likes.
            return isConnected ? finish(FarEnding(termination: Termination(.calleeFault, "no media from the callee")), time) : []
        case .keyExhausted:
            return finish(FarEnding(termination: Termination(.ourFault, "an SRTP key reached its end")), time)
        }
    }

    private mutating func mediaClosed(_ summary: CallMediaSummary?, _ time: CallTime) -> [Output] {
        if case .moving(let hop) = state { return reserve(for: hop) }
        if !session.isMediaGone { record.media = summary }
        session.isMediaGone = true
        return isEnding ? [] : broken("media ended", time)
    }

    /// The 2xx is in, and the media session runs with what it says.
    mutating func settle(_ time: CallTime) -> [Output] {
        guard state == .answering, session.isStarted, session.isSettled else { return [] }
        state = .connected
        timers.stop(.setUp)
        return [.note(.answered), .connected]
    }
}
