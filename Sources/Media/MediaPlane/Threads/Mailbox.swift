internal import CEpoll
internal import Synchronization

/// Commands on their way to one media thread: a bounded ring. Submitters share a lock among themselves; the media thread takes none.
///
/// Reservations are refused while the rest of the ring is needed for the sessions that are open.
final class Mailbox: Sendable {
    private let capacity: Int
    private let reservedForOpen: Int
    private let slots: Slots
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let submitting = Mutex(())
    /// Signalled on every command.
    let wakeDescriptor: Int32

    /// proof: a slot is written by the submitter that holds the lock before `tail` passes it, and read by the media thread alone
    /// before `head` passes it
    private struct Slots: @unchecked Sendable {
        let start: UnsafeMutablePointer<MediaCommand>
    }

    init(sessions: Int, wakeDescriptor: Int32) {
        reservedForOpen = sessions * 4
        capacity = reservedForOpen + max(64, sessions)
        slots = Slots(start: .allocate(capacity: capacity))
        self.wakeDescriptor = wakeDescriptor
    }

    deinit {
        while take() != nil {}
        slots.start.deallocate()
    }

    var depth: Int { tail.load(ordering: .acquiring) - head.load(ordering: .acquiring) }

    /// Any thread.
    func submit(_ command: MediaCommand) -> Bool {
        let accepted = submitting.withLock { _ in
            let t = tail.load(ordering: .relaxed)
            let free = capacity - (t - head.load(ordering: .acquiring))
            if case .reserve = command {
                guard free > reservedForOpen else { return false }
            } else {
                guard free > 0 else { return false }
            }
            (slots.start + t % capacity).initialize(to: command)
            tail.store(t + 1, ordering: .releasing)
            return true
        }
        if accepted { sotto_eventfd_signal(wakeDescriptor) }
        return accepted
    }

    /// The media thread only.
    func take() -> MediaCommand? {
        let h = head.load(ordering: .relaxed)
        guard h < tail.load(ordering: .acquiring) else { return nil }
        let command = (slots.start + h % capacity).move()
        head.store(h + 1, ordering: .releasing)
        return command
    }
}
