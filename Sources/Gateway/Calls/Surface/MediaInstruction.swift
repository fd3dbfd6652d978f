public import SDP

/// One leg of a call. Each has a media session and a dialog of its own.
public enum CallLeg: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Who called us.
    case caller
    /// Whom we called: the first, or a later one after a failure or a transfer. A number is used once in a call, so that what comes late
    /// from a leg is never taken for another's.
    case callee(UInt32)

    private var order: UInt32 {
        switch self {
        case .caller: 0
        case .callee(let number): number
        }
    }

    public static func < (a: CallLeg, b: CallLeg) -> Bool { a.order < b.order }

    public var description: String {
        switch self {
        case .caller: "caller"
        case .callee(1): "callee"
        case .callee(let number): "callee-\(number)"
        }
    }
}

/// Where a leg's sound comes from and goes to.
public enum CallMediaMode: Hashable, Sendable {
    /// The voice side: recognizer, play-out, recorder.
    case voice
    /// What is heard comes back.
    case echo
    /// Another leg, once `.bridge` joins them; until then what `.fill` says. No recognizer, no play-out, no recorder.
    case bridge
}

/// What a leg hears while there is nothing else to hear.
public enum CallMediaFill: Hashable, Sendable {
    case silence, holdMusic, ringBack
    /// Faint noise, so that nobody takes the call for dead.
    case comfort
}

/// What a call wants of a leg's media session. `SottoServer` turns it into the media plane's commands.
public enum MediaInstruction: Equatable, Sendable {
    /// Take a port pair of the range with this index. A callee's session is to live on the caller's thread. Answered by `.reserved`.
    case reserve(range: Int)
    /// Install keys and start. Answered by `.started`.
    case start(NegotiatedMedia, guardMilliseconds: Int?, mode: CallMediaMode)
    /// What a re-INVITE agreed on. Answered by `.updated`.
    case update(NegotiatedMedia)
    /// Join this leg with the other: each hears the other, keys are sent on as events. Recognizer, play-out and recorder of the voice
    /// side hear nothing any more. Answered by `.bridged` of this leg.
    case bridge(with: CallLeg)
    /// Not answered.
    case unbridge
    /// Not answered.
    case fill(CallMediaFill)
    /// Payment mode: recognizer, recorder and far leg get silence.
    case protect(isOn: Bool)
    /// Answered by `.closed`, always.
    case close
}

/// What a call hears of a leg's media session. Keys that were pressed and prompts that were played go to the voice side directly.
public enum MediaReport: Equatable, Sendable {
    case reserved(port: UInt16)
    case started
    case updated
    /// The answer to `.bridge`, of the leg that was told to. (The other leg need not report it.)
    case bridged
    /// The oldest instruction that has no answer yet failed; the text is harmless to log.
    case failed(String)
    case timedOut
    case keyExhausted
    case closed(CallMediaSummary?)
}

/// The figures of a leg's media for the call's record.
public struct CallMediaSummary: Hashable, Sendable {
    public var packetsReceived: UInt64
    public var packetsSent: UInt64
    public var packetsLost: Int64
    public var unauthenticated: UInt64
    public var digits: UInt64
    public var jitterMicroseconds: UInt32
    public var roundTripMicroseconds: UInt32
    /// E-model estimate of what we heard of this leg, 100 × MOS; nil while unknown.
    public var mosHundredths: UInt32?

    public init(
        packetsReceived: UInt64, packetsSent: UInt64, packetsLost: Int64, unauthenticated: UInt64, digits: UInt64,
        jitterMicroseconds: UInt32, roundTripMicroseconds: UInt32, mosHundredths: UInt32? = nil
    ) {
        self.packetsReceived = packetsReceived
        self.packetsSent = packetsSent
        self.packetsLost = packetsLost
        self.unauthenticated = unauthenticated
        self.digits = digits
        self.jitterMicroseconds = jitterMicroseconds
        self.roundTripMicroseconds = roundTripMicroseconds
        self.mosHundredths = mosHundredths
    }
}
