internal import CEpoll
internal import SRTP
internal import SottoBase
internal import Synchronization

/// Names one handshake of one session. Never used twice on a thread, so that what comes late finds nobody.
struct HandshakeTicket: Hashable, Sendable {
    var session: MediaSessionID
    var number: UInt64
}

/// What a media thread asks of the handshake worker.
enum HandshakeOrder: Sendable {
    case begin(HandshakeTicket, DTLSKeying)
    /// A DTLS datagram from the peer's signaled address.
    case datagram(HandshakeTicket, [UInt8])
    /// The session closed, or another handshake took this one's place.
    case end(HandshakeTicket)
}

/// What the worker answers.
enum HandshakeReply: Sendable {
    /// Send this to the peer.
    case datagram(HandshakeTicket, [UInt8])
    /// The fingerprint matched. Keys are `key ‖ salt`.
    case established(HandshakeTicket, SRTPProfile, localKey: SecretBytes, remoteKey: SecretBytes)
    case failed(HandshakeTicket, DTLSFailure)
    /// A datagram that was no sound part of the handshake.
    case ignored(HandshakeTicket)

    var ticket: HandshakeTicket {
        switch self {
        case .datagram(let ticket, _), .established(let ticket, _, _, _), .failed(let ticket, _), .ignored(let ticket): ticket
        }
    }
}

/// The two rings between one media thread and the handshake worker.
final class HandshakePost: Sendable {
    let orders: HandoffRing<HandshakeOrder>
    let replies: HandoffRing<HandshakeReply>
    private let numbers = Atomic<UInt64>(0)
    /// Who sleeps on the other side: the worker's eventfd, and ours. -1: nobody.
    private let workerDescriptor = Atomic<Int32>(-1)
    private let threadDescriptor: Int32

    init(sessions: Int, threadDescriptor: Int32) {
        orders = HandoffRing(capacity: max(256, min(sessions, 4_096) * 4))
        replies = HandoffRing(capacity: max(256, min(sessions, 4_096) * 4))
        self.threadDescriptor = threadDescriptor
    }

    func attach(workerDescriptor: Int32) { self.workerDescriptor.store(workerDescriptor, ordering: .releasing) }

    /// The media thread.
    func makeTicket(_ session: MediaSessionID) -> HandshakeTicket {
        HandshakeTicket(session: session, number: numbers.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// The media thread. False when the worker is too far behind.
    func order(_ order: HandshakeOrder) -> Bool {
        guard orders.push(order) else { return false }
        let descriptor = workerDescriptor.load(ordering: .acquiring)
        if descriptor >= 0 { sotto_eventfd_signal(descriptor) }
        return true
    }

    /// The worker.
    func reply(_ reply: HandshakeReply) -> Bool {
        guard replies.push(reply) else { return false }
        sotto_eventfd_signal(threadDescriptor)
        return true
    }
}
