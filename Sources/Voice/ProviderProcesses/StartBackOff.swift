public import SottoBase

/// When a program that keeps failing may be started again.
///
/// One failure costs one call its service. From the third in a row on, starts wait: 1 s, then twice as long each time, up to a minute.
/// A program that ended in good order forgets it all.
public struct StartBackOff: Equatable, Sendable {
    private var failures = 0
    private var notBefore: Instant?

    public init() {}

    public func mayStart(now: Instant) -> Bool {
        guard let notBefore else { return true }
        return now >= notBefore
    }

    public mutating func endedWell() {
        failures = 0
        notBefore = nil
    }

    public mutating func failed(now: Instant) {
        failures = min(failures + 1, 16)
        guard failures >= 3 else { return }
        notBefore = now + .seconds(min(60, 1 << (failures - 3)))
    }
}
