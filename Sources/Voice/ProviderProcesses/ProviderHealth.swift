internal import SottoBase
internal import Synchronization

/// How a provider's programs have fared lately, shared by its streams.
public final class ProviderHealth: Sendable {
    private let backOff = Mutex(StartBackOff())

    public init() {}

    public var mayStart: Bool { backOff.withLock { $0.mayStart(now: Instant(nanoseconds: monotonic())) } }

    public func ended(well: Bool) {
        backOff.withLock { well ? $0.endedWell() : $0.failed(now: Instant(nanoseconds: monotonic())) }
    }
}
