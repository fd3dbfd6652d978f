internal import Audio
public import NIOCore
internal import RTP
internal import SRTP
internal import SottoBase

/// A caller's end of the media: its own SRTP contexts, codec and clock. It always talks, silence when there is nothing to say.
public final class PeerMedia: Sendable {
    /// What came from the daemon.
    public struct Heard: Sendable {
        public var packets = 0
        public var loudFrames = 0
        public var reports = 0
        /// Packets that our keys do not open.
        public var foreign = 0
        /// Since the last loud frame; nil before the first.
        public var quiet: Duration?
        /// Nothing waits to be said or pressed.
        public var isDone = true
        public var sent = 0
    }

    public let port: UInt16
    private let loop: any EventLoop
    private let core: PeerMediaCore

    public init(loop: any EventLoop) throws {
        let core = try PeerMediaCore()
        self.core = core
        self.loop = loop
        port = core.socket.port
    }

    /// Begins to talk, or takes over what a re-INVITE changed.
    public func apply(_ offer: PeerOffer, _ answer: PeerAnswer) async throws {
        try await loop.submit { [self] in
            try core.apply(offer, answer)
            core.begin(on: loop)
        }.get()
    }

    /// A tone: our test voice.
    public func say(_ frequency: Double, milliseconds: Int) {
        loop.execute { [core] in core.items.append(.tone(ToneGenerator(frequency), slots: milliseconds / 20)) }
    }

    /// Keys by RFC 4733.
    public func press(_ keys: String) {
        let events = keys.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "*"): 10
            case UInt8(ascii: "#"): 11
            default: nil
            }
        }
        loop.execute { [core] in
            for event in events { core.items += [.key(event), .quiet(slots: 3)] }
        }
    }

    /// Packets that look like ours and are sealed by nobody.
    public func sendForged(_ count: Int) {
        loop.execute { [core] in for _ in 0..<count { core.sendForged() } }
    }

    /// Says nothing at all, not even silence.
    public func fallSilent(_ isSilent: Bool = true) {
        loop.execute { [core] in core.isMute = isSilent }
    }

    public func heard() async throws -> Heard { try await loop.submit { [core] in core.snapshot() }.get() }

    public func stop() async {
        try? await loop.submit { [core] in core.end() }.get()
    }
}

/// What runs on the loop.
final class PeerMediaCore: @unchecked Sendable {  // proof: everything but `socket.port` is touched on its loop alone
    enum Item {
        case tone(ToneGenerator, slots: Int)
        case key(UInt8)
        case quiet(slots: Int)
    }

    /// What cannot be copied lives in boxes. A key that stays keeps its context, with the rollover counter in it.
    private final class Sealing {
        let key: [UInt8]
        var sender: SRTPSender

        init(_ profile: SRTPProfile, _ key: [UInt8], ssrc: UInt32) throws {
            self.key = key
            var copy = key
            sender = try SRTPSender(profile: profile, key: SecretBytes(moving: &copy), ssrc: ssrc)
        }
    }

    private final class Opening {
        let key: [UInt8]
        var receiver: SRTPReceiver

        init(_ profile: SRTPProfile, _ key: [UInt8]) throws {
            self.key = key
            var copy = key
            receiver = try SRTPReceiver(profile: profile, key: SecretBytes(moving: &copy))
        }
    }

    private final class Session {
        let sealing: Sealing
        let opening: Opening
        var encoder: FrameEncoder
        var decoder: FrameDecoder
        let offer: PeerOffer
        let target: UInt16
        let mayTalk: Bool

        init(_ offer: PeerOffer, _ answer: PeerAnswer, ssrc: UInt32, after old: Session?) throws {
            // RFC 4568 §5.1.2: the answer names the offered line by its tag.
            guard let suite = offer.suites.count == 1 ? offer.suites[0] : offer.suites.indices.contains(answer.tag - 1)
                ? offer.suites[answer.tag - 1] : nil, suite.profile == answer.profile
            else { throw PeerFault(description: "the answer's crypto tag \(answer.tag) is not what was offered") }
            sealing = try old.flatMap { $0.sealing.key == suite.key ? $0.sealing : nil } ?? Sealing(suite.profile, suite.key, ssrc: ssrc)
            opening = try old.flatMap { $0.opening.key == answer.key ? $0.opening : nil } ?? Opening(answer.profile, answer.key)
            encoder = try FrameEncoder(codec: offer.codec)
            decoder = try FrameDecoder(codec: offer.codec)
            self.offer = offer
            target = answer.port
            mayTalk = offer.direction == "sendrecv" || offer.direction == "sendonly"
        }
    }

    let socket: PeerSocket
    var items: [Item] = []
    var isMute = false
    private var session: Session?
    private var heard = PeerMedia.Heard()
    private var lastLoud: ContinuousClock.Instant?
    private var task: RepeatedTask?
    private var nextSlot = ContinuousClock.now
    private let ssrc = UInt32.random(in: 1...UInt32.max)
    /// Close to the end, so that every call of more than half a second wraps.
    private var sequence: UInt16 = 65_510
    private var timestamp = UInt32.max - 20_000
    private var keyStep = 0
    private var keyStart: UInt32 = 0

    init() throws { socket = try PeerSocket() }

    func apply(_ offer: PeerOffer, _ answer: PeerAnswer) throws { session = try Session(offer, answer, ssrc: ssrc, after: session) }

    func begin(on loop: any EventLoop) {
        guard task == nil else { return }
        nextSlot = .now
        task = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(5)) { [weak self] _ in self?.turn() }
    }

    func end() {
        task?.cancel()
        task = nil
        session = nil
    }

    func snapshot() -> PeerMedia.Heard {
        var heard = heard
        heard.quiet = lastLoud.map { .now - $0 }
        heard.isDone = items.isEmpty
        return heard
    }

    private func turn() {
        receive()
        let now = ContinuousClock.now
        // A loop that was held up does not make up for all of it.
        if now - nextSlot > .milliseconds(200) { nextSlot = now - .milliseconds(200) }
        while nextSlot <= now {
            nextSlot = nextSlot + .milliseconds(20)
            slot()
        }
    }

    // MARK: - Sending

    private func slot() {
        guard let session else { return }
        let ticks = UInt32(session.offer.codec.clockRate / 50)
        defer { timestamp &+= ticks }
        switch items.first {
        case .tone(var tone, let slots):
            speak { tone.fill($0) }
            if slots <= 1 { items.removeFirst() } else { items[0] = .tone(tone, slots: slots - 1) }
        case .quiet(let slots):
            speak { _ in }
            if slots <= 1 { items.removeFirst() } else { items[0] = .quiet(slots: slots - 1) }
        case .key(let event):
            pressKey(event, ticks)
        case nil:
            speak { _ in }
        }
    }

    private func speak(_ fill: (UnsafeMutableBufferPointer<Int16>) -> Void) {
        guard let session else { return }
        var samples = [Int16](repeating: 0, count: 320)
        samples.withUnsafeMutableBufferPointer { fill($0) }
        var payload = [UInt8](repeating: 0, count: 1_500)
        let size = payload.withUnsafeMutableBytes { target in samples.withUnsafeBufferPointer { session.encoder.encode($0, into: target) } }
        guard let size else { return }
        send(Array(payload[..<size]), type: session.offer.payloadType, at: timestamp, marker: false)
    }

    /// Three packets of a growing event, then its end three times (RFC 4733 §2.5.1.4); audio pauses meanwhile.
    private func pressKey(_ event: UInt8, _ ticks: UInt32) {
        guard let session else { return }
        if keyStep == 0 { keyStart = timestamp }
        keyStep += 1
        let duration = UInt16(clamping: UInt32(keyStep) * ticks)
        let isEnd = keyStep == 4
        for _ in 0..<(isEnd ? 3 : 1) {
            let payload: [UInt8] = [event, (isEnd ? 0x80 : 0) | 10, UInt8(duration >> 8), UInt8(duration & 0xFF)]
            send(payload, type: session.offer.telephoneEvent, at: keyStart, marker: keyStep == 1)
        }
        if isEnd {
            keyStep = 0
            items.removeFirst()
        }
    }

    private func header(_ type: UInt8, _ timestamp: UInt32, marker: Bool) -> [UInt8] {
        var bytes: [UInt8] = [0x80, (marker ? 0x80 : 0) | type, UInt8(sequence >> 8), UInt8(sequence & 0xFF)]
        for word in [timestamp, ssrc] { for shift in [24, 16, 8, 0] { bytes.append(UInt8((word >> UInt32(shift)) & 0xFF)) } }
        return bytes
    }

    private func send(_ payload: [UInt8], type: UInt8, at timestamp: UInt32, marker: Bool) {
        guard let session, session.mayTalk, !isMute else { return }
        let packet = header(type, timestamp, marker: marker) + payload
        sequence &+= 1
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            buffer.copyBytes(from: packet)
            guard case .protected(let length) = session.sealing.sender.protectRTP(buffer, length: packet.count) else { return }
            socket.send(UnsafeRawBufferPointer(rebasing: buffer[..<length]), to: session.target)
            heard.sent += 1
        }
    }

    func sendForged() {
        guard let session else { return }
        var packet = header(session.offer.payloadType, timestamp, marker: false)
        packet += (0..<176).map { _ in UInt8.random(in: 0...255) }
        packet.withUnsafeBytes { socket.send($0, to: session.target) }
    }

    // MARK: - Receiving

    private func receive() {
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            while let count = socket.receive(into: buffer) {
                guard let session, count >= 12 else { continue }
                let datagram = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                if (200...207).contains(datagram[1]) {
                    if case .authenticated = session.opening.receiver.unprotectRTCP(datagram) { heard.reports += 1 } else { heard.foreign += 1 }
                } else if case .authenticated(let length) = session.opening.receiver.unprotectRTP(datagram) {
                    take(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(datagram)[..<length]), session)
                } else {
                    heard.foreign += 1
                }
            }
        }
    }

    private func take(_ packet: UnsafeRawBufferPointer, _ session: Session) {
        guard let header = try? RTPHeader(parsing: packet) else { return }
        heard.packets += 1
        var pcm = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
        let count = pcm.withUnsafeMutableBufferPointer { session.decoder.decode(header.payload(of: packet), into: $0) } ?? 0
        guard count > 0, energy(of: pcm[..<count]) > 10_000 else { return }
        heard.loudFrames += 1
        lastLoud = .now
    }
}

public struct PeerFault: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// Mean square.
public func energy(of samples: some Collection<Int16>) -> Double {
    samples.isEmpty ? 0 : samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(samples.count)
}
