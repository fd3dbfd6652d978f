import Audio
import CAllocationCounter
import Foundation
import MediaPlane
import SRTP
import SottoBase

/// Nothing may be allocated per packet. This program's malloc stands before glibc's; while the media plane turns, every request counts for
/// the shared object that made it. What libsrtp2 and its ciphers ask for is counted apart: it is not ours to mend.
enum AllocationCheck {
    private static let foreign = "libsrtp2 libnss3 libnssutil3 libnspr4 libplc4 libplds4 libfreebl libsoftokn libopus libsqlite3"
    private static let packets = 10_000
    private static let kinds = [SOTTO_MALLOC, SOTTO_CALLOC, SOTTO_REALLOC, SOTTO_ALIGNED, SOTTO_MAP]

    static func run(limits path: String) throws -> (rows: [String], isGood: Bool) {
        let limits = try read(path)
        sotto_allocations_scan(foreign)
        try proveItself()
        print("Memory asked for while \(packets) packets pass, with loss, reordering, copies, forgeries, DTX and DTMF (malloc, calloc, realloc, aligned, mmap)\n")
        print("suite                    codec  packets  digits    ours  limit  libraries per packet  limit")
        var rows: [String] = []
        var isGood = true
        for profile in SRTPProfile.allCases {
            // Suite and codec know nothing of each other: one codec with every suite, and every codec with one suite.
            for codec in BenchmarkMedia.codecs where codec == .pcmu || profile == .aeadAES256GCM {
                let result = try count(profile, codec)
                let perPacket = Double(result.foreign) / Double(result.packets)
                let ours = limits["ours"] ?? 0
                let theirs = limits[profile.wireName] ?? 0
                let passes = Double(result.ours) <= ours && perPacket <= theirs
                isGood = isGood && passes
                print(
                    pad(profile.wireName, 24), pad("\(codec)", 5), number(Double(result.packets), 8, 0), number(Double(result.digits), 7, 0),
                    number(Double(result.ours), 7, 0), number(ours, 6, 0), number(perPacket, 21), number(theirs, 6, 0), passes ? "" : "  TOO MANY")
                if !passes {
                    for line in result.details { print("    \(line)") }
                    sotto_allocations_print_traces()
                }
                rows.append(
                    """
                    {"suite": "\(profile.wireName)", "codec": "\(codec)", "packets": \(result.packets), "digits": \(result.digits), \
                    "ours": \(result.ours), "ours_limit": \(Int(ours)), "libraries_per_packet": \(number(perPacket)), \
                    "libraries_limit": \(number(theirs))}
                    """)
            }
        }
        return (rows, isGood)
    }

    private struct Result {
        var packets = 0
        var digits = 0
        var ours = 0
        var foreign = 0
        var details: [String] = []
    }

    private static func count(_ profile: SRTPProfile, _ codec: AudioCodec) throws -> Result {
        let warm = 250
        let script = try PacketScript(.hard, profile: profile, codec: codec, slots: packets + packets / 5 + warm)
        var last = warm
        var counted = 0
        while counted < packets, last < script.slots.count {
            counted += script.slots[last].count
            last += 1
        }
        guard counted >= packets else { throw BenchmarkFault(description: "the script has too few packets") }
        let rig = try MediaRig(.init(sessions: 1, profile: profile, codec: codec, isRecorded: true, turnMilliseconds: 5))
        // The first packets make what lives as long as the session.
        rig.play(script.slots[..<warm])
        sotto_allocations_scan(foreign)
        sotto_allocations_reset()
        let digitsBefore = rig.digits
        rig.play(script.slots[warm..<last]) { turn in
            sotto_allocations_count(1)
            turn()
            sotto_allocations_count(0)
        }
        var result = Result(packets: counted, digits: rig.digits - digitsBefore)
        (result.ours, result.foreign, result.details) = sums()
        let refused = rig.refusedFrames
        rig.close()
        // A check that measured nothing would pass.
        let final = rig.final
        guard rig.unexpected.isEmpty, refused == 0, result.digits >= 35, rig.promptsPlayed > 90, final.framesConcealed > 300,
            final.framesCut > 200, final.replayed > 200, final.unauthenticated > 200, final.packetsReceived > UInt64(packets * 8 / 10)
        else {
            throw BenchmarkFault(
                description: "the packets did not do what they should: \(rig.unexpected) \(refused) \(result.digits) \(rig.promptsPlayed) \(final)")
        }
        return result
    }

    private static func sums() -> (ours: Int, foreign: Int, details: [String]) {
        var ours = 0
        var foreign = 0
        var details: [String] = []
        for object in 0..<sotto_allocations_objects() {
            let count = kinds.reduce(0) { sum, kind in sum + Int(sotto_allocations_of(object, Int32(kind))) }
            let freed = Int(sotto_allocations_of(object, Int32(SOTTO_FREE)))
            guard count + freed > 0 else { continue }
            let isForeign = sotto_allocations_is_foreign(object) != 0
            if isForeign { foreign += count } else { ours += count }
            details.append("\(String(cString: sotto_allocations_name(object))): \(count) asked for, \(freed) freed\(isForeign ? " (a library's own)" : "")")
        }
        return (ours, foreign, details)
    }

    /// The counter sees Swift's allocations and the libraries', and tells them apart.
    private static func proveItself() throws {
        let profile = SRTPProfile.aeadAES128GCM
        let script = try PacketScript(.clean, profile: profile, codec: .pcmu, slots: 1)
        guard var packet = script.slots.first?.first else { throw BenchmarkFault(description: "the script is empty") }
        sotto_allocations_scan(foreign)
        sotto_allocations_reset()
        sotto_allocations_count(1)
        let array = [UInt8](repeating: 1, count: packet.count)
        sotto_allocations_count(0)
        let seen = sums()
        guard array.count == packet.count, seen.ours == 1, seen.foreign == 0 else {
            throw BenchmarkFault(description: "one array should count as one of ours: \(seen)")
        }
        var receiver = try SRTPReceiver(profile: profile, key: profile.key(PacketScript.peerKey))
        sotto_allocations_reset()
        packet.withUnsafeMutableBytes { bytes in
            sotto_allocations_count(1)
            _ = receiver.unprotectRTP(bytes)
            sotto_allocations_count(0)
        }
        let library = sums()
        // It learns a source from its first packet: libsrtp2 allocates then, whatever it was built with.
        guard library.foreign > 0, library.ours == 0 else {
            throw BenchmarkFault(description: "a library's allocations should count as its own: \(library)")
        }
        sotto_allocations_reset()
    }

    /// `name number` a line; # begins a comment.
    private static func read(_ path: String) throws -> [String: Double] {
        var limits: [String: Double] = [:]
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            guard words.count == 2, let value = Double(words[1]) else { throw BenchmarkFault(description: "\(path): '\(line)'") }
            limits[String(words[0])] = value
        }
        return limits
    }
}
