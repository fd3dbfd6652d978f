import Testing

@testable import RTP

private func parse(_ bytes: [UInt8]) throws(RTPFault) -> RTPHeader {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: bytes)
    return try RTPHeader(parsing: UnsafeRawBufferPointer(buffer))
}

@Suite struct RTPHeaderTests {
    // RFC 3550 §5.1
    @Test func fixedHeaderIsRead() throws {
        let header = try parse(hex("80 8B 1234 89ABCDEF DEADBEEF 0102030405"))
        #expect(header.marker)
        #expect(header.payloadType == PayloadType(11))
        #expect(header.sequence == 0x1234)
        #expect(header.timestamp == 0x89AB_CDEF)
        #expect(header.ssrc == SSRC(0xDEAD_BEEF))
        #expect(header.payloadOffset == 12)
        #expect(header.payloadCount == 5)
    }

    @Test func contributorsExtensionAndPaddingAreSkipped() throws {
        // two contributors; extension 0xBEDE of one word; payload AA BB; padding 00 00 03
        let header = try parse(hex("B2 00 0001 00000002 00000003 11111111 22222222 BEDE 0001 10FF0000 AABB 000003"))
        #expect(header.contributorCount == 2)
        #expect(header.extensionProfile == 0xBEDE)
        #expect(header.extensionOffset == 24)
        #expect(header.extensionCount == 4)
        #expect(header.payloadOffset == 28)
        #expect(header.payloadCount == 2)
    }

    @Test(arguments: [
        ("", RTPFault.truncated),
        ("80 00 0001 00000002 000000", .truncated),
        ("40 00 0001 00000002 00000003", .wrongVersion),
        ("C0 00 0001 00000002 00000003", .wrongVersion),
        ("81 00 0001 00000002 00000003 000000", .truncated),
        ("90 00 0001 00000002 00000003 BEDE", .truncated),
        ("90 00 0001 00000002 00000003 BEDE 0002 00000000", .truncated),
        ("A0 00 0001 00000002 00000003", .badPadding),
        ("A0 00 0001 00000002 00000003 0000", .badPadding),
        ("A0 00 0001 00000002 00000003 0003", .badPadding),
    ])
    func malformedHeaderIsRefused(bytes: String, fault: RTPFault) {
        #expect(throws: fault) { try parse(hex(bytes)) }
    }

    @Test func paddingMayFillThePayload() throws {
        #expect(try parse(hex("A0 00 0001 00000002 00000003 0002")).payloadCount == 0)
    }

    @Test func writtenHeaderIsReadBack() throws {
        let header = RTPHeader(marker: true, payloadType: PayloadType(111), sequence: 65_535, timestamp: .max, ssrc: SSRC(1))
        let read = try withMemory(12) { target in
            try header.write(into: target)
            return try RTPHeader(parsing: UnsafeRawBufferPointer(target))
        }
        #expect(read == header)
        #expect(throws: RTPFault.noRoom) { try withMemory(11) { try header.write(into: $0) } }
    }

    @Test func protectedPacketShowsItsSource() {
        let bytes = hex("A0 00 0007 00000002 00000003 FF")  // the padding count is still encrypted
        bytes.withUnsafeBytes {
            #expect(RTPHeader.peekSSRC($0) == SSRC(3))
            #expect(RTPHeader.peekSequence($0) == 7)
            #expect(RTPHeader.peekSSRC(UnsafeRawBufferPointer(rebasing: $0[0..<11])) == nil)
        }
    }

    @Test func senderNumbersItsPackets() {
        var sender = RTPSender(ssrc: SSRC(9), sequence: 0xFFFF, timestamp: 0xFFFF_FFF0)
        // RFC 3711 §3.3.1: the first number is below 2^15
        let first = sender.next(payloadType: PayloadType(0), marker: true, payloadCount: 160, ticks: 160)
        #expect(first.sequence == 0x7FFF)
        #expect(first.timestamp == 0xFFFF_FFF0)
        sender.skip(ticks: 320)
        let second = sender.next(payloadType: PayloadType(0), marker: false, payloadCount: 160, ticks: 160)
        #expect(second.sequence == 0x8000)
        #expect(second.timestamp == 464)
        #expect(sender.packetCount == 2)
        #expect(sender.octetCount == 320)
    }
}

@Suite struct DatagramKindTests {
    private func kind(_ first: UInt8, _ second: UInt8, multiplexed: Bool = true, count: Int = 20) -> DatagramKind {
        var bytes = [UInt8](repeating: 0, count: count)
        if count > 0 { bytes[0] = first }
        if count > 1 { bytes[1] = second }
        return bytes.withUnsafeBytes { DatagramKind.classify($0, multiplexed: multiplexed) }
    }

    // RFC 7983 §7
    @Test func firstByteTellsTheProtocol() {
        let ranges: [(ClosedRange<UInt8>, DatagramKind)] = [
            (0...3, .stun), (4...15, .other), (16...19, .zrtp), (20...63, .dtls), (64...79, .turnChannel), (80...127, .other),
            (128...191, .rtp), (192...255, .other),
        ]
        for (range, expected) in ranges {
            for byte in range { #expect(kind(byte, 0) == expected, "first byte \(byte)") }
        }
    }

    // RFC 5761 §4: 192 to 223 are RTCP, and payload types 64 to 95 must not be used
    @Test func sharedPortTellsRTCPByItsType() {
        for byte in UInt8.min...UInt8.max {
            let expected: DatagramKind =
                switch byte {
                case 192...223: .rtcp
                case 64...95: .other
                default: .rtp
                }
            #expect(kind(0x80, byte) == expected, "second byte \(byte)")
        }
        #expect(PayloadType(64).collidesWithRTCP && PayloadType(95).collidesWithRTCP)
        #expect(!PayloadType(63).collidesWithRTCP && !PayloadType(96).collidesWithRTCP)
    }

    @Test func ownPortAllowsThoseTypes() {
        #expect(kind(0x80, 64, multiplexed: false) == .rtp)
        #expect(kind(0x80, 192, multiplexed: false) == .rtp)
        #expect(kind(0x80, 200, multiplexed: false) == .rtcp)
    }

    @Test func shortDatagramsAreNothing() {
        #expect(kind(0x80, 0, count: 0) == .other)
        #expect(kind(0x80, 0, count: 1) == .other)
        #expect(kind(0x80, 0, count: 11) == .other)
        #expect(kind(0x80, 200, count: 7) == .other)
    }
}
