internal import SIPMessages
internal import SIPTransport
internal import SottoBase

/// One message of a call's SIP ladder.
struct SIPLadderStep: Equatable, Sendable {
    let at: WallTime
    let direction: SIPMessageDirection
    /// 0: the caller's leg; from 1 on the legs that we dialled, in their order.
    private(set) var leg: Int
    let summary: String
    let text: String

    /// What it takes in memory, about.
    var size: Int { summary.utf8.count + text.utf8.count + 96 }

    init(_ message: SIPMessage, _ direction: SIPMessageDirection, leg: Int, at time: WallTime) {
        let masked = MaskedSIPMessage(message)
        at = time
        self.direction = direction
        self.leg = leg
        summary = masked.summary
        text = masked.text
    }

    func on(leg: Int) -> SIPLadderStep {
        var copy = self
        copy.leg = leg
        return copy
    }
}

/// The SIP ladders of running calls and of those that ended lately. Nobody can capture what goes through TLS, so the gateway shows it.
///
/// Messages are masked before they are kept. Bounded: steps per call, bytes in all; the ladder that ended longest ago goes first. Touched on
/// the call loop alone.
struct SIPLadders {
    struct Limits {
        var stepsPerCall = 200
        var bytes = 32 * 1_024 * 1_024
        var endedCalls = 1_000
        var unclaimed = 32
    }

    private struct Ladder {
        var steps: [SIPLadderStep] = []
        var left = 0
        var size = 0
        var legs: [SIPCallID] = []
    }

    private let limits: Limits
    private var ladders: [CallID: Ladder] = [:]
    private var calls: [SIPCallID: (call: CallID, leg: Int)] = [:]
    /// The first messages of dialogs whose call is not known yet: an INVITE and its 100 come before the call exists. Oldest first.
    private var unclaimed: [(callID: SIPCallID, step: SIPLadderStep)] = []
    /// Oldest first.
    private var ended: [CallID] = []
    private(set) var bytes = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    var count: Int { ladders.count }

    /// From now on messages with this Call-ID belong to the call. The first is the caller's leg.
    mutating func add(_ callID: SIPCallID, to call: CallID) {
        guard calls[callID] == nil else { return }
        var ladder = ladders[call] ?? Ladder()
        calls[callID] = (call, ladder.legs.count)
        let leg = ladder.legs.count
        ladder.legs.append(callID)
        ladders[call] = ladder
        let claimed = unclaimed.filter { $0.callID == callID }
        unclaimed.removeAll { $0.callID == callID }
        for (_, step) in claimed { append(step.on(leg: leg), to: call) }
    }

    mutating func record(_ message: SIPMessage, _ direction: SIPMessageDirection, at time: WallTime) {
        let callID = message.fields.callID
        guard let (call, leg) = calls[callID] else {
            guard message.fields.cseq.method == .invite else { return }
            unclaimed.append((callID, SIPLadderStep(message, direction, leg: 0, at: time)))
            if unclaimed.count > limits.unclaimed { unclaimed.removeFirst() }
            return
        }
        append(SIPLadderStep(message, direction, leg: leg, at: time), to: call)
    }

    private mutating func append(_ step: SIPLadderStep, to call: CallID) {
        guard var ladder = ladders[call] else { return }
        guard ladder.steps.count < limits.stepsPerCall else {
            ladders[call]?.left += 1
            return
        }
        ladders[call] = nil
        ladder.steps.append(step)
        ladder.size += step.size
        ladders[call] = ladder
        bytes += step.size
        makeRoom(keeping: call)
    }

    mutating func callEnded(_ call: CallID) {
        guard ladders[call] != nil, !ended.contains(call) else { return }
        ended.append(call)
        makeRoom(keeping: nil)
    }

    /// The call's steps, oldest first, and how many more there were. nil: no such call is known any more.
    func steps(of call: CallID) -> (steps: [SIPLadderStep], left: Int)? {
        ladders[call].map { ($0.steps, $0.left) }
    }

    private mutating func makeRoom(keeping kept: CallID?) {
        while let oldest = ended.first, ended.count > limits.endedCalls || bytes > limits.bytes {
            ended.removeFirst()
            remove(oldest)
        }
        // Running calls alone fill it: the one that asks is cut short.
        guard bytes > limits.bytes, let kept, var ladder = ladders[kept] else { return }
        bytes -= ladder.size
        ladder.left += ladder.steps.count
        ladder.steps = []
        ladder.size = 0
        ladders[kept] = ladder
    }

    private mutating func remove(_ call: CallID) {
        guard let ladder = ladders.removeValue(forKey: call) else { return }
        bytes -= ladder.size
        for callID in ladder.legs { calls[callID] = nil }
    }
}
