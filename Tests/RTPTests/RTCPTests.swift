import SottoBase
import Testing

@testable import RTP

private let name = CanonicalName(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B)

private func write(_ report: RTCPReport) throws -> [UInt8] {
    try withMemory(RTCPReport.maximumSize) { target in
        let size = try report.write(into: target)
        return Array(target[0..<size])
    }
}

private func fault(_ bytes: [UInt8], reduced: Bool = false) -> RTCPFault? {
    bytes.withUnsafeBytes { buffer in
        do throws(RTCPFault) {
            _ = try RTCPCompound(buffer, allowsReducedSize: reduced)
            return nil
        } catch {
            return error
        }
    }
}

private let receiverReport = "80 C9 0001 00000001"

@Suite struct RTCPTests {
    private let block = ReportBlock(
        ssrc: SSRC(0x0A0B_0C0D), fractionLost: 64, cumulativeLost: -2, highestSequence: 0x0001_FFFE, jitter: 17,
        lastSenderReport: 0x1111_2222, delaySinceLastSenderReport: 0x3333)

    // RFC 3550 §6.4.1, §6.5, §6.6
    @Test func senderReportIsReadBack() throws {
        let sender = SenderInformation(time: NTPTime(bits: 0xAAAA_BBBB_CCCC_DDDD), timestamp: 160, packetCount: 3, octetCount: 480)
        let bytes = try write(RTCPReport(ssrc: SSRC(7), canonicalName: name, sender: sender, block: block, saysBye: true))
        #expect(bytes.count == RTCPReport.maximumSize)
        try bytes.withUnsafeBytes { buffer in
            var compound = try RTCPCompound(buffer)
            guard case .senderReport(let ssrc, let read, let blocks) = compound.next() else {
                Issue.record("no sender report")
                return
            }
            #expect(ssrc == SSRC(7))
            #expect(read == sender)
            #expect(blocks.count == 1)
            #expect(blocks[0] == block)
            #expect(blocks.block(about: SSRC(0x0A0B_0C0D)) == block)
            #expect(blocks.block(about: SSRC(1)) == nil)
            guard case .sourceDescription(SSRC(7), let text) = compound.next() else {
                Issue.record("no source description")
                return
            }
            // RFC 4648 §4 of 00 01 … 0B
            #expect(String(decoding: text, as: UTF8.self) == "AAECAwQFBgcICQoL")
            guard case .bye(let sources) = compound.next() else {
                Issue.record("no BYE")
                return
            }
            #expect(sources.count == 1 && sources[0] == SSRC(7) && sources.contains(SSRC(7)))
            #expect(compound.next() == nil)
        }
    }

    @Test func emptyReceiverReportIsWritten() throws {
        let bytes = try write(RTCPReport(ssrc: SSRC(1), canonicalName: name, sender: nil, block: nil))
        #expect(bytes.starts(with: hex("80 C9 0001 00000001 81 CA 0006 00000001 01 10")))
        #expect(bytes.count == 36)
    }

    @Test func reportNeedsRoom() {
        let report = RTCPReport(ssrc: SSRC(1), canonicalName: name, sender: nil, block: nil)
        #expect(throws: RTCPFault.noRoom) {
            try withMemory(RTCPReport.maximumSize - 1) { try report.write(into: $0) }
        }
    }

    @Test func unknownTypesAreSkipped() throws {
        try hex(receiverReport + "80 CE 0002 00000001 00000002" + "80 CF 0001 00000001").withUnsafeBytes { buffer in
            var compound = try RTCPCompound(buffer)
            _ = compound.next()
            guard case .other(206) = compound.next(), case .other(207) = compound.next() else {
                Issue.record("feedback and extended reports are other packets")
                return
            }
            #expect(compound.next() == nil)
        }
    }

    // RFC 3550 §A.2
    @Test(arguments: [
        ("80 C9", RTCPFault.truncated),
        ("40 C9 0001 00000001", .wrongVersion),
        ("80 CB 0001 00000001", .noReportFirst),
        ("A0 C9 0001 00000001", .noReportFirst),
        ("80 C9 0002 00000001", .lengthMismatch),
        ("80 C9 0001 00000001 80", .lengthMismatch),
        ("80 C9 0001 00000001 00 CA 0000", .wrongVersion),
        ("81 C9 0001 00000001", .badCount),
        ("80 C8 0001 00000001", .badCount),
        ("80 C9 0000", .badCount),
        ("80 C9 0001 00000001 82 CB 0001 00000001", .badCount),
        ("80 C9 0001 00000001 81 CA 0000", .badCount),
        ("80 C9 0001 00000001 A0 CB 0001 00000001 80 CB 0000", .badPadding),
        ("80 C9 0001 00000001 A0 CC 0001 00000000", .badPadding),
        ("80 C9 0001 00000001 A0 CC 0001 00000003", .badPadding),
        ("80 C9 0001 00000001 A0 CC 0001 00000008", .badPadding),
    ])
    func malformedCompoundIsRefused(bytes: String, expected: RTCPFault) {
        #expect(fault(hex(bytes)) == expected)
    }

    @Test func lastPacketMayBePadded() {
        #expect(fault(hex(receiverReport + "A1 CB 0002 00000001 00000004")) == nil)
    }

    // RFC 5506 §3.4.2
    @Test func reducedSizeNeedsAgreement() {
        #expect(fault(hex("80 CE 0002 00000001 00000002"), reduced: true) == nil)
        #expect(fault(hex("80 CE 0002 00000001 00000002")) == .noReportFirst)
    }

    @Test func canonicalNameBehindOtherItemsIsFound() throws {
        // NAME "ab", then CNAME "x", then the end
        try hex(receiverReport + "81 CA 0003 00000009 02 02 6162 01 01 78 00").withUnsafeBytes { buffer in
            var compound = try RTCPCompound(buffer)
            _ = compound.next()
            guard case .sourceDescription(SSRC(9), let text) = compound.next() else {
                Issue.record("no source description")
                return
            }
            #expect(Array(text) == [0x78])
        }
    }

    @Test func itemBeyondItsPacketIsIgnored() throws {
        try hex(receiverReport + "81 CA 0002 00000009 01 FF 7878").withUnsafeBytes { buffer in
            var compound = try RTCPCompound(buffer)
            _ = compound.next()
            guard case .sourceDescription(_, let text) = compound.next() else {
                Issue.record("no source description")
                return
            }
            #expect(text.isEmpty)
        }
    }

    // RFC 3550 §4
    @Test func ntpTimeCountsFrom1900() {
        #expect(NTPTime(WallTime(milliseconds: 0)) == NTPTime(bits: 2_208_988_800 << 32))
        let half = NTPTime(WallTime(milliseconds: 1_500))
        #expect(half == NTPTime(bits: 2_208_988_801 << 32 | 0x8000_0000))
        #expect(half.middle == UInt32(truncatingIfNeeded: (2_208_988_801 & 0xFFFF) << 16 | 0x8000))
    }
}
