public import Policy
public import SottoBase

/// A running call as a list shows it: no number, no content.
public struct CallSummary: Hashable, Sendable {
    public let call: CallID
    public let trunk: TrunkReference
    public let state: String
    public let arrivedAt: WallTime
    public let answeredAt: WallTime?
    public let route: String
    public let codec: String?
    public let suite: String?
    /// `none`, `pending`, `granted`, `refused`.
    public let consent: String
    public let isPayment: Bool
    /// Legs that we called and that live.
    public let farLegs: [FarLegSummary]
}

public struct FarLegSummary: Hashable, Sendable {
    public let leg: CallLeg
    public let trunk: TrunkReference
    public let state: String
    public let answeredAt: WallTime?
    public let codec: String?
    public let suite: String?
}
