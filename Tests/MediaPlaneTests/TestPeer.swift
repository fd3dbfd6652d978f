import Audio
import DTMF
import RTP
import SRTP
import SottoBase

@testable import MediaPlane

func key(_ profile: SRTPProfile, _ seed: UInt8) -> SecretBytes {
    let bytes = (0..<profile.keyAndSaltLength).map { UInt8(truncatingIfNeeded: $0 * 13) &+ seed }
    return SecretBytes(copying: bytes[...])
}

struct PeerFault: Error {}

/// The far end of a session: its own sockets, keys and codec, driven by the test.
final class TestPeer {
    let profile: SRTPProfile
    let codec: AudioCodec
    let isIPv6: Bool
    /// Two places that the peer may send from.
    let home: UDPSocket
    let elsewhere: UDPSocket
    let reports: UDPSocket
    var sender: SRTPSender
    var receiver: SRTPReceiver
    var rtp: RTPSender
    var encoder: FrameEncoder
    var decoder: FrameDecoder
    var tone = ToneGenerator(1_000)
    var target = SocketAddress()
    var reportTarget = SocketAddress()
    var payloadType: UInt8 = 96
    var telephoneEvent: UInt8 = 101
    /// What arrived at `home` and `elsewhere`, opened.
    var heard: [Int16] = []
    var packetsHome = 0
    var packetsElsewhere = 0
    var notOurs = 0
    var headers: [RTPHeader] = []
    var reportsHeard: [String] = []
    /// Telephone events that arrived, by timestamp, in order.
    var keysHeard: [(timestamp: UInt32, key: HeardKey)] = []
    var payloadsHeard: [[UInt8]] = []

    init(profile: SRTPProfile = .aeadAES256GCM, codec: AudioCodec = .pcmu, isIPv6: Bool = false, ssrc: UInt32 = 0xABCD_0001) throws {
        self.profile = profile
        self.codec = codec
        self.isIPv6 = isIPv6
        home = try UDPSocket(bind: Self.loopback(isIPv6, 0), dscp: 0)
        elsewhere = try UDPSocket(bind: Self.loopback(isIPv6, 0), dscp: 0)
        reports = try UDPSocket(bind: Self.loopback(isIPv6, 0), dscp: 0)
        sender = try SRTPSender(profile: profile, key: key(profile, 2), ssrc: ssrc)
        receiver = try SRTPReceiver(profile: profile, key: key(profile, 1))
        rtp = RTPSender(ssrc: SSRC(ssrc), sequence: 1_000, timestamp: 50_000)
        encoder = try FrameEncoder(codec: codec)
        decoder = try FrameDecoder(codec: codec)
    }

    static func loopback(_ isIPv6: Bool, _ port: UInt16) -> SocketAddress {
        SocketAddress(bytes: isIPv6 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] : [127, 0, 0, 1], port: port)
    }

    func address(_ socket: borrowing UDPSocket) -> PeerAddress? { Self.loopback(isIPv6, socket.port).peer }

    func aim(at ports: MediaPorts) {
        target = Self.loopback(isIPv6, ports.rtp)
        reportTarget = Self.loopback(isIPv6, ports.rtcp)
    }

    /// What offer and answer would have agreed on with this peer.
    func settings(ptime: Int = 20, mux: Bool = false, direction: MediaDirection = .sendReceive) -> MediaSettings {
        MediaSettings(
            remote: address(home), remoteRTCPPort: reports.port, rtcpMux: mux, direction: direction, codec: codec,
            payloadType: payloadType, telephoneEvent: telephoneEvent, packetMilliseconds: ptime, profile: profile,
            localKey: key(profile, 1), remoteKey: key(profile, 2))
    }

    // MARK: - Sending

    /// A protected packet of `samples` of the tone.
    func makePacket(samples: Int = 320, silent: Bool = false) throws -> [UInt8] {
        var pcm = [Int16](repeating: 0, count: samples)
        if !silent { pcm.withUnsafeMutableBufferPointer { tone.fill($0) } }
        var payload = [UInt8](repeating: 0, count: 1_500)
        let size = payload.withUnsafeMutableBytes { target in pcm.withUnsafeBufferPointer { encoder.encode($0, into: target) } }
        guard let size else { throw PeerFault() }
        return try protect(Array(payload[0..<size]), type: payloadType, ticks: codec.ticks(samples: samples))
    }

    func protect(_ payload: [UInt8], type: UInt8, ticks: UInt32, marker: Bool = false) throws -> [UInt8] {
        let header = rtp.next(payloadType: PayloadType(type), marker: marker, payloadCount: payload.count, ticks: ticks)
        return try seal(header, payload)
    }

    func seal(_ header: RTPHeader, _ payload: [UInt8]) throws -> [UInt8] {
        try withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            try header.write(into: buffer)
            for (index, byte) in payload.enumerated() { buffer[12 + index] = byte }
            guard case .protected(let length) = sender.protectRTP(buffer, length: 12 + payload.count) else { throw PeerFault() }
            return Array(buffer[0..<length])
        }
    }

    func send(_ packet: [UInt8], elsewhere fromElsewhere: Bool = false) {
        packet.withUnsafeBytes { bytes in
            _ = UDPSocket.send(bytes, on: fromElsewhere ? elsewhere.descriptor : home.descriptor, to: target)
        }
    }

    func speak(samples: Int = 320, silent: Bool = false, elsewhere: Bool = false) throws {
        send(try makePacket(samples: samples, silent: silent), elsewhere: elsewhere)
    }

    /// One packet of an event that began at `start`.
    func sendEvent(_ event: UInt8, start: UInt32, duration: UInt16, isEnd: Bool, marker: Bool) throws {
        var payload = [UInt8](repeating: 0, count: 4)
        let telephone = TelephoneEvent(event: event, isEnd: isEnd, volume: 10, duration: duration)
        _ = payload.withUnsafeMutableBytes { telephone.write(into: $0) }
        var header = rtp.next(payloadType: PayloadType(telephoneEvent), marker: marker, payloadCount: 4, ticks: 0)
        header.timestamp = start
        send(try seal(header, payload))
    }

    func sendReport(saysBye: Bool = false, onRTPPort: Bool = false) throws {
        let report = RTCPReport(
            ssrc: rtp.ssrc, canonicalName: CanonicalName(high: 1, low: 2), sender: nil, block: nil, saysBye: saysBye)
        try withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { buffer in
            let size = try report.write(into: buffer)
            guard case .protected(let length) = sender.protectRTCP(buffer, length: size) else { throw PeerFault() }
            _ = UDPSocket.send(
                UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<length]),
                on: onRTPPort ? home.descriptor : reports.descriptor, to: onRTPPort ? target : reportTarget)
        }
    }

    // MARK: - Receiving

    func listen() {
        receive(home.descriptor) { packetsHome += 1 }
        receive(elsewhere.descriptor) { packetsElsewhere += 1 }
        receive(reports.descriptor) {}
    }

    private func receive(_ descriptor: Int32, _ count: () -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            var source = SocketAddress()
            while let size = UDPSocket.receive(on: descriptor, into: buffer, from: &source) {
                let datagram = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<min(size, buffer.count)])
                if DatagramKind.classify(UnsafeRawBufferPointer(datagram), multiplexed: true) == .rtcp {
                    take(report: datagram)
                } else {
                    count()
                    take(packet: datagram)
                }
            }
        }
    }

    /// A datagram that somebody else took from `home`.
    func takeDatagram(_ datagram: UnsafeMutableRawBufferPointer) {
        if DatagramKind.classify(UnsafeRawBufferPointer(datagram), multiplexed: true) == .rtcp {
            take(report: datagram)
        } else {
            packetsHome += 1
            take(packet: datagram)
        }
    }

    /// Datagrams that wait at `elsewhere`, thrown away.
    func waitsElsewhere() -> Int {
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            var source = SocketAddress()
            var count = 0
            while UDPSocket.receive(on: elsewhere.descriptor, into: buffer, from: &source) != nil { count += 1 }
            return count
        }
    }

    private func take(report: UnsafeMutableRawBufferPointer) {
        guard case .authenticated(let length) = receiver.unprotectRTCP(report),
            var walk = try? RTCPCompound(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(report)[0..<length]))
        else { return notOurs += 1 }
        while let packet = walk.next() {
            switch packet {
            case .senderReport: reportsHeard.append("SR")
            case .receiverReport: reportsHeard.append("RR")
            case .sourceDescription: reportsHeard.append("SDES")
            case .bye: reportsHeard.append("BYE")
            case .other: reportsHeard.append("other")
            }
        }
    }

    private func note(_ event: TelephoneEvent, _ timestamp: UInt32) {
        if keysHeard.last?.timestamp != timestamp {
            keysHeard.append((timestamp, HeardKey(event: event.event, packets: 0, ends: 0, duration: 0)))
        }
        keysHeard[keysHeard.count - 1].key.packets += 1
        if event.isEnd { keysHeard[keysHeard.count - 1].key.ends += 1 }
        keysHeard[keysHeard.count - 1].key.duration = max(keysHeard[keysHeard.count - 1].key.duration, event.duration)
    }

    private func take(packet: UnsafeMutableRawBufferPointer) {
        guard case .authenticated(let length) = receiver.unprotectRTP(packet) else { return notOurs += 1 }
        let plain = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(packet)[0..<length])
        guard let header = try? RTPHeader(parsing: plain) else { return notOurs += 1 }
        headers.append(header)
        if header.payloadType.value == telephoneEvent {
            if let event = TelephoneEvent(parsing: header.payload(of: plain)) { note(event, header.timestamp) }
            return
        }
        payloadsHeard.append(Array(header.payload(of: plain)))
        var pcm = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
        let samples = pcm.withUnsafeMutableBufferPointer { decoder.decode(header.payload(of: plain), into: $0) }
        heard += pcm[0..<(samples ?? 0)]
    }
}

/// cos(2πf/16000) by its series: the tests import no mathematics.
private func cosine(of frequency: Double) -> Double {
    let angle = 2 * Double.pi * frequency / 16_000
    var term = 1.0
    var sum = 1.0
    for step in 1...12 {
        term *= -angle * angle / Double((2 * step - 1) * (2 * step))
        sum += term
    }
    return sum
}

/// As `share`, of a tone that is played a sample in 20 ms faster or slower while the jitter buffer brings its delay back.
func shareNear(_ frequency: Double, in samples: some Collection<Int16>) -> Double {
    max(
        share(of: frequency, in: samples), share(of: frequency * 320 / 319, in: samples),
        share(of: frequency * 320 / 321, in: samples))
}

/// The share of a signal's power that lies at `frequency` (Goertzel), 0 to 1. The samples are at 16 kHz.
func share(of frequency: Double, in samples: some Collection<Int16>) -> Double {
    guard !samples.isEmpty else { return 0 }
    // 2·cos(2πf/16000) for the tones that the tests use.
    let coefficient = frequency == 1_000 ? 1.847759065 : frequency == 2_000 ? 1.414213562 : 2 * cosine(of: frequency)
    var first = 0.0
    var second = 0.0
    var power = 0.0
    for sample in samples {
        let next = Double(sample) + coefficient * first - second
        second = first
        first = next
        power += Double(sample) * Double(sample)
    }
    guard power > 0 else { return 0 }
    let tone = first * first + second * second - coefficient * first * second
    return tone * 2 / (power * Double(samples.count))
}

func energy(_ samples: some Collection<Int16>) -> Double {
    samples.isEmpty ? 0 : samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(samples.count)
}

extension MediaSettings {
    /// The keys of signaling; a test that changes them has such keys.
    var localKey: SecretBytes {
        get { sdes?.localKey ?? SecretBytes(copying: []) }
        set { if let keys = sdes { keying = .sdes(SDESKeys(profile: keys.profile, localKey: newValue, remoteKey: keys.remoteKey)) } }
    }

    var remoteKey: SecretBytes {
        get { sdes?.remoteKey ?? SecretBytes(copying: []) }
        set { if let keys = sdes { keying = .sdes(SDESKeys(profile: keys.profile, localKey: keys.localKey, remoteKey: newValue)) } }
    }
}
