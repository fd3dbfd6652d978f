public import SottoBase

/// One transport connection. The transport makes it up and never uses a value twice.
public struct ConnectionID: Hashable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
}

/// Who is at the far end: a trunk, by its certificate identity or its address. Every connection of one peer carries the same value.
///
/// Transactions and dialogs belong to a peer: a message that another peer sends never matches them, so that no peer cancels, ends or
/// redirects the calls of another, whatever branch or tag it guesses.
public struct PeerID: Hashable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
}

/// What the endpoint must know of a connection before its first message.
public struct ConnectionProfile: Hashable, Sendable {
    public var peer: PeerID
    /// True for TLS over TCP, where RFC 3261 §17 sets some timers to zero. False only in simulations: every listener is TLS.
    public var isReliable: Bool
    /// The host that the listener advertises: a name, an IPv4 address, or an IPv6 address in brackets. It goes into Contact and Via.
    public var localHost: WireText
    /// The listener's own port, also on connections that we opened: the peer opens its next connection to it.
    public var localPort: UInt16
    /// Where the peer sends from: `received` and `rport` of the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).
    public var remote: PeerAddress

    public init(
        peer: PeerID, isReliable: Bool = true, localHost: WireText, localPort: UInt16, remote: PeerAddress
    ) {
        self.peer = peer
        self.isReliable = isReliable
        self.localHost = localHost
        self.localPort = localPort
        self.remote = remote
    }
}
