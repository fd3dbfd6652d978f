/// What a sequence number turned out to be.
public enum SequenceVerdict: Equatable, Sendable {
    /// Its place in the stream: cycles × 65,536 + sequence number. Late and duplicate packets get theirs too.
    case extended(Int64)
    /// A jump too large to be loss: dropped, unless the very next packet continues from there.
    case suspicious
    /// Two packets in a row continued after a jump: the sender restarted. Its place counts from a fresh start.
    case restarted(Int64)
}

/// Extends 16-bit sequence numbers over their wraps and detects a restart of the sender (RFC 3550 §A.1).
///
/// The probation of §A.1 is left out: only authenticated packets get here.
public struct SequenceExtender: Equatable, Sendable {
    /// RFC 3550 §A.1: the largest gap that is taken for loss.
    public static let maximumDropout: UInt16 = 3_000
    /// RFC 3550 §A.1: how far back a packet may be and still be a late one.
    public static let maximumMisorder: UInt16 = 100

    /// The highest extended sequence number so far; nil before the first packet.
    public private(set) var highest: Int64?
    /// The first extended sequence number since the (re)start.
    public private(set) var first: Int64 = 0
    private var expectedAfterJump: UInt16?

    public init() {}

    public mutating func extend(_ sequence: UInt16) -> SequenceVerdict {
        guard let highest else {
            restart(at: sequence)
            return .extended(Int64(sequence))
        }
        let delta = sequence &- UInt16(truncatingIfNeeded: highest)
        if delta < Self.maximumDropout {  // in order, with a permissible gap
            expectedAfterJump = nil
            let place = highest &+ Int64(delta)
            self.highest = place
            return .extended(place)
        }
        let back = 0 &- delta
        if back <= Self.maximumMisorder {  // late or duplicate
            return .extended(highest &- Int64(back))
        }
        if expectedAfterJump == sequence {  // two in a row: the other side restarted
            restart(at: sequence)
            return .restarted(Int64(sequence))
        }
        expectedAfterJump = sequence &+ 1
        return .suspicious
    }

    /// Forgets the stream: a new SSRC.
    public mutating func reset() { self = SequenceExtender() }

    private mutating func restart(at sequence: UInt16) {
        highest = Int64(sequence)
        first = Int64(sequence)
        expectedAfterJump = nil
    }
}

/// Extends 32-bit RTP timestamps over their wraps: each is read as the nearest to the one before.
public struct TimestampExtender: Equatable, Sendable {
    private var last: Int64?

    public init() {}

    /// Half of the number range (12 hours at 48 kHz) is the largest step that is understood.
    public mutating func extend(_ timestamp: UInt32) -> Int64 {
        guard let last else {
            self.last = Int64(timestamp)
            return Int64(timestamp)
        }
        let step = Int32(bitPattern: timestamp &- UInt32(truncatingIfNeeded: last))
        let place = last &+ Int64(step)
        self.last = place
        return place
    }

    /// Forgets the stream: a new SSRC or a reset of the sender's clock.
    public mutating func reset() { last = nil }
}
