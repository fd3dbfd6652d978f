public import Policy
public import SottoBase

/// A call that was let in. It is given back once, at the call's end; giving it back twice does nothing.
public struct AdmissionTicket: Hashable, Sendable {
    let number: UInt64
}

public enum AdmissionDecision: Hashable, Sendable {
    case allow(AdmissionTicket)
    /// Answer with this status. `retryAfter` goes into the header of that name (RFC 3261 §20.33) when it is set.
    case refuse(status: Int, retryAfter: Duration?, DecisionReason)
    /// Say nothing and close.
    case drop(DecisionReason)
}

/// What a connection ran into.
public enum ConnectionLimit: Hashable, Sendable {
    /// No room for another source's counts.
    case sources
    /// How fast its source connects.
    case sourceRate
    /// How many its source has.
    case sourceConnections
    case connections, handshakes
}

/// Whether a connection may go on.
public enum ConnectionDecision: Hashable, Sendable {
    case allow
    /// Close it without a byte.
    case close(ConnectionLimit, DecisionReason)
}

/// A decision with everything that was noticed on the way.
public struct AdmissionVerdict: Hashable, Sendable {
    public let decision: AdmissionDecision
    /// Fraud rules that raised an alert or would have decided if they were not observed.
    public let findings: [FraudFinding]
}

/// How loaded the machine is, measured by whoever runs the loops.
public struct LoadReading: Hashable, Sendable {
    /// How late the call loop runs, the media threads run, and the recognizers are.
    public var loopLag: Duration
    public var mediaLateness: Duration
    public var recognizerLag: Duration

    public init(loopLag: Duration = .zero, mediaLateness: Duration = .zero, recognizerLag: Duration = .zero) {
        self.loopLag = loopLag
        self.mediaLateness = mediaLateness
        self.recognizerLag = recognizerLag
    }

    public static let idle = LoadReading()
}

/// An INVITE that wants to begin a call, as far as admission looks at it.
public struct CallAttempt: Hashable, Sendable {
    public let source: PeerAddress
    public let trunk: TrunkReference
    public let called: DialledNumber
    /// nil: withheld.
    public let caller: DialledNumber?

    public init(source: PeerAddress, trunk: TrunkReference, called: DialledNumber, caller: DialledNumber?) {
        self.source = source
        self.trunk = trunk
        self.called = called
        self.caller = caller
    }
}

/// A leg that a running call wants to call, as far as admission looks at it.
public struct OutboundAttempt: Hashable, Sendable {
    public let trunk: TrunkReference
    public let called: DialledNumber
    /// nil: withheld.
    public let caller: DialledNumber?

    public init(trunk: TrunkReference, called: DialledNumber, caller: DialledNumber?) {
        self.trunk = trunk
        self.called = called
        self.caller = caller
    }
}
