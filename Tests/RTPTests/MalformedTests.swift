import Testing

@testable import RTP

/// Mutated packets: whatever comes, offsets stay inside the datagram and nothing traps.
@Suite struct MalformedTests {
    private func mutate(_ seed: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !bytes.isEmpty:
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            case 1 where !bytes.isEmpty:
                bytes[Int.random(in: 0..<min(4, bytes.count), using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            default: bytes.append(UInt8.random(in: 0...255, using: &random))
            }
        }
        return bytes
    }

    @Test func mutatedRTPStaysInBounds() {
        let seeds = [
            hex("80 00 0001 00000002 00000003 0102030405"),
            hex("B2 00 0001 00000002 00000003 11111111 22222222 BEDE 0001 10FF0000 AABB 000003"),
        ]
        var random = SeededRandom(seed: 0x5077)
        var accepted = 0
        for round in 0..<20_000 {
            let bytes = mutate(seeds[round % seeds.count], &random)
            bytes.withUnsafeBytes { buffer in
                _ = DatagramKind.classify(buffer, multiplexed: round % 2 == 0)
                guard let header = try? RTPHeader(parsing: buffer) else { return }
                accepted += 1
                #expect(header.payloadOffset >= 12 && header.payloadOffset + header.payloadCount <= buffer.count)
                #expect(header.extensionOffset + header.extensionCount <= buffer.count)
                #expect(header.payload(of: buffer).count == header.payloadCount)
            }
        }
        #expect(accepted > 1_000)
    }

    @Test func mutatedRTCPStaysInBounds() {
        let seeds = [
            hex("81 C8 000C 00000001 AAAAAAAABBBBBBBB 00000001 00000002 00000003 00000009 40FFFFFE 00000001 00000002 00000003 00000004")
                + hex("81 CA 0003 00000009 02 02 6162 01 01 78 00") + hex("A1 CB 0002 00000001 00000004"),
            hex("80 C9 0001 00000001 81 CA 0002 00000001 01 01 78 00 80 CC 0001 00000001"),
        ]
        var random = SeededRandom(seed: 0x5078)
        var packets = 0
        for round in 0..<20_000 {
            let bytes = mutate(seeds[round % seeds.count], &random)
            bytes.withUnsafeBytes { buffer in
                guard var compound = try? RTCPCompound(buffer, allowsReducedSize: round % 2 == 0) else { return }
                while let packet = compound.next() {
                    packets += 1
                    switch packet {
                    case .senderReport(_, _, let blocks), .receiverReport(_, let blocks):
                        for index in 0..<blocks.count { _ = blocks[index] }
                    case .bye(let sources): for index in 0..<sources.count { _ = sources[index] }
                    case .sourceDescription(_, let text): #expect(text.count <= buffer.count)
                    case .other: break
                    }
                }
            }
        }
        #expect(packets > 1_000)
    }
}
