internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Why a leg that we called never came to a call, and what the caller is told: always our own words.
struct FarFailure: Equatable, Sendable {
    let answer: SIPAnswer
    let termination: Termination
    /// What the peer said itself; nil: nothing.
    var peerStatus: UInt16?
    var peerCause: UInt16?
    /// Another trunk may do better.
    var triesNextTrunk = false

    /// What the dialogue is told.
    var handOver: HandOverFailure {
        if termination.cause == .refusedByPolicy { return .forbidden }
        return switch answer.status {
        case 486, 600: .busy
        case 408, 480, 487: .noAnswer
        case 500...599: .unreachable
        default: .refused
        }
    }

    /// The trunk said no. 6xx and what tells of the callee is kept; what tells of our own dealings with the trunk (its challenge, our
    /// offer, its syntax) is not the caller's and becomes 502 (RFC 3261 §21.5.3).
    init(refusedWith response: SIPResponse) {
        let cause = response.reasons.lazy.compactMap(\.q850Cause).first
        let status = response.status
        let told: UInt16 =
            switch status {
            case 404, 410, 480, 482, 483, 484, 485, 486, 403, 408, 433: status
            case 487: 480  // nobody here withdrew it
            case 300...399: 480  // moved, and we do not follow
            case 503: 503
            case 504: 504
            case 600...699: Self.known(status)
            default: 502
            }
        let fault: Termination.Cause = told >= 500 && told < 600 ? .carrierFault : .calleeFault
        answer = Self.answer(told, cause: cause ?? Self.q850(of: told))
        termination = Termination(fault, "the callee's side answered \(status)")
        peerStatus = status
        peerCause = cause
        triesNextTrunk = status == 503
    }

    private init(_ status: UInt16, _ cause: UInt16, _ termination: Termination, triesNextTrunk: Bool = false) {
        answer = Self.answer(status, cause: cause)
        self.termination = termination
        self.triesNextTrunk = triesNextTrunk
    }

    /// No hop could be reached, none is left, or none may be asked.
    static func unreachable(_ why: String) -> FarFailure {
        FarFailure(503, 38, Termination(.carrierFault, why), triesNextTrunk: true)
    }
    static func forbidden(_ status: UInt16, _ why: String) -> FarFailure {
        FarFailure(status, 21, Termination(.refusedByPolicy, why))
    }
    /// The trunk is full, or called too fast: only this one.
    static func crowded(_ status: UInt16, _ why: String) -> FarFailure {
        FarFailure(status, 34, Termination(.refusedByPolicy, why), triesNextTrunk: true)
    }
    static let noAnswer = FarFailure(480, 19, Termination(.calleeFault, "nobody answered in time"))
    static let gone = FarFailure(480, 31, Termination(.calleeFault, "the callee hung up as it answered"))
    static func badAnswer(_ why: String) -> FarFailure { FarFailure(502, 88, Termination(.calleeFault, why)) }
    static func ours(_ why: String) -> FarFailure { FarFailure(503, 41, Termination(.ourFault, why)) }

    private static func answer(_ status: UInt16, cause: UInt16) -> SIPAnswer {
        var headers = [SIPHeader.reason(q850: cause, text: "")]
        if status == 503 { headers.append(.retryAfter(Call.retryAfter)) }
        return SIPAnswer(status, headers: headers)
    }

    /// A 6xx that nobody has registered is a decline.
    private static func known(_ status: UInt16) -> UInt16 { [600, 603, 604, 606, 607, 608].contains(status) ? status : 603 }

    /// RFC 3398 §8.2.6.1, the reverse of its table of causes.
    static func q850(of status: UInt16) -> UInt16 {
        switch status {
        case 404, 604: 1
        case 410: 22
        case 480: 18
        case 482, 483: 25
        case 484: 28
        case 486, 600: 17
        case 403, 433, 603, 607, 608: 21
        case 408, 504: 102
        case 502: 38
        default: 31
        }
    }
}

/// How a leg that was up came to its end by the far side.
struct FarEnding: Equatable, Sendable {
    let termination: Termination
    /// Q.850, for the other leg (RFC 3326).
    var peerCause: UInt16?
    /// The peer ended it, rather than a fault.
    var isHangUp = false
}
