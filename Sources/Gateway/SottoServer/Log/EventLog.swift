internal import Logging
internal import SottoBase
internal import Synchronization

/// What happened, for the log and for whoever follows the calls. Fields are our own words, ids, addresses and masked text: no secret, no
/// clear value, no subscriber's number ever gets here.
struct ServerEvent: Sendable {
    var time: WallTime
    var level: Logger.Level
    /// `call.answered`: bounded in number, so that it can be counted.
    var name: String
    var call: CallID?
    var tenant: TenantName?
    var fields: [(name: String, value: String)]
}

/// Writes events to the log and hands them to followers. Never blocks: a follower that is slow loses events.
final class EventLog: Sendable {
    private let logger: Logger
    private let followers = Mutex<[UInt64: AsyncStream<ServerEvent>.Continuation]>([:])
    private let nextFollower = Mutex<UInt64>(0)

    init(logger: Logger) { self.logger = logger }

    func note(
        _ level: Logger.Level, _ name: String, call: CallID? = nil, tenant: TenantName? = nil, _ fields: [(String, String)] = []
    ) {
        let event = ServerEvent(time: SystemClock.wall, level: level, name: name, call: call, tenant: tenant, fields: fields)
        var metadata: Logger.Metadata = [:]
        if let call { metadata["call"] = "\(call)" }
        if let tenant { metadata["tenant"] = "\(tenant)" }
        for (key, value) in fields { metadata[key] = "\(value)" }
        logger.log(level: level, "\(name)", metadata: metadata)
        followers.withLock { followers in
            for continuation in followers.values { continuation.yield(event) }
        }
    }

    /// Follows events from now on; ends when the reader goes away. At most 16 at once; nil beyond.
    func follow() -> AsyncStream<ServerEvent>? {
        let id = nextFollower.withLock { next in
            next += 1
            return next
        }
        let (stream, continuation) = AsyncStream.makeStream(of: ServerEvent.self, bufferingPolicy: .bufferingNewest(512))
        let isAdded = followers.withLock { followers in
            guard followers.count < 16 else { return false }
            followers[id] = continuation
            return true
        }
        guard isAdded else { return nil }
        continuation.onTermination = { [weak self] _ in self?.followers.withLock { $0[id] = nil } }
        return stream
    }

    func finish() {
        let ended = followers.withLock { followers in
            defer { followers = [:] }
            return followers.values.map(\.self)
        }
        // Outside of the lock: a stream that ends calls `onTermination` at once, which takes it.
        for continuation in ended { continuation.finish() }
    }

    var followerCount: Int { followers.withLock { $0.count } }
}
