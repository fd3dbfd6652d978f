import SIPMessages
import SottoBase

/// A registration that is kept up (RFC 3261 §10.2, RFC 5626 §4.5).
///
///     registering ──2xx──▶ registered ──refresh is due──▶ registering
///        │  ▲                  │ connection closed
///        │  └───retry is due── waiting ◀──┘
///        └──refused, no answer──▲
///     any ──unregister──▶ leaving ──any final response, or none──▶ (removed)
struct RegistrationState: Sendable {
    enum Phase: Hashable, Sendable {
        case registering
        case registered
        /// The last one failed: the next is made when the time has come.
        case waiting
        case leaving
    }

    var registration: Registration
    let callID: SIPCallID
    let fromTag: WireText
    let peer: PeerID
    var phase: Phase = .registering
    var cseq: UInt32 = 0
    /// What a 423 asks for.
    var expires: UInt32
    /// In a row, for the back-off.
    var failures = 0
    var account: DigestAccount?
    /// The REGISTER under way.
    var key: ClientKey?
    /// When to register next.
    var next: Instant?
}

extension SIPEndpoint {
    // MARK: - Commands

    mutating func register(_ id: RegistrationID, _ registration: Registration) {
        guard let profile = connections[registration.connection] ?? registrations[id].flatMap({ state in
            peers[state.peer]?.last.flatMap { connections[$0] }
        }) else {
            return emit(.registrationFailed(id, .unreachable, retry: .zero))
        }
        if let old = registrations[id] { forgetRequest(of: old) }
        let old = registrations[id].flatMap { $0.registration.addressOfRecord == registration.addressOfRecord ? $0 : nil }
        registrations[id] = RegistrationState(
            registration: registration, callID: old?.callID ?? SIPCallID(names.tag()), fromTag: old?.fromTag ?? names.tag(),
            peer: profile.peer, cseq: old?.cseq ?? 0, expires: min(max(registration.expires, 60), 86_400),
            account: registration.credentials.map(DigestAccount.init))
        sendRegister(id)
    }

    mutating func reregister(_ id: RegistrationID, on connection: ConnectionID) {
        guard let state = registrations[id], state.phase != .leaving else { return }
        guard connections[connection]?.peer == state.peer else { return }
        forgetRequest(of: state)
        registrations[id]?.registration.connection = connection
        sendRegister(id)
    }

    mutating func unregister(_ id: RegistrationID) {
        guard let state = registrations[id], state.phase != .leaving else { return }
        forgetRequest(of: state)
        registrations[id]?.phase = .leaving
        sendRegister(id)
    }

    private mutating func forgetRequest(of state: RegistrationState) {
        guard let key = state.key else { return }
        clients[key] = nil
        deadlines.set(.client(key), to: nil)
    }

    // MARK: - Sending

    private mutating func sendRegister(_ id: RegistrationID) {
        guard var state = registrations[id] else { return }
        state.next = nil
        deadlines.set(.registration(id), to: nil)
        guard let connection = openConnection(state.registration.connection, of: state.peer), let profile = connections[connection] else {
            registrations[id] = state
            return registrationFailed(id, .unreachable, retryAfter: nil)
        }
        let isLeaving = state.phase == .leaving
        if !isLeaving { state.phase = .registering }
        let registration = state.registration
        let branch = names.branch()
        state.cseq &+= 1
        var request = SIPRequest(
            .register, registration.registrar, via: .own(branch: branch, profile: profile),
            from: registration.addressOfRecord.withTag(state.fromTag), to: registration.addressOfRecord, callID: state.callID,
            cseq: state.cseq)
        request.routes = registration.routes
        let contact = NameAddress.contact(
            of: profile, isSecureScheme: registration.registrar.scheme == .sips, user: registration.contactUser)
        let seconds = isLeaving ? 0 : state.expires
        request.contacts = [contact.withParameters(SIPParameters(WireText(";expires=\(seconds)")))]
        // RFC 3327 §5.1: proxies on the way may ask to be on the way back.
        request.headers = [SIPHeader(.supported, "path"), allowHeader, SIPHeader(.expires, WireText("\(seconds)"))] + registration.headers
        registrations[id] = state
        transmit(id, request, branch, profile, connection, SentRequest.Retries())
    }

    mutating func registerAgain(_ id: RegistrationID, _ request: SIPRequest, _ branch: WireText, _ retries: SentRequest.Retries) {
        guard var state = registrations[id] else { return }
        guard let connection = openConnection(state.registration.connection, of: state.peer), let profile = connections[connection] else {
            return registrationFailed(id, .unreachable, retryAfter: nil)
        }
        var request = request
        state.cseq &+= 1
        request.cseq = CSeq(state.cseq, .register)
        request.vias = [.own(branch: branch, profile: profile)]
        registrations[id] = state
        transmit(id, request, branch, profile, connection, retries)
    }

    private mutating func transmit(
        _ id: RegistrationID, _ request: SIPRequest, _ branch: WireText, _ profile: ConnectionProfile, _ connection: ConnectionID,
        _ retries: SentRequest.Retries
    ) {
        var request = request
        if let hashes = configuration.digestHashes { registrations[id]?.account?.authorize(&request, hashes: hashes) }
        registrations[id]?.key = ClientKey(branch: branch, method: .register)
        start(
            request, for: .register(id), target: ConnectionTarget(connection: connection, orPeerOf: profile.peer),
            isReliable: profile.isReliable, retries: retries)
    }

    // MARK: - Answers

    mutating func registerAnswered(_ id: RegistrationID, _ response: SIPResponse) {
        guard var state = registrations[id] else { return }
        if state.phase == .leaving { return removeRegistration(id) }
        state.key = nil
        switch response.status {
        case 200...299:
            guard let seconds = granted(state, response), seconds > 0 else {
                registrations[id] = state
                return registrationFailed(id, .refused(status: response.status), retryAfter: nil)
            }
            state.phase = .registered
            state.failures = 0
            // In good time: a refresh may need a challenge, a new connection and 64·T1.
            let early = min(max(seconds / 10, 40), seconds / 2)
            state.next = now + .seconds(Int64(seconds - early))
            registrations[id] = state
            deadlines.set(.registration(id), to: state.next)
            let grant = RegistrationGrant(
                expires: seconds, serviceRoutes: response.serviceRoutes.map { $0.detached() }, path: response.path.map { $0.detached() })
            emit(.registered(id, grant))
        case 423:
            // §10.2.8: once more with what the registrar wants.
            registrations[id] = state
            guard let least = response.seconds(.minExpires), least > state.expires, least <= 86_400 * 7 else {
                return registrationFailed(id, .refused(status: 423), retryAfter: nil)
            }
            registrations[id]?.expires = least
            sendRegister(id)
        case 430:
            // RFC 5626 §4.2, §11.1: this flow is dead, another one may live.
            registrations[id] = state
            registrationFailed(id, .flowFailed, retryAfter: response.seconds(.retryAfter))
        default:
            registrations[id] = state
            registrationFailed(id, .refused(status: response.status), retryAfter: response.seconds(.retryAfter))
        }
    }

    /// What the registrar says about our Contact (§10.2.4): its own parameter, else Expires, else what we asked for.
    private func granted(_ state: RegistrationState, _ response: SIPResponse) -> UInt32? {
        guard let profile = openConnection(state.registration.connection, of: state.peer).flatMap({ connections[$0] }) else { return nil }
        let own = NameAddress.contact(
            of: profile, isSecureScheme: state.registration.registrar.scheme == .sips, user: state.registration.contactUser)
        // A registrar that lists no Contact of ours has not taken it; one that lists nothing leaves us to believe its 200.
        let only = response.contacts.count == 1 ? response.contacts.first : nil
        let listed = response.contacts.first { $0.uri.isEquivalent(to: own.uri) } ?? only
        if !response.contacts.isEmpty, listed == nil { return nil }
        let text = listed?.parameters.value("expires").flatMap { UInt32($0.string) } ?? response.seconds(.expires) ?? state.expires
        return min(text, 86_400 * 7)
    }

    // MARK: - Failure

    /// RFC 5626 §4.5: the wait doubles with each failure in a row, and half of it is left to chance. Retry-After counts when it is longer.
    mutating func registrationFailed(_ id: RegistrationID, _ failure: RegistrationFailure, retryAfter: UInt32?) {
        guard var state = registrations[id] else { return }
        if state.phase == .leaving { return removeRegistration(id) }
        state.key = nil
        state.phase = .waiting
        state.failures = min(state.failures + 1, 30)
        var longest = configuration.registrationRetry
        for _ in 1..<max(1, state.failures) where longest < configuration.maximumRegistrationRetry { longest = longest * 2 }
        longest = min(longest, configuration.maximumRegistrationRetry)
        let milliseconds = max(2, longest.wholeMilliseconds)
        var wait = Duration.milliseconds(milliseconds / 2 + Int64(names.pause(below: UInt64(milliseconds / 2))))
        if let retryAfter { wait = max(wait, .seconds(Int64(min(retryAfter, 3_600)))) }
        state.next = now + wait
        registrations[id] = state
        deadlines.set(.registration(id), to: state.next)
        emit(.registrationFailed(id, failure, retry: wait))
    }

    /// A connection has closed: what was registered over it cannot be reached over it any more.
    mutating func registrationsStranded(on connection: ConnectionID) {
        for (id, state) in registrations.sorted(by: { $0.key.value < $1.key.value })
        where state.phase == .registered && state.registration.connection == connection {
            if let other = peers[state.peer]?.last {
                registrations[id]?.registration.connection = other
                sendRegister(id)
            } else {
                registrationFailed(id, .flowFailed, retryAfter: nil)
            }
        }
    }

    private mutating func removeRegistration(_ id: RegistrationID) {
        guard registrations.removeValue(forKey: id) != nil else { return }
        deadlines.set(.registration(id), to: nil)
        emit(.unregistered(id))
    }

    mutating func registrationTimerFired(_ id: RegistrationID) {
        guard let next = registrations[id]?.next, next <= now else { return }
        sendRegister(id)
    }
}
