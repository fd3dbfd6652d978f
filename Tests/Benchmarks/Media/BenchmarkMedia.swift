import Audio
import Foundation
import MediaPlane
import SRTP

// The media plane's CPU per packet, or what it allocates: the same code as in the daemon, on virtual time, over real sockets.
//
//     benchmark-media [--json FILE] [--sessions N] [--seconds N] [--rows N] [--only bridges]
//     benchmark-media --allocations LIMITS [--json FILE]
@main
struct BenchmarkMedia {
    static func main() {
        do {
            guard try run() else { exit(1) }
        } catch {
            FileHandle.standardError.write(Data("benchmark-media: \(error)\n".utf8))
            exit(2)
        }
    }

    private static func run() throws -> Bool {
        var json: String?
        var limits: String?
        var sessions = 100
        var seconds = 6
        var most = Int.max
        var skipsCalls = false
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            guard let value = arguments.popFirst() else { throw BenchmarkFault(description: "\(argument) needs a value") }
            switch argument {
            case "--json": json = value
            case "--allocations": limits = value
            case "--sessions": sessions = max(20, Int(value) ?? sessions)
            case "--rows": most = max(1, Int(value) ?? most)
            case "--only": skipsCalls = value == "bridges"
            case "--seconds": seconds = max(6, Int(value) ?? seconds)
            default: throw BenchmarkFault(description: "unknown argument \(argument)")
            }
        }
        let rows: [String]
        var isGood = true
        if let limits {
            (rows, isGood) = try AllocationCheck.run(limits: limits)
        } else {
            rows = try (skipsCalls ? [] : measure(sessions: sessions, seconds: seconds, most: most)) + measureBridges(sessions: sessions, seconds: seconds, most: most)
        }
        if let json { try ("[\n" + rows.joined(separator: ",\n") + "\n]\n").write(toFile: json, atomically: true, encoding: .utf8) }
        return isGood
    }

    static let codecs: [AudioCodec] = [.pcmu, .pcma, .opus]

    // MARK: - Time

    /// Calls on one core that the design wants: at least, and as a goal (both directions, without recording).
    static func wanted(_ codec: AudioCodec) -> (floor: Double, goal: Double) { codec == .opus ? (60, 120) : (500, 1_000) }

    static func measure(sessions: Int, seconds: Int, most: Int) throws -> [String] {
        print("Media, CPU µs per packet: \(sessions) sessions on one thread, a turn each virtual millisecond, loopback sockets.")
        print("in: recvfrom, unprotect, jitter buffer, decode, guard, ring. both: and a spoken packet out. rec: and recorded.")
        print("bare: the kernel's, libsrtp2's and the codec's part of the same. calls/core: by media alone; floor and goal: the design's.\n")
        print("suite                    codec      in  bare     ×    both   bare     ×     rec  calls/core  floor  goal")
        var rows: [String] = []
        for profile in SRTPProfile.allCases {
            for codec in codecs where rows.count < most {
                let script = try PacketScript(.clean, profile: profile, codec: codec, slots: 50 + seconds * 50)
                let bare = try BareWork(profile: profile, codec: codec, script: script)
                let inbound = try timePerPacket(
                    .init(sessions: sessions, profile: profile, codec: codec, direction: .receiveOnly, speaks: false), script)
                let both = try timePerPacket(.init(sessions: sessions, profile: profile, codec: codec), script)
                let recorded = try timePerPacket(.init(sessions: sessions, profile: profile, codec: codec, isRecorded: true), script)
                let bareBoth = bare.inbound + bare.outbound
                let calls = 1e6 / 50 / both
                let (floor, goal) = wanted(codec)
                print(
                    pad(profile.wireName, 24), pad("\(codec)", 5), number(inbound, 7), number(bare.inbound, 5), number(inbound / bare.inbound, 5),
                    number(both, 7), number(bareBoth, 6), number(both / bareBoth, 5), number(recorded, 7), number(calls, 11, 0),
                    number(floor, 6, 0), number(goal, 5, 0))
                rows.append(
                    """
                    {"suite": "\(profile.wireName)", "codec": "\(codec)", "in_us": \(number(inbound)), "bare_in_us": \(number(bare.inbound)), \
                    "in_ratio": \(number(inbound / bare.inbound)), "both_us": \(number(both)), "bare_both_us": \(number(bareBoth)), \
                    "both_ratio": \(number(both / bareBoth)), "recorded_us": \(number(recorded)), "calls_per_core": \(number(calls)), \
                    "floor_calls_per_core": \(number(floor)), "goal_calls_per_core": \(number(goal))}
                    """)
            }
        }
        return rows
    }

    /// Two legs of a bridge, with another suite on each: a packet comes in on one and leaves on the other.
    static func measureBridges(sessions: Int, seconds: Int, most: Int) throws -> [String] {
        print("\nBridge, PCMU 20 ms, CPU µs per packet passed (recvfrom, unprotect, protect, sendto); bare: the kernel's and libsrtp2's part.\n")
        print("suite in                 suite out                passed   bare      ×")
        var rows: [String] = []
        for (near, far) in [
            (SRTPProfile.aes128CMSHA1_80, SRTPProfile.aeadAES256GCM), (.aeadAES256GCM, .aes128CMSHA1_80), (.aeadAES256GCM, .aeadAES128GCM),
        ] where rows.count < most {
            let script = try PacketScript(.clean, profile: near, codec: .pcmu, slots: 50 + seconds * 50)
            let bare = try BareWork.passing(from: near, to: far, script: script)
            let passed = try timePerPacket(
                .init(sessions: sessions, profile: near, codec: .pcmu, direction: .receiveOnly, speaks: false, bridgedTo: far), script)
            print(pad(near.wireName, 24), pad(far.wireName, 24), number(passed, 6), number(bare, 6), number(passed / bare, 6))
            rows.append(
                """
                {"bridge_in": "\(near.wireName)", "bridge_out": "\(far.wireName)", "passed_us": \(number(passed)), "bare_us": \(number(bare))}
                """)
        }
        return rows
    }

    private static func timePerPacket(_ shape: MediaRig.Shape, _ script: PacketScript) throws -> Double {
        let rig = try MediaRig(shape)
        let warm = 50
        rig.play(script.slots[..<warm])
        var times: [Int64] = []
        for start in stride(from: warm, to: script.slots.count, by: 25) {
            rig.forgetTime()
            rig.play(script.slots[start..<min(start + 25, script.slots.count)])
            times.append(rig.time)
        }
        rig.close()
        guard rig.unexpected.isEmpty, rig.final.packetsReceived == UInt64(script.count * shape.sessions) else {
            throw BenchmarkFault(
                description: "\(rig.final.packetsReceived) of \(script.count * shape.sessions) packets arrived \(rig.unexpected)")
        }
        return Double(median(times)) / Double(25 * shape.sessions) / 1_000
    }
}

/// Of many short runs, so that other work on the machine counts little.
func median(_ times: [Int64]) -> Int64 { times.isEmpty ? 0 : times.sorted()[times.count / 2] }

func pad(_ text: String, _ width: Int) -> String { text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0) }

func number(_ value: Double, _ width: Int = 0, _ decimals: Int = 2) -> String {
    let text = String(format: "%.\(decimals)f", value)
    return String(repeating: " ", count: max(0, width - text.count)) + text
}
