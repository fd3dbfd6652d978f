public import SottoBase

/// What one received stream's packets tell about the network: loss, jitter, round trip (RFC 3550 §6.4, §A.3, §A.8).
public struct ReceptionStatistics: Equatable, Sendable {
    public let clockRate: Int
    /// Packets received, duplicates included (RFC 3550 §6.4.1).
    public private(set) var received: Int64 = 0
    private var sequences = SequenceExtender()
    /// RFC 3550 §A.8: jitter × 16, in RTP ticks.
    private var scaledJitter: Int64 = 0
    private var lastTransit: Int64?
    private var lastTimestamp: UInt32 = 0
    private var expectedBefore: Int64 = 0
    private var receivedBefore: Int64 = 0
    private var lastReport: (middle: UInt32, arrival: Instant)?
    /// From our last sender report to the peer's answer to it; nil before that.
    public private(set) var roundTrip: Duration?

    public init(clockRate: Int) {
        precondition((1_000...192_000).contains(clockRate), "an RTP clock runs at 1 to 192 kHz")
        self.clockRate = clockRate
    }

    public static func == (a: Self, b: Self) -> Bool {
        a.received == b.received && a.sequences == b.sequences && a.scaledJitter == b.scaledJitter && a.roundTrip == b.roundTrip
    }

    /// Counts an authenticated packet and places its sequence number.
    /// - Parameters:
    ///   - arrival: when it came in.
    ///   - measuresJitter: false for a telephone event, whose timestamp stands still while it lasts (RFC 4733 §2.5.1.2).
    public mutating func packetReceived(
        sequence: UInt16, timestamp: UInt32, arrival: Instant, measuresJitter: Bool = true
    ) -> SequenceVerdict {
        let verdict = sequences.extend(sequence)
        switch verdict {
        case .suspicious: return verdict
        case .restarted:
            received = 0
            expectedBefore = 0
            receivedBefore = 0
            lastTransit = nil
        case .extended: break
        }
        received &+= 1
        // Packets that share a timestamp tell nothing about delay.
        if measuresJitter, lastTransit == nil || timestamp != lastTimestamp {
            let transit = rtpTicks(arrival, rate: Int64(clockRate)) &- Int64(timestamp)
            if let last = lastTransit {
                // Only the low 32 bits are the clock: a wrap must not look like half a day of jitter.
                let difference = Int64(Int32(truncatingIfNeeded: transit &- last)).magnitude
                scaledJitter &+= Int64(min(difference, 1 << 31)) &- ((scaledJitter &+ 8) >> 4)
            }
            lastTransit = transit
            lastTimestamp = timestamp
        }
        return verdict
    }

    /// Packets that should have come.
    public var expected: Int64 { sequences.highest.map { $0 &- sequences.first &+ 1 } ?? 0 }
    /// Packets missing; duplicates can make it negative (RFC 3550 §A.3).
    public var lost: Int64 { expected &- received }
    /// Inter-arrival jitter in RTP ticks.
    public var jitterTicks: UInt32 { UInt32(clamping: scaledJitter >> 4) }
    public var jitter: Duration { .nanoseconds((scaledJitter >> 4) &* 1_000_000_000 / Int64(clockRate)) }
    public var highestSequence: Int64? { sequences.highest }

    /// The block for our next report; it starts a new interval for the loss fraction (RFC 3550 §A.3).
    public mutating func makeReportBlock(for ssrc: SSRC, now: Instant) -> ReportBlock {
        let expectedInterval = expected &- expectedBefore
        let lostInterval = expectedInterval &- (received &- receivedBefore)
        expectedBefore = expected
        receivedBefore = received
        let fraction = expectedInterval <= 0 || lostInterval <= 0 ? 0 : min(255, (lostInterval << 8) / expectedInterval)
        var delay: UInt32 = 0
        if let lastReport {  // units of 1/65,536 s
            let nanoseconds = max(0, (now - lastReport.arrival).wholeNanoseconds)
            delay = UInt32(clamping: nanoseconds / 1_000_000_000 &* 65_536 &+ nanoseconds % 1_000_000_000 &* 65_536 / 1_000_000_000)
        }
        return ReportBlock(
            ssrc: ssrc, fractionLost: UInt8(fraction), cumulativeLost: Int32(min(max(lost, -0x80_0000), 0x7F_FFFF)),
            highestSequence: UInt32(truncatingIfNeeded: sequences.highest ?? 0), jitter: jitterTicks,
            lastSenderReport: lastReport?.middle ?? 0, delaySinceLastSenderReport: delay)
    }

    /// The peer's sender report arrived: our next block refers to it.
    public mutating func senderReportReceived(_ time: NTPTime, arrival: Instant) {
        lastReport = (time.middle, arrival)
    }

    /// A block about our own stream arrived at `now`: takes the round trip from it (RFC 3550 §6.4.1).
    public mutating func reportReceived(_ block: ReportBlock, now: NTPTime) {
        guard block.lastSenderReport != 0 else { return }
        let units = now.middle &- block.lastSenderReport &- block.delaySinceLastSenderReport
        guard units < 0x8000_0000 else { return }  // clocks that ran backwards or a report that lies
        roundTrip = .nanoseconds(Int64(units) &* 1_000_000_000 / 65_536)
    }

    /// A new SSRC: everything but the round trip starts again.
    public mutating func reset() {
        let trip = roundTrip
        self = ReceptionStatistics(clockRate: clockRate)
        roundTrip = trip
    }
}
