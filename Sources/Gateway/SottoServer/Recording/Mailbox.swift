internal import Synchronization

/// A bounded row of messages for one reader, with a last word that is never lost.
///
/// A message that finds the row full is lost, and so is every one after it: what the reader gets has no holes.
final class Mailbox<Message: Sendable, Last: Sendable>: Sendable {
    private struct State {
        var isBroken = false
        var last: Last?
    }

    /// Ends after `close`, when everything that came before is read.
    let messages: AsyncStream<Message>
    private let row: AsyncStream<Message>.Continuation
    private let state = Mutex(State())

    init(limit: Int) {
        (messages, row) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingOldest(limit))
    }

    /// Never blocks. True when this message is the first that is lost.
    func send(_ message: Message) -> Bool {
        state.withLock { state in
            guard !state.isBroken, case .dropped = row.yield(message) else { return false }
            state.isBroken = true
            return true
        }
    }

    /// Nothing comes after this.
    func close(_ last: Last) {
        state.withLock { if $0.last == nil { $0.last = last } }
        row.finish()
    }

    /// True when messages were lost.
    var isBroken: Bool { state.withLock { $0.isBroken } }
    /// What `close` was given.
    var last: Last? { state.withLock { $0.last } }
}
