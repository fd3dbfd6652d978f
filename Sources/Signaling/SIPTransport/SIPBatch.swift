internal import NIOCore
internal import SIPMessages
internal import SIPSessions
internal import Synchronization

/// Messages for one connection, written as one piece.
struct SIPBatch: Sendable {
    struct Envelope: Sendable {
        let message: SIPMessage
        var target: ConnectionTarget
        /// Connections that it was given to before.
        var attempts = 0
    }

    var envelopes: [Envelope]
}

/// Outbound event: close once the peer has been silent for `quiet`.
struct DrainRequest: Sendable {
    let quiet: TimeAmount
}

/// What the loops of one connection share.
final class ConnectionBacklog: Sendable {
    /// Messages that were handed to the call loop and not taken yet.
    let count = Atomic<Int>(0)
}
