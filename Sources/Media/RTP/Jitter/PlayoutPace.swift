/// Whether to play a little slower or faster, so that the delay comes back to its target; with hysteresis.
///
/// The delay is measured when a frame is pulled, and what is corrected adds up until a frame is pulled once more or once less: it moves by
/// a whole frame. So the pace begins only outside the frame above the target, and ends inside it.
struct PlayoutPace {
    private var direction = 0

    /// - Parameters:
    ///   - excess: of the delay over its target, in RTP ticks.
    ///   - frame: how long a packet plays, or a tick when that is longer: within it the delay is as it fell.
    /// - Returns: samples to add in this frame: -1, 0 or 1.
    mutating func follow(excess: Int64, frame: Int64) -> Int {
        switch direction {
        case 0:
            if excess > frame &+ frame / 4 { direction = -1 }
            if excess < -frame / 4 { direction = 1 }
        case 1: if excess >= 0 { direction = 0 }
        default: if excess <= frame { direction = 0 }
        }
        return direction
    }
}
