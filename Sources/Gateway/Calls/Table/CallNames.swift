internal import SIPSessions
internal import SottoBase

/// The two times of a turn.
struct CallTime {
    let now: Instant
    let wall: WallTime
}

/// Which call a dialog or an attempt belongs to.
struct CallNames: Sendable {
    private struct Claims {
        var dialogs: [DialogID] = []
        var attempts: [AttemptID] = []
    }

    private var dialogs: [DialogID: CallID] = [:]
    private var attempts: [AttemptID: CallID] = [:]
    /// What a call has claimed and not released: at most its legs and their forks.
    private var claims: [CallID: Claims] = [:]

    var dialogCount: Int { dialogs.count }
    var attemptCount: Int { attempts.count }

    func call(of dialog: DialogID) -> CallID? { dialogs[dialog] }
    func call(of attempt: AttemptID) -> CallID? { attempts[attempt] }

    mutating func claim(_ dialog: DialogID, for call: CallID) {
        guard dialogs.updateValue(call, forKey: dialog) == nil else { return }
        claims[call, default: Claims()].dialogs.append(dialog)
    }

    mutating func claim(_ attempt: AttemptID, for call: CallID) {
        guard attempts.updateValue(call, forKey: attempt) == nil else { return }
        claims[call, default: Claims()].attempts.append(attempt)
    }

    mutating func release(_ dialog: DialogID) {
        guard let call = dialogs.removeValue(forKey: dialog) else { return }
        claims[call]?.dialogs.removeAll { $0 == dialog }
    }

    mutating func release(_ attempt: AttemptID) {
        guard let call = attempts.removeValue(forKey: attempt) else { return }
        claims[call]?.attempts.removeAll { $0 == attempt }
    }

    mutating func forget(_ call: CallID) {
        guard let claims = claims.removeValue(forKey: call) else { return }
        for dialog in claims.dialogs { dialogs[dialog] = nil }
        for attempt in claims.attempts { attempts[attempt] = nil }
    }
}
