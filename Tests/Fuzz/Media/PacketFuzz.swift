import Audio
import DTMF
public import FuzzKit
import RTP
import SottoBase

/// One datagram as it might come to a media port, and as it might come out of SRTP: told apart, then read as RTP, RTCP, event and audio.
public func fuzzDatagram(_ bytes: [UInt8]) -> FuzzFinding? {
    bytes.withUnsafeBytes { packet in
        fuzzKind(packet) ?? fuzzRTP(packet) ?? fuzzRTCP(packet, reducedSize: false) ?? fuzzRTCP(packet, reducedSize: true)
            ?? fuzzEvent(packet)
    }
}

private func fuzzKind(_ packet: UnsafeRawBufferPointer) -> FuzzFinding? {
    for multiplexed in [false, true] {
        switch DatagramKind.classify(packet, multiplexed: multiplexed) {
        case .rtp:
            guard packet.count >= RTPHeader.fixedSize, packet[0] >> 6 == 2 else { return FuzzFinding(property: "RTP has a header") }
            if multiplexed, PayloadType(packet[1]).collidesWithRTCP { return FuzzFinding(property: "RFC 5761: no RTP among 64–95") }
        case .rtcp: guard packet.count >= 8 else { return FuzzFinding(property: "RTCP has a header") }
        case .stun, .zrtp, .dtls, .turnChannel, .other: break
        }
    }
    return nil
}

private func fuzzRTP(_ packet: UnsafeRawBufferPointer) -> FuzzFinding? {
    guard let header = try? RTPHeader(parsing: packet) else { return nil }
    let payload = header.payload(of: packet)
    guard payload.count == header.payloadCount, header.payloadOffset + header.payloadCount <= packet.count,
        header.extensionOffset + header.extensionCount <= packet.count
    else { return FuzzFinding(property: "a payload lies within its packet") }
    guard RTPHeader.peekSSRC(packet) == header.ssrc, RTPHeader.peekSequence(packet) == header.sequence else {
        return FuzzFinding(property: "what is peeked is what is read")
    }
    let plain = RTPHeader(
        marker: header.marker, payloadType: header.payloadType, sequence: header.sequence, timestamp: header.timestamp, ssrc: header.ssrc)
    var written = [UInt8](repeating: 0, count: RTPHeader.fixedSize)
    let again = written.withUnsafeMutableBytes { target in
        _ = try? plain.write(into: target)
        return try? RTPHeader(parsing: UnsafeRawBufferPointer(target))
    }
    return again == plain ? nil : FuzzFinding(property: "a header written is read the same")
}

private func fuzzRTCP(_ packet: UnsafeRawBufferPointer, reducedSize: Bool) -> FuzzFinding? {
    guard var compound = try? RTCPCompound(packet, allowsReducedSize: reducedSize) else { return nil }
    var statistics = ReceptionStatistics(clockRate: 48_000)
    var count = 0
    while let part = compound.next() {
        count += 1
        guard count * 4 <= packet.count else { return FuzzFinding(property: "a compound ends") }
        switch part {
        case .senderReport(_, let sender, let blocks):
            statistics.senderReportReceived(sender.time, arrival: Instant(nanoseconds: 5))
            for index in 0..<blocks.count { statistics.reportReceived(blocks[index], now: sender.time) }
        case .receiverReport(let ssrc, let blocks):
            for index in 0..<blocks.count {
                statistics.reportReceived(blocks[index], now: NTPTime(bits: UInt64(blocks[index].lastSenderReport) << 20))
            }
            _ = blocks.block(about: ssrc)
        case .sourceDescription(_, let name):
            guard name.count <= 255 else { return FuzzFinding(property: "a CNAME has 255 bytes at most") }
            _ = name.reduce(0) { $0 ^ $1 }
        case .bye(let sources): for index in 0..<sources.count { _ = sources.contains(sources[index]) }
        case .other: break
        }
    }
    _ = statistics.makeReportBlock(for: SSRC(1), now: Instant(nanoseconds: .max))
    return nil
}

/// RFC 4733 §2.3.
private func fuzzEvent(_ payload: UnsafeRawBufferPointer) -> FuzzFinding? {
    guard let event = TelephoneEvent(parsing: payload) else { return nil }
    var written = [UInt8](repeating: 0, count: TelephoneEvent.size)
    let again = written.withUnsafeMutableBytes { target in
        _ = event.write(into: target)
        return TelephoneEvent(parsing: UnsafeRawBufferPointer(target))
    }
    if let key = Key(event: event.event), key.event != event.event { return FuzzFinding(property: "a key is its event") }
    return again == event ? nil : FuzzFinding(property: "an event written is read the same")
}

/// Payloads of one codec after another into decoders that live on: the first byte names the codec, then each payload has its length
/// before it (RFC 6716 §3.4 says what a malformed Opus packet is).
public func fuzzAudio(_ bytes: [UInt8]) -> FuzzFinding? {
    var chance = ByteChance(bytes)
    let codec = AudioCodec.allCases[chance.below(AudioCodec.allCases.count)]
    guard var decoder = try? FrameDecoder(codec: codec) else { return FuzzFinding(property: "a decoder can be made") }
    var noise = ComfortNoiseRenderer(seed: 1)
    var target = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
    var turns = 0
    while !chance.isSpent, turns < 64 {
        turns += 1
        let kind = chance.below(8)
        let payload = chance.take(chance.below(1_504))
        let finding = payload.withUnsafeBytes { raw -> FuzzFinding? in
            target.withUnsafeMutableBufferPointer { samples in
                let promised = codec.sampleCount(of: raw)
                switch kind {
                case 0: decoder.conceal(into: UnsafeMutableBufferPointer(rebasing: samples[..<(1 + turns * 29)]))
                case 1: _ = decoder.recover(from: raw, into: UnsafeMutableBufferPointer(rebasing: samples[..<320]))
                case 2:
                    _ = noise.update(raw)
                    noise.fill(UnsafeMutableBufferPointer(rebasing: samples[..<320]))
                default:
                    guard let written = decoder.decode(raw, into: samples) else { return nil }
                    guard written > 0, written <= FrameDecoder.maximumSamples, promised == written else {
                        return FuzzFinding(property: "a payload plays as long as it says")
                    }
                }
                return nil
            }
        }
        if let finding { return finding }
    }
    return nil
}
