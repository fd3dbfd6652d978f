internal import Synchronization

/// The context that new connections of a listener get. A reload replaces it; live connections keep what they began with.
public final class ServedTLSContext: Sendable {
    private let context: Mutex<TLSContext>

    public init(_ context: TLSContext) { self.context = Mutex(context) }

    public var current: TLSContext { context.withLock { $0 } }

    public func replace(with new: TLSContext) { context.withLock { $0 = new } }
}
