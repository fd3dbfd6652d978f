import Foundation
import Synchronization

/// What a soak saw.
final class SoakRecord: @unchecked Sendable {  // proof: counts lie in a mutex; the rest is the run's own task's
    struct Sample {
        let minute: Double
        /// kB
        let memory: Int
        let descriptors: Int
        /// Calls that had ended.
        let ended: Int
    }

    private struct Counts {
        var begun = 0
        var ended = 0
        var holds = 0
        var reinvites = 0
        var rekeys = 0
        var judged = 0
        var right = 0
        var packets = 0
        var failures: [String] = []
        var failed = 0
    }

    let minutes: Int
    private let counts = Mutex(Counts())
    private(set) var samples: [Sample] = []
    private var reloads = 0
    var gaugesBefore: [String: Int] = [:]
    var gaugesAfter: [String: Int] = [:]
    var descriptorsBefore = 0
    var descriptorsAfter = 0
    var memoryAfter = 0

    init(minutes: Int) { self.minutes = minutes }

    func began() { counts.withLock { $0.begun += 1 } }
    func ended() { counts.withLock { $0.ended += 1 } }
    func held() { counts.withLock { $0.holds += 1 } }
    func reinvited() { counts.withLock { $0.reinvites += 1 } }
    func rekeyed() { counts.withLock { $0.rekeys += 1 } }
    func reloaded() { reloads += 1 }
    func sample(_ sample: Sample) { samples.append(sample) }

    func heard(_ heard: SoakCaller.Heard) {
        counts.withLock {
            $0.judged += heard.judged
            $0.right += heard.right
            $0.packets += heard.received
        }
    }

    func fail(_ what: String) {
        counts.withLock {
            $0.failed += 1
            if $0.failures.count < 50 { $0.failures.append(what) }
        }
        say("FAILED: \(what)")
    }

    var calls: Int { counts.withLock { $0.ended } }
    var failures: [String] { counts.withLock { $0.failures } }

    // MARK: - Judgement

    /// A measure of time, and a cache whose size is bounded.
    private static let notCounted: Set = ["media-worst-lateness-us", "keys-cached", "sip-ladder-bytes"]

    /// Gauges that are not what they were before the first call.
    private var leftovers: [String] {
        gaugesAfter.keys.sorted().filter { !Self.notCounted.contains($0) }.compactMap { name in
            let (before, after) = (gaugesBefore[name] ?? 0, gaugesAfter[name] ?? 0)
            return after > before + allowance(name) ? "\(name) \(before) → \(after)" : nil
        }
    }

    private func allowance(_ name: String) -> Int {
        switch name {
        // The one address that called is forgotten at the next arrival.
        case "admission-sources": 1
        // Keys in their cache.
        case "secret-bytes": 64 * max(0, (gaugesAfter["keys-cached"] ?? 0) - (gaugesBefore["keys-cached"] ?? 0))
        default: 0
        }
    }

    /// A file of the log or the index may be open besides.
    private static let descriptorAllowance = 4
    var isAtRest: Bool { leftovers.isEmpty && descriptorsAfter <= descriptorsBefore + Self.descriptorAllowance }

    /// Memory after the warm-up, at the end, and by how much it grew for a call (kB): medians of the second and the last fifth.
    private var growth: (early: Double, late: Double, perCall: Double) {
        let fifth = max(1, samples.count / 5)
        guard samples.count >= 5 else { return (0, 0, 0) }
        func median(_ part: ArraySlice<Sample>) -> (memory: Double, ended: Double) {
            let memory = part.map(\.memory).sorted()
            return (Double(memory[memory.count / 2]), Double(part.reduce(0) { $0 + $1.ended }) / Double(part.count))
        }
        let early = median(samples[fifth..<(2 * fifth)])
        let late = median(samples.suffix(fifth))
        return (early.memory, late.memory, (late.memory - early.memory) / max(1, late.ended - early.ended))
    }

    func judge() {
        if !leftovers.isEmpty { fail("gauges that did not return: \(leftovers.joined(separator: ", "))") }
        if descriptorsAfter > descriptorsBefore + Self.descriptorAllowance {
            fail("file descriptors: \(descriptorsBefore) before, \(descriptorsAfter) after")
        }
        let (early, late, perCall) = growth
        if late > early * 1.05 + 4_096 {
            fail(String(format: "memory grew from %.0f to %.0f kB, %.1f kB a call", early, late, perCall))
        }
        let fifth = max(1, samples.count / 5)
        let descriptors = (
            samples.dropFirst(fifth).prefix(fifth).map(\.descriptors).max() ?? 0, samples.suffix(fifth).map(\.descriptors).max() ?? 0
        )
        if descriptors.1 > descriptors.0 + 16 { fail("file descriptors under load: \(descriptors.0), then \(descriptors.1)") }
    }

    var progress: String {
        let last = samples.last
        return counts.withLock { counts in
            String(
                format: "%5.1f min: %d calls ended, %d packets heard, %d kB, %d descriptors, %d failures", last?.minute ?? 0, counts.ended,
                counts.packets, last?.memory ?? 0, last?.descriptors ?? 0, counts.failed)
        }
    }

    var summary: String {
        let (early, late, perCall) = growth
        return counts.withLock { counts in
            """

            \(minutes) minutes: \(counts.ended) calls (bridged, echoed, with the agent), \(counts.holds) holds, \(counts.reinvites) re-INVITEs with the same key, \
            \(counts.rekeys) with a new one, \(reloads) reloads
            packets heard \(counts.packets); frames with the right tone \(counts.right) of \(counts.judged)
            memory \(Int(early)) kB after the warm-up, \(Int(late)) kB at the end (\(String(format: "%.2f", perCall)) kB a call), \(memoryAfter) kB at rest
            file descriptors \(descriptorsBefore) before the first call, \(descriptorsAfter) after the last
            gauges \(leftovers.isEmpty ? "as before the first call" : "NOT as before: \(leftovers.joined(separator: ", "))")
            \(counts.failed == 0 ? "nothing grew, nothing was lost" : "\(counts.failed) FAILURES:\n" + counts.failures.joined(separator: "\n"))
            """
        }
    }

    var json: String {
        let (early, late, perCall) = growth
        return counts.withLock { counts in
            """
            {"minutes": \(minutes), "calls": \(counts.ended), "holds": \(counts.holds), "reinvites": \(counts.reinvites), "rekeys": \(counts.rekeys), \
            "reloads": \(reloads), "packets": \(counts.packets), "frames_judged": \(counts.judged), "frames_right": \(counts.right), \
            "memory_early_kb": \(Int(early)), "memory_late_kb": \(Int(late)), "memory_rest_kb": \(memoryAfter), \
            "growth_kb_per_call": \(String(format: "%.3f", perCall)), "descriptors_before": \(descriptorsBefore), \
            "descriptors_after": \(descriptorsAfter), "failures": \(counts.failed)}
            """
        }
    }
}
