internal import CEpoll
internal import SottoBase
internal import Synchronization

/// One media thread's whole world: its sessions, sockets, ports and timers. A turn does all that is due; nothing here waits, locks or
/// reads a clock, so that tests can drive it with a clock of their own.
final class MediaWorker {
    /// Datagrams that one socket may deliver in a turn: a flooded session cannot take the others' time.
    private static let datagramsPerSocket = 32
    /// Rounds of at most 256 readable sockets in a turn.
    private static let roundsPerTurn = 16
    private static let tokensPerRound = 256
    private static let wakeToken = UInt64.max

    let mailbox: Mailbox
    let events: EventRing
    let handshakes: HandshakePost
    let gauges = WorkerGauges()
    let configuration: MediaPlaneConfiguration
    private let epoll: Int32
    private let capacity: Int
    private let slots: UnsafeMutablePointer<MediaSlot>
    /// Per slot: when its stream wants to be advanced; `.max` when it has none.
    private let due: UnsafeMutablePointer<Int64>
    private let pools: UnsafeMutablePointer<PortPool>
    private let tokens: UnsafeMutablePointer<UInt64>
    private let tools: UnsafeMutablePointer<MediaTools>
    private var freeSlots: [Int]
    private var slotOf: [MediaSessionID: Int] = [:]
    var hasSessions: Bool { freeSlots.count < capacity }
    /// Sessions that run.
    private(set) var streams = 0
    private var nextRestCount: Int64 = .min

    init(_ configuration: MediaPlaneConfiguration, thread: Int) throws(MediaPlaneError) {
        let epoll = sotto_epoll_create()
        guard epoll >= 0 else { throw .system(call: "epoll_create1", errno: -epoll) }
        let wake = sotto_eventfd_create()
        guard wake >= 0 else {
            sotto_close(epoll)
            throw .system(call: "eventfd", errno: -wake)
        }
        let added = sotto_epoll_add(epoll, wake, Self.wakeToken)
        guard added == 0 else {
            sotto_close(epoll)
            sotto_close(wake)
            throw .system(call: "epoll_ctl", errno: -added)
        }
        self.epoll = epoll
        self.configuration = configuration
        capacity = configuration.sessionsPerThread
        mailbox = Mailbox(sessions: capacity, wakeDescriptor: wake)
        events = EventRing(sessions: capacity)
        handshakes = HandshakePost(sessions: capacity, threadDescriptor: wake)
        slots = .allocate(capacity: capacity)
        for index in 0..<capacity { (slots + index).initialize(to: MediaSlot()) }
        due = .allocate(capacity: capacity)
        due.initialize(repeating: .max, count: capacity)
        pools = .allocate(capacity: configuration.ranges.count)
        for (index, range) in configuration.ranges.enumerated() {
            (pools + index).initialize(
                to: PortPool(range, thread: thread, threads: configuration.threads, rest: configuration.portRest))
        }
        tokens = .allocate(capacity: Self.tokensPerRound)
        tokens.initialize(repeating: 0, count: Self.tokensPerRound)
        tools = .allocate(capacity: 1)
        tools.initialize(to: MediaTools(events: events, handshakes: handshakes))
        freeSlots = Array((0..<capacity).reversed())
        slotOf.reserveCapacity(capacity)
    }

    deinit {
        for index in 0..<capacity { slots[index].clear() }
        slots.deinitialize(count: capacity)
        slots.deallocate()
        due.deallocate()
        pools.deinitialize(count: configuration.ranges.count)
        pools.deallocate()
        tokens.deallocate()
        tools.deinitialize(count: 1)
        tools.deallocate()
        sotto_close(mailbox.wakeDescriptor)
        sotto_close(epoll)
    }

    // MARK: - Turns

    /// Sleeps until a datagram or a command waits, or until `milliseconds` have passed.
    func wait(milliseconds: Int32) { _ = sotto_epoll_wait(epoll, tokens, Int32(Self.tokensPerRound), milliseconds) }

    /// Commands, datagrams, then what is due.
    func turn(now: Instant) {
        while let command = mailbox.take() { obey(command, now: now) }
        takeReplies(now: now)
        receive(now: now)
        advance(now: now)
        publish(now: now)
    }

    /// The earliest time that a stream wants to be advanced; nil when none runs.
    var nextDeadline: Instant? {
        var earliest = Int64.max
        for index in 0..<capacity where due[index] < earliest { earliest = due[index] }
        return earliest == .max ? nil : Instant(nanoseconds: earliest)
    }

    private func receive(now: Instant) {
        for _ in 0..<Self.roundsPerTurn {
            let count = Int(sotto_epoll_wait(epoll, tokens, Int32(Self.tokensPerRound), 0))
            guard count > 0 else { return }
            for index in 0..<count {
                let token = tokens[index]
                if token == Self.wakeToken {
                    sotto_eventfd_clear(mailbox.wakeDescriptor)
                    continue
                }
                read(slot: Int(token >> 1), isRTCP: token & 1 == 1, now: now)
            }
            guard count == Self.tokensPerRound else { return }
        }
    }

    private func read(slot index: Int, isRTCP: Bool, now: Instant) {
        guard index < capacity else { return }
        let slot = slots + index
        let descriptor = isRTCP ? slot.pointee.rtcpDescriptor : slot.pointee.rtpDescriptor
        guard descriptor >= 0 else { return }
        var source = SocketAddress()
        let buffer = tools.pointee.datagram
        for _ in 0..<Self.datagramsPerSocket {
            guard let count = UDPSocket.receive(on: descriptor, into: buffer, from: &source) else { return }
            // Before `start` there is no key that could tell a friend: what comes is dropped.
            guard let stream = slot.pointee.stream else { continue }
            guard count <= buffer.count else {
                tools.pointee.counters.pointee.malformed &+= 1
                continue
            }
            stream.pointee.datagramReceived(
                UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]), from: source, onRTCPPort: isRTCP, tools.pointee, now: now)
        }
    }

    private func advance(now: Instant) {
        guard streams > 0 else { return }
        for index in 0..<capacity where due[index] <= now.nanoseconds {
            let slot = slots + index
            guard let stream = slot.pointee.stream else {
                due[index] = .max
                continue
            }
            let late = now.nanoseconds &- due[index]
            if late > tools.pointee.counters.pointee.worstLateness { tools.pointee.counters.pointee.worstLateness = late }
            stream.pointee.advance(tools.pointee, now: now)
            due[index] = stream.pointee.nextDeadline
        }
    }

    private func takeReplies(now: Instant) {
        while let reply = handshakes.replies.take() {
            guard let index = slotOf[reply.ticket.session], let stream = slots[index].stream else { continue }
            stream.pointee.handshakeAnswered(reply, tools.pointee, now: now)
        }
    }

    private func publish(now: Instant) {
        gauges.publish(tools.pointee.counters.pointee)
        gauges.sessions.store(capacity - freeSlots.count, ordering: .relaxed)
        gauges.sockets.store((capacity - freeSlots.count) * 2, ordering: .relaxed)
        var used = 0
        for index in 0..<configuration.ranges.count { used += pools[index].inUse }
        gauges.portPairsInUse.store(used, ordering: .relaxed)
        if nextRestCount <= now.nanoseconds {
            nextRestCount = now.nanoseconds &+ 500_000_000
            gauges.worstLateness.store(Int(tools.pointee.counters.pointee.worstLateness), ordering: .relaxed)
            tools.pointee.counters.pointee.worstLateness = 0
            var resting = 0
            for index in 0..<configuration.ranges.count { resting += pools[index].resting(now) }
            gauges.portPairsResting.store(resting, ordering: .relaxed)
        }
    }

    // MARK: - Commands

    private func obey(_ command: MediaCommand, now: Instant) {
        do throws(MediaFailure) {
            switch command {
            case .reserve(let id, let range): try reserve(id, range: range, now: now)
            case .start(let id, let settings, let options): try start(id, settings, options, now: now)
            case .update(let id, let settings): try update(id, settings, now: now)
            case .bridge(let id, let other, let bridge): try self.bridge(id, other, bridge, now: now)
            case .sendDigits(let id, let keys, let milliseconds):
                let stream = try stream(id)
                guard stream.pointee.sendDigits(keys, milliseconds: milliseconds) else { throw MediaFailure.digitsRefused }
            case .fill(let id, let fill): try stream(id).pointee.setFill(fill)
            case .protect(let id, let on): try stream(id).pointee.protect(on, now: now)
            case .flushPlayout(let id): try stream(id).pointee.flushPlayout()
            case .setRecognizer(let id, let ring):
                let stream = try stream(id)
                stream.pointee.setRecognizer(ring)
                reconsider(stream, now: now)
            case .setRecording(let id, let ring):
                let stream = try stream(id)
                stream.pointee.setRecording(ring)
                reconsider(stream, now: now)
            case .close(let id): close(id, now: now)
            }
        } catch {
            events.push(.failed(command.session, error))
        }
    }

    private func reserve(_ id: MediaSessionID, range: Int, now: Instant) throws(MediaFailure) {
        guard slotOf[id] == nil else { throw .wrongState }
        guard configuration.ranges.indices.contains(range) else { throw .invalidSettings("no media range \(range)") }
        guard let index = freeSlots.last else { throw .noCapacity }
        let bind = configuration.ranges[range]
        for _ in 0..<PortPool.attemptsPerReservation {
            guard let port = pools[range].take(now) else { throw .portsExhausted }
            let address = SocketAddress(bytes: bind.bind, port: port)
            do {
                let rtp = try UDPSocket(bind: address, dscp: bind.dscp)
                let rtcp = try UDPSocket(bind: address.withPort(port + 1), dscp: bind.dscp)
                try register(rtp.descriptor, UInt64(index) << 1)
                try register(rtcp.descriptor, UInt64(index) << 1 | 1)
                slots[index].install(rtp: rtp, rtcp: rtcp)
            } catch {
                pools[range].release(port, now, wasUsed: true)
                guard error.isTaken else { throw .system(call: "bind", errno: error.code) }
                continue  // somebody else's: the next pair
            }
            slots[index].id = id
            slots[index].ports = MediaPorts(range: range, rtp: port, rtcp: port + 1)
            slots[index].isIPv6 = bind.bind.count == 16
            freeSlots.removeLast()
            slotOf[id] = index
            events.push(.reserved(id, slots[index].ports))
            return
        }
        throw .portsExhausted
    }

    private func register(_ descriptor: Int32, _ token: UInt64) throws(SocketFault) {
        let result = sotto_epoll_add(epoll, descriptor, token)
        guard result == 0 else { throw SocketFault(code: -result) }
    }

    private func start(
        _ id: MediaSessionID, _ settings: MediaSettings, _ options: MediaSessionOptions, now: Instant
    ) throws(MediaFailure) {
        guard let index = slotOf[id], slots[index].state == .reserved else { throw .wrongState }
        if let fault = settings.fault(isIPv6: slots[index].isIPv6) { throw fault }
        if let playout = options.rings.playout, playout.content != .own {
            throw .invalidSettings("a play-out ring holds our own voice")
        }
        if settings.dtls != nil, configuration.identity == nil { throw .noIdentity }
        let made = try MediaStream(
            id, settings, options, descriptors: (slots[index].rtpDescriptor, slots[index].rtcpDescriptor), now: now)
        discardEarly(index)
        let stream = UnsafeMutablePointer<MediaStream>.allocate(capacity: 1)
        stream.initialize(to: made)
        slots[index].stream = stream
        streams += 1
        due[index] = stream.pointee.nextDeadline
        events.push(.started(id))
        stream.pointee.beginHandshake(tools.pointee)
    }

    /// What came before the keys cannot be judged: it is thrown away unread.
    private func discardEarly(_ index: Int) {
        var source = SocketAddress()
        for descriptor in [slots[index].rtpDescriptor, slots[index].rtcpDescriptor] {
            for _ in 0..<1_024 {
                guard UDPSocket.receive(on: descriptor, into: tools.pointee.datagram, from: &source) != nil else { break }
            }
        }
    }

    private func update(_ id: MediaSessionID, _ settings: MediaSettings, now: Instant) throws(MediaFailure) {
        guard let index = slotOf[id], let stream = slots[index].stream else { throw .wrongState }
        if let fault = settings.fault(isIPv6: slots[index].isIPv6) { throw fault }
        if settings.dtls != nil, configuration.identity == nil { throw .noIdentity }
        try stream.pointee.update(settings, tools.pointee, now: now)
        reconsider(stream, now: now)
        due[index] = stream.pointee.nextDeadline
        events.push(.updated(id))
    }

    private func stream(_ id: MediaSessionID) throws(MediaFailure) -> UnsafeMutablePointer<MediaStream> {
        guard let index = slotOf[id], let stream = slots[index].stream else { throw .wrongState }
        return stream
    }

    private func bridge(
        _ id: MediaSessionID, _ other: MediaSessionID?, _ bridge: MediaBridge, now: Instant
    ) throws(MediaFailure) {
        let stream = try stream(id)
        guard let other else { return unbridge(stream, now: now, tellsAnyway: true) }
        guard id != other else { throw .notBridgeable }
        guard let otherIndex = slotOf[other] else { throw .notBridgeable }
        guard let far = slots[otherIndex].stream else { throw .wrongState }
        if stream.pointee.far != far {
            unbridge(stream, now: now, tellsAnyway: false)
            unbridge(far, now: now, tellsAnyway: false)
        }
        stream.pointee.link(far, bridge)
        far.pointee.link(stream, bridge)
        reconsider(stream, now: now)
        events.push(.bridged(id, with: other))
        events.push(.bridged(other, with: id))
    }

    /// Both legs at once, so that no stream ever knows one that is gone.
    private func unbridge(_ stream: UnsafeMutablePointer<MediaStream>, now: Instant, tellsAnyway: Bool) {
        guard let far = stream.pointee.far else {
            if tellsAnyway { events.push(.unbridged(stream.pointee.id)) }
            return
        }
        stream.pointee.unlink(now: now)
        far.pointee.unlink(now: now)
        reconsider(stream, now: now)
        reconsider(far, now: now)
        events.push(.unbridged(stream.pointee.id))
        events.push(.unbridged(far.pointee.id))
    }

    /// What a leg's change means for how both pass on.
    private func reconsider(_ stream: UnsafeMutablePointer<MediaStream>, now: Instant) {
        stream.pointee.reconsider(now: now)
        if let far = stream.pointee.far {
            far.pointee.reconsider(now: now)
            wakeUp(far)
        }
        wakeUp(stream)
    }

    private func wakeUp(_ stream: UnsafeMutablePointer<MediaStream>) {
        if let index = slotOf[stream.pointee.id] { due[index] = stream.pointee.nextDeadline }
    }

    private func close(_ id: MediaSessionID, now: Instant) {
        guard let index = slotOf[id] else { return events.push(.closed(id, MediaStatistics())) }
        var final = MediaStatistics()
        if let stream = slots[index].stream {
            unbridge(stream, now: now, tellsAnyway: false)
            stream.pointee.endHandshake(tools.pointee)
            stream.pointee.finish(tools.pointee, now: now)
            final = stream.pointee.statistics()
            streams -= 1
        }
        let wasUsed = slots[index].state == .started
        slots[index].clear()
        tools.pointee.wipeScratch()
        due[index] = .max
        pools[slots[index].ports.range].release(slots[index].ports.rtp, now, wasUsed: wasUsed)
        slotOf[id] = nil
        freeSlots.append(index)
        nextRestCount = .min
        events.push(.closed(id, final))
    }

    /// A started session's stream, for tests that look at what did not change.
    func streamForTests(_ id: MediaSessionID) -> UnsafeMutablePointer<MediaStream>? { slotOf[id].flatMap { slots[$0].stream } }

    /// The plane stops: every session ends as if it had been closed.
    func closeAll(now: Instant) {
        while let command = mailbox.take() { obey(command, now: now) }
        for id in slotOf.keys.sorted(by: { $0.value < $1.value }) { close(id, now: now) }
        publish(now: now)
    }
}
