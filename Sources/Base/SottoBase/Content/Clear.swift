/// A handle to clear content that lies in a `ClearArena`. It holds no bytes: printing, comparing, storing or sending one reveals nothing,
/// so events that carry it stay `Equatable` and `Sendable`.
///
/// Anybody may make one (through a writer of the arena). Opening it is `package`, and only SottoBase, Redaction and Policy share
/// package access: elsewhere it does not compile. Whoever must hear clear content outside Redaction goes through `withBoundary`.
public struct Clear<Content>: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let arena: UInt8
    package let slot: UInt32
    package let generation: UInt32

    package init(arena: UInt8, slot: UInt32, generation: UInt32) {
        self.arena = arena
        self.slot = slot
        self.generation = generation
    }

    public var description: String { "Clear" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// Words that somebody spoke, with their times: what a recognizer makes. Written with `SpokenWordsWriter`.
public enum SpokenWords {}

/// One key that was pressed: a byte out of `0-9*#A-D`, with its media time.
public enum DialledKey {}

/// Text without times: typed by a person or made by a model.
public enum PlainText {}

/// Content that has passed redaction. Made by the Redaction room alone; every sink (log, model, transcript, recorder, console) takes
/// nothing else.
public struct Masked<Content: Sendable>: Sendable {
    public let content: Content
    package init(_ content: Content) { self.content = content }
}

extension Masked: Equatable where Content: Equatable {}
extension Masked: Hashable where Content: Hashable {}

/// Leave to hear clear content beyond the Redaction room: made by a Policy decision alone, for one provider and purpose.
/// It cannot be copied, stored twice or made up.
public struct BoundaryGrant: ~Copyable, Sendable {
    /// Who may hear: a provider's name as the configuration spells it.
    public let recipient: String
    /// Which rule allowed it, for the audit trail.
    public let rule: String

    package init(recipient: String, rule: String) {
        self.recipient = recipient
        self.rule = rule
    }
}
