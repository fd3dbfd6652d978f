internal import COpenSSL
public import SottoBase

/// One DTLS 1.2 association for SRTP keys (RFC 5763, RFC 5764), without a socket or a clock: datagrams in, datagrams out.
///
///     var engine = try DTLSEngine(role: .server, identity: identity, expecting: fingerprints, now: now)
///     engine.start(now: now) / engine.receive(datagram, now: now) / engine.timerDue(now: now)   → DTLSStep
///     while engine.takeDatagram(into: buffer) > 0 { send }                                      after each of them
///
/// - It belongs to one thread at a time and touches no NIO type, so a worker may own it.
/// - **No input ends it before its deadline** but a peer that proved to hold another certificate, or that completed the handshake
///   without a common profile. Garbage is dropped; a handshake that failed starts anew, because anybody can forge what comes before the
///   keys; and a server keeps no state for a hello without our cookie (RFC 6347 §4.2.1).
/// - No keys exist before the certificate's fingerprint was compared.
/// - An established engine still answers a peer that missed our last flight. A new association is a new engine (RFC 8842 §5.1).
public struct DTLSEngine: ~Copyable, @unchecked Sendable {  // proof: the SSL has one owner, and moves with it
    public struct Limits: Sendable, Hashable {
        /// From `start` to the keys.
        public var deadline: Duration
        /// Until the first retransmission; doubled for each one after it, up to `longestRetransmission`.
        ///
        /// Deviation: RFC 6347 §4.2.4.1 recommends one second, which a caller would hear; RFC 9147 §5.8.2 permits less.
        public var retransmission: Duration
        public var longestRetransmission: Duration
        /// Bytes of a datagram that we send, UDP header excluded.
        public var datagramSize: Int
        /// Datagrams taken before the keys; more are ignored.
        public var datagrams: Int
        /// Handshakes that may fail before the rest is ignored, so that forged ones cost little.
        public var restarts: Int

        public init(
            deadline: Duration = .seconds(15), retransmission: Duration = .milliseconds(250),
            longestRetransmission: Duration = .seconds(4), datagramSize: Int = 1_200, datagrams: Int = 512, restarts: Int = 16
        ) {
            self.deadline = deadline
            self.retransmission = retransmission
            self.longestRetransmission = longestRetransmission
            self.datagramSize = datagramSize
            self.datagrams = datagrams
            self.restarts = restarts
        }
    }

    private enum Phase {
        case idle
        /// Server: no hello with our cookie yet.
        case listening
        /// `hello`: the random of the hello that a server answers.
        case handshaking(hello: [UInt8])
        case established
        case closed
        case failed(DTLSError)
    }

    public let role: DTLSRole
    private let identity: DTLSIdentity
    private let expected: [DTLSFingerprint]
    private let profiles: [DTLSProfile]
    private let limits: Limits
    private let shared: UnsafeMutablePointer<sotto_dtls_state>

    private var session: DTLSSession
    private var phase = Phase.idle
    private var deadline: Instant?
    private var retransmitAt: Instant?
    private var lastFailure: TLSReason?
    private var taken = 0
    private var restartsLeft: Int
    /// Records that wait to be sent, back to back.
    private var output: [UInt8] = []
    private var outputStart = 0
    /// Datagrams that were not taken: garbage, forged, too many.
    public private(set) var ignored: UInt64 = 0

    /// - Parameters:
    ///   - expecting: at least one; the peer's certificate must match any of them (RFC 8122 §5).
    ///   - profiles: in the order of preference; a server's order decides.
    public init(
        role: DTLSRole, identity: DTLSIdentity, expecting: [DTLSFingerprint], profiles: [DTLSProfile] = DTLSProfile.preferred,
        limits: Limits = Limits()
    ) throws(DTLSError) {
        precondition(!expecting.isEmpty && !profiles.isEmpty, "an association needs a fingerprint and a profile")
        let shared = UnsafeMutablePointer<sotto_dtls_state>.allocate(capacity: 1)
        shared.initialize(to: sotto_dtls_state())
        shared.pointee.initial_us = Self.microseconds(limits.retransmission)
        shared.pointee.longest_us = Self.microseconds(limits.longestRetransmission)
        let random = withUnsafeMutableBytes(of: &shared.pointee.cookie) { cookie -> Int32 in
            RAND_bytes(cookie.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(cookie.count))
        }
        do throws(DTLSError) {
            if random != 1 { throw .library(.take()) }
            session = try DTLSSession(identity, role, profiles, shared, mtu: limits.datagramSize)
        } catch {
            shared.deallocate()
            throw error
        }
        self.shared = shared
        self.role = role
        self.identity = identity
        self.expected = expecting
        self.profiles = profiles
        self.limits = limits
        restartsLeft = limits.restarts
    }

    deinit { shared.deallocate() }  // `session` never looks at it when it is freed

    /// When `timerDue` wants to be called; nil: never. Being late is harmless, being early as well.
    public var nextDeadline: Instant? {
        switch phase {
        case .idle, .established, .closed, .failed: nil
        case .listening, .handshaking: [deadline, retransmitAt].compactMap { $0 }.min()
        }
    }

    /// True when the engine has nothing more to do but answer a peer that repeats itself.
    public var isEstablished: Bool { if case .established = phase { true } else { false } }

    // MARK: - Inputs

    /// Begins: a client says hello, a server listens. Once.
    public mutating func start(now: Instant) -> DTLSStep {
        guard case .idle = phase else { return .waiting }
        deadline = now + limits.deadline
        if role == .server {
            phase = .listening
            return .waiting
        }
        phase = .handshaking(hello: [])
        return advance(now)
    }

    /// Takes one datagram of the signaled peer. Whose address it is, the caller has checked.
    public mutating func receive(_ datagram: UnsafeRawBufferPointer, now: Instant) -> DTLSStep {
        switch phase {
        case .idle, .closed: return .waiting
        case .failed(let error): return .failed(error)
        case .listening, .handshaking, .established: break
        }
        let verdict = DTLSRecords.judge(datagram, as: role)
        if case .established = phase { return receiveEstablished(datagram, verdict) }
        if let deadline, deadline <= now { return timerDue(now: now) }
        guard verdict != .ignored, taken < limits.datagrams else { return ignore() }
        taken += 1
        guard role == .server else {
            session.put(datagram)
            return advance(now)
        }
        // Hellos are judged one record at a time: a client may repeat an old one in the datagram that brings the cookie.
        var rest = datagram
        while let length = DTLSRecords.recordLength(rest), !isEstablished {
            let step = takeRecord(UnsafeRawBufferPointer(rebasing: rest[..<length]), now)
            guard step == .waiting else { return step }
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
        }
        return .waiting
    }

    private mutating func takeRecord(_ record: UnsafeRawBufferPointer, _ now: Instant) -> DTLSStep {
        switch (phase, DTLSRecords.judge(record, as: role)) {
        case (_, .ignored):
            return ignore()
        case (.listening, .clientHello(let random)):
            return listen(record, random, now)
        case (.listening, _):
            return ignore()
        case (.handshaking(let hello), .clientHello(let random)) where random != hello:
            return listenAgain(record, random, now)
        default:
            session.put(record)
            return advance(now)
        }
    }

    /// Retransmits what is due, and ends the handshake at its deadline.
    public mutating func timerDue(now: Instant) -> DTLSStep {
        switch phase {
        case .idle, .established, .closed: return .waiting
        case .failed(let error): return .failed(error)
        case .listening, .handshaking: break
        }
        if let deadline, deadline <= now { return fail(lastFailure.map { .handshakeFailed($0) } ?? .timedOut) }
        guard case .handshaking = phase, retransmitAt != nil else { return .waiting }
        if session.retransmit() == false { return restart(now) }
        collect(now)
        return .waiting
    }

    // MARK: - Output

    /// Moves the next datagram into `target`, which should hold `Limits.datagramSize` bytes; its length, 0 when there is none.
    ///
    /// The library's output has no datagram boundaries: whole records are packed up to the datagram's size (RFC 6347 §4.1.1).
    public mutating func takeDatagram(into target: UnsafeMutableRawBufferPointer) -> Int {
        var length = 0
        let room = min(target.count, limits.datagramSize)
        output.withUnsafeBytes { bytes in
            let waiting = UnsafeRawBufferPointer(rebasing: bytes[outputStart...])
            while let next = DTLSRecords.recordLength(UnsafeRawBufferPointer(rebasing: waiting[length...])), length + next <= room {
                length += next
            }
            if length > 0 { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: waiting[..<length])) }
        }
        outputStart += length
        // Nothing left, or a record that fits nowhere: it would block those behind it.
        if length == 0 || outputStart == output.count {
            output.removeAll(keepingCapacity: true)
            outputStart = 0
        }
        return length
    }

    // MARK: - Handshake

    /// A hello is answered with our cookie until it brings it back; only then an association exists.
    private mutating func listen(_ datagram: UnsafeRawBufferPointer, _ random: [UInt8], _ now: Instant) -> DTLSStep {
        session.put(datagram)
        let verdict = session.listen()
        collect(now)
        switch verdict {
        case .verified:
            phase = .handshaking(hello: random)
            return advance(now)
        case .notYet:
            return .waiting
        case .broken:
            return restart(now)
        }
    }

    /// The peer began anew, or somebody claims it: only who brings our cookie replaces the handshake that is under way.
    private mutating func listenAgain(_ datagram: UnsafeRawBufferPointer, _ random: [UInt8], _ now: Instant) -> DTLSStep {
        guard restartsLeft > 0 else { return ignore() }
        do throws(DTLSError) {
            var candidate = try DTLSSession(identity, role, profiles, shared, mtu: limits.datagramSize)
            candidate.put(datagram)
            let verdict = candidate.listen()
            candidate.takeOutput(into: &output)
            guard case .verified = verdict else { return .waiting }
            restartsLeft -= 1
            session = candidate
            phase = .handshaking(hello: random)
            return advance(now)
        } catch {
            return ignore()
        }
    }

    private mutating func advance(_ now: Instant) -> DTLSStep {
        switch session.handshake() {
        case .needsInput:
            collect(now)
            return .waiting
        case .failed(let reason):
            lastFailure = reason
            return restart(now)
        case .completed:
            guard session.peerMatches(expected) else { return fail(.fingerprintMismatch) }
            guard let profile = session.profile else { return fail(.noProfile) }
            guard let keys = session.keys(profile, role) else { return fail(.library(.take())) }
            collect(now)
            phase = .established
            retransmitAt = nil
            return .established(keys)
        }
    }

    /// A handshake that failed is forgotten, its alert included: what made it fail may have been forged, and the alert would end the
    /// genuine peer's.
    private mutating func restart(_ now: Instant) -> DTLSStep {
        retransmitAt = nil
        guard restartsLeft > 0 else {
            phase = .listening  // deaf until the deadline
            taken = limits.datagrams
            return .waiting
        }
        restartsLeft -= 1
        do throws(DTLSError) {
            session = try DTLSSession(identity, role, profiles, shared, mtu: limits.datagramSize)
        } catch {
            return fail(error)
        }
        if role == .server {
            phase = .listening
            return .waiting
        }
        phase = .handshaking(hello: [])
        return advance(now)
    }

    private mutating func receiveEstablished(_ datagram: UnsafeRawBufferPointer, _ verdict: DTLSRecords.Verdict) -> DTLSStep {
        guard verdict == .protected || verdict == .handshake else { return ignore() }
        session.put(datagram)
        let isClosed = session.readIsClosed()
        session.takeOutput(into: &output)
        if isClosed {
            phase = .closed
            return .closedByPeer
        }
        return .waiting
    }

    private mutating func ignore() -> DTLSStep {
        ignored &+= 1
        return .waiting
    }

    /// Nothing of a failed handshake leaves any more: its last flight would tell the peer that it succeeded.
    private mutating func fail(_ error: DTLSError) -> DTLSStep {
        phase = .failed(error)
        output = []
        outputStart = 0
        return .failed(error)
    }

    private mutating func collect(_ now: Instant) {
        session.takeOutput(into: &output)
        retransmitAt = session.retransmissionDelay.map { now + $0 }
    }

    private static func microseconds(_ duration: Duration) -> UInt32 {
        let (seconds, attoseconds) = duration.components
        guard (0..<3_600).contains(seconds) else { return seconds < 0 ? 1_000 : 3_600_000_000 }
        return max(1_000, UInt32(seconds) * 1_000_000 + UInt32(attoseconds / 1_000_000_000_000))
    }
}
