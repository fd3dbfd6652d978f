/// One INVITE that was received and waits for its answer: the one that opens a dialog, or a re-INVITE.
public struct InviteID: Hashable, Sendable, CustomStringConvertible {
    let value: UInt64
    public var description: String { "invite-\(value)" }
}

/// One dialog, from the INVITE that would open it to its end. Unique for the life of the endpoint, and says nothing about the peer.
public struct DialogID: Hashable, Sendable, Comparable, CustomStringConvertible {
    let value: UInt64
    /// Older dialogs come first.
    public static func < (a: DialogID, b: DialogID) -> Bool { a.value < b.value }
    public var description: String { "dialog-\(value)" }
}

/// One request other than INVITE that the application has to answer (an UPDATE with an offer, a REFER).
public struct RequestID: Hashable, Sendable, Comparable, CustomStringConvertible {
    let value: UInt64
    /// Older requests come first.
    public static func < (a: RequestID, b: RequestID) -> Bool { a.value < b.value }
    public var description: String { "request-\(value)" }
}

/// Names an OPTIONS outside a dialog; the application chooses it.
public struct ProbeID: Hashable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
}
