/// Decides whether new calls are shed because the machine is late (RFC 7339's idea, fed by real load).
///
/// It has a high and a low mark, so that it does not flap, and it only ever concerns new INVITEs: what belongs to a running call and
/// emergency calls pass.
public struct OverloadGate: Hashable, Sendable {
    /// Above any of these, new calls are shed.
    public static let high = LoadReading(loopLag: .milliseconds(100), mediaLateness: .milliseconds(15), recognizerLag: .seconds(3))
    /// Below all of these, they are let in again.
    public static let low = LoadReading(loopLag: .milliseconds(30), mediaLateness: .milliseconds(5), recognizerLag: .seconds(1))

    public private(set) var isShedding = false

    public init() {}

    public mutating func update(_ load: LoadReading) {
        let isHigh =
            load.loopLag > Self.high.loopLag || load.mediaLateness > Self.high.mediaLateness || load.recognizerLag > Self.high.recognizerLag
        let isLow =
            load.loopLag < Self.low.loopLag && load.mediaLateness < Self.low.mediaLateness && load.recognizerLag < Self.low.recognizerLag
        if isHigh { isShedding = true } else if isLow { isShedding = false }
    }
}
