internal import SRTP
internal import SottoBase
internal import SottoTLS

/// All DTLS associations of a plane: orders in, replies out. It has no thread and no clock: `HandshakeThread` turns it in the daemon, and
/// a `ManualMediaPlane` in tests.
///
/// Bounded: so many associations; each ends with its session, at its deadline, or a while after it was established, when no peer repeats
/// its last flight any more.
final class HandshakeDesk {
    /// A peer that missed our last flight asks again for some seconds (RFC 6347 §4.2.4).
    private static let answersAfter = Duration.seconds(10)
    static let maximumAssociations = 8_192
    private static let datagramSize = 2_048

    /// The engine cannot be copied: a box carries it through the table.
    private final class Association {
        var engine: DTLSEngine
        let post: Int
        /// Established: when it is forgotten.
        var forgetAt: Instant?
        var ignoredTold: UInt64 = 0

        init(_ engine: consuming DTLSEngine, post: Int) {
            self.engine = engine
            self.post = post
        }
    }

    private struct Name: Hashable {
        var post: Int
        var ticket: HandshakeTicket
    }

    private let identity: DTLSIdentity
    private let posts: [HandshakePost]
    private let limits: DTLSEngine.Limits
    private var associations: [Name: Association] = [:]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: HandshakeDesk.datagramSize, alignment: 16)
    /// Results that found no room in their ring.
    private var unsent: [(post: Int, reply: HandshakeReply)] = []
    /// Handshakes under way.
    private(set) var underWay = 0

    init(identity: DTLSIdentity, posts: [HandshakePost], limits: DTLSEngine.Limits = .init()) {
        self.identity = identity
        self.posts = posts
        self.limits = limits
    }

    deinit { buffer.deallocate() }

    var count: Int { associations.count }

    /// Orders, then what is due.
    func turn(now: Instant) {
        sendUnsent()
        for index in posts.indices {
            // As many as the ring holds: a flood of orders cannot keep the timers waiting.
            for _ in 0..<posts[index].orders.capacity {
                guard let order = posts[index].orders.take() else { break }
                obey(order, post: index, now: now)
            }
        }
        for (name, association) in associations {
            if let forgetAt = association.forgetAt {
                if forgetAt <= now { forget(name) }
            } else if let deadline = association.engine.nextDeadline, deadline <= now {
                let step = association.engine.timerDue(now: now)
                conclude(step, name, association, now: now)
            }
        }
    }

    /// When `turn` wants to be called without an order.
    var nextDeadline: Instant? {
        var earliest: Instant?
        for association in associations.values {
            guard let deadline = association.forgetAt ?? association.engine.nextDeadline else { continue }
            earliest = earliest.map { min($0, deadline) } ?? deadline
        }
        return earliest
    }

    // MARK: - Orders

    private func obey(_ order: HandshakeOrder, post: Int, now: Instant) {
        switch order {
        case .begin(let ticket, let keying): begin(Name(post: post, ticket: ticket), keying, now: now)
        case .datagram(let ticket, let bytes):
            let name = Name(post: post, ticket: ticket)
            guard let association = associations[name] else { return }
            let step = bytes.withUnsafeBytes { association.engine.receive($0, now: now) }
            if association.engine.ignored > association.ignoredTold {
                association.ignoredTold = association.engine.ignored
                _ = posts[post].reply(.ignored(ticket))
            }
            conclude(step, name, association, now: now)
        case .end(let ticket): forget(Name(post: post, ticket: ticket))
        }
    }

    private func begin(_ name: Name, _ keying: DTLSKeying, now: Instant) {
        guard associations.count < Self.maximumAssociations else { return tell(name, .failed(name.ticket, .overloaded)) }
        do throws(DTLSError) {
            // RFC 8842 §5.1: the active end says hello, so it is the client.
            let engine = try DTLSEngine(
                role: keying.role == .active ? .client : .server, identity: identity, expecting: keying.remoteFingerprints, limits: limits)
            let association = Association(engine, post: name.post)
            associations[name] = association
            underWay += 1
            let step = association.engine.start(now: now)
            conclude(step, name, association, now: now)
        } catch {
            tell(name, .failed(name.ticket, DTLSFailure(error)))
        }
    }

    private func forget(_ name: Name) {
        guard let association = associations.removeValue(forKey: name) else { return }
        if association.forgetAt == nil { underWay -= 1 }
    }

    // MARK: - Replies

    /// Datagrams first: the last flight leaves before media does.
    private func conclude(_ step: DTLSStep, _ name: Name, _ association: Association, now: Instant) {
        while true {
            let count = association.engine.takeDatagram(into: buffer)
            guard count > 0 else { break }
            // A full ring loses it, as a network would.
            _ = posts[name.post].reply(.datagram(name.ticket, Array(buffer[0..<count])))
        }
        switch step {
        case .waiting: break
        case .established(let keys):
            association.forgetAt = now + Self.answersAfter
            underWay -= 1
            tell(name, .established(name.ticket, SRTPProfile(keys.profile), localKey: keys.localKey, remoteKey: keys.remoteKey))
        case .failed(let error):
            forget(name)
            tell(name, .failed(name.ticket, DTLSFailure(error)))
        case .closedByPeer: forget(name)
        }
    }

    /// A result must arrive.
    private func tell(_ name: Name, _ reply: HandshakeReply) {
        if !unsent.isEmpty || !posts[name.post].reply(reply) { unsent.append((name.post, reply)) }
    }

    private func sendUnsent() {
        while let first = unsent.first, posts[first.post].reply(first.reply) { unsent.removeFirst() }
    }
}

extension SRTPProfile {
    init(_ profile: DTLSProfile) {
        switch profile {
        case .aeadAES256GCM: self = .aeadAES256GCM
        case .aeadAES128GCM: self = .aeadAES128GCM
        case .aes128CMSHA1_80: self = .aes128CMSHA1_80
        }
    }
}

extension DTLSFailure {
    init(_ error: DTLSError) {
        switch error {
        case .fingerprintMismatch: self = .fingerprintMismatch
        case .noProfile: self = .noProfile
        case .timedOut: self = .timedOut
        case .handshakeFailed, .library: self = .handshake(error.description)
        }
    }
}
