import Audio
import CEpoll
import RTP
import SRTP
import SottoBase

/// The limit that the media plane is measured against: the same datagrams through the kernel, libsrtp2 and the codec, and nothing else.
struct BareWork {
    /// recvfrom, unprotect, decode: CPU in µs per packet.
    var inbound: Double
    /// encode, protect, sendto: CPU in µs per packet.
    var outbound: Double

    private static let batch = 16
    /// Batches whose time is taken together.
    private static let group = 8

    /// recvfrom, unprotect, protect, sendto: CPU in µs per packet.
    static func passing(from: SRTPProfile, to: SRTPProfile, script: PacketScript) throws -> Double {
        let near = try LoopbackSocket()
        let far = try LoopbackSocket()
        var receiver = try SRTPReceiver(profile: from, key: from.key(PacketScript.peerKey))
        var sender = try SRTPSender(profile: to, key: to.key(PacketScript.ourKey), ssrc: 0xABCD_0001)
        let packets = script.slots.flatMap { $0 }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)
        defer { buffer.deallocate() }
        var target = LoopbackSocket.address(far.port)
        var times: [Int64] = []
        for start in stride(from: 0, to: packets.count - batch, by: batch) {
            for packet in packets[start..<start + batch] { far.send(packet, to: near.port) }
            let begin = threadTime()
            for _ in 0..<batch {
                var source = sotto_address()
                let count = sotto_udp_receive(near.descriptor, buffer.baseAddress, buffer.count, &source)
                guard count > 0,
                    case .authenticated(let length) = receiver.unprotectRTP(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count])),
                    case .protected(let total) = sender.protectRTP(buffer, length: length)
                else { continue }
                _ = sotto_udp_send(near.descriptor, buffer.baseAddress, total, &target)
            }
            times.append(threadTime() - begin)
            far.drain(buffer)
        }
        return Double(median(times)) / Double(batch) / 1_000
    }

    init(profile: SRTPProfile, codec: AudioCodec, script: PacketScript) throws {
        let near = try LoopbackSocket()
        let far = try LoopbackSocket()
        var receiver = try SRTPReceiver(profile: profile, key: profile.key(PacketScript.peerKey))
        var sender = try SRTPSender(profile: profile, key: profile.key(PacketScript.ourKey), ssrc: 7)
        var decoder = try FrameDecoder(codec: codec)
        var encoder = try FrameEncoder(codec: codec)
        let packets = script.slots.flatMap { $0 }
        guard packets.count > 2 * Self.batch * Self.group else { throw BenchmarkFault(description: "too few packets to measure") }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)
        let samples = UnsafeMutableBufferPointer<Int16>.allocate(capacity: FrameDecoder.maximumSamples)
        samples.initialize(repeating: 0)
        defer {
            buffer.deallocate()
            samples.deallocate()
        }

        var time: Int64 = 0
        var times: [Int64] = []
        var batches = 0
        func note(_ span: Int64) {
            time += span
            batches += 1
            guard batches % Self.group == 0 else { return }
            times.append(time)
            time = 0
        }
        let perGroup = Double(Self.batch * Self.group) * 1_000
        var opened = 0
        for start in stride(from: 0, to: packets.count - Self.batch, by: Self.batch) {
            for packet in packets[start..<start + Self.batch] { far.send(packet, to: near.port) }
            let begin = threadTime()
            for _ in 0..<Self.batch {
                var source = sotto_address()
                let count = sotto_udp_receive(near.descriptor, buffer.baseAddress, buffer.count, &source)
                guard count > 0,
                    case .authenticated(let length) = receiver.unprotectRTP(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count])),
                    decoder.decode(UnsafeRawBufferPointer(rebasing: buffer[12..<length]), into: samples) != nil
                else { continue }
                opened += 1
            }
            note(threadTime() - begin)
        }
        guard opened > packets.count * 9 / 10 else { throw BenchmarkFault(description: "only \(opened) of \(packets.count) packets opened") }
        inbound = Double(median(times)) / perGroup

        var tone = ToneGenerator(500, 1_100)
        let frame = UnsafeMutableBufferPointer(rebasing: samples[0..<320])
        tone.fill(frame)
        var target = LoopbackSocket.address(far.port)
        (time, times, batches) = (0, [], 0)
        let rounds = 32 * Self.group
        for round in 0..<rounds {
            let begin = threadTime()
            for index in 0..<Self.batch {
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer[12..<1_900])
                guard let size = encoder.encode(UnsafeBufferPointer(frame), into: room) else { continue }
                let header = RTPHeader(
                    payloadType: PayloadType(96), sequence: UInt16(truncatingIfNeeded: round * Self.batch + index), timestamp: 0, ssrc: SSRC(7))
                try header.write(into: buffer)
                guard case .protected(let length) = sender.protectRTP(buffer, length: 12 + size) else { continue }
                _ = sotto_udp_send(near.descriptor, buffer.baseAddress, length, &target)
            }
            note(threadTime() - begin)
            far.drain(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<2_048]))
        }
        outbound = Double(median(times)) / perGroup
    }
}
