import Foundation
import SRTP
import SottoTestPeer

/// What a run of many calls showed.
struct LoadReport {
    let calls: Int
    let seconds: Int
    let suite: String
    let codec: String
    let target: String
    let line: String
    let core: Int?
    let niceness: Int
    let setups: Int

    /// CPU seconds of the daemon for one call set up and ended, TLS kept alive, with its call record and audit entry.
    var setupCPU = 0.0
    var setupSeconds = 0.0
    /// How long the daemon's memory moved after the last of them had ended.
    var settleSeconds = 0.0
    /// Shares of a core.
    var cpu = 0.0
    var cpuByThread: [String: Double] = [:]
    var othersOnCore = 0.0
    /// kB
    var memoryPerCall = 0.0
    var memoryLeft = 0

    private var sent = 0
    private var reportedLost: Int?
    private var reportsMissing = 0
    private var reportedJitter = 0.0
    private var received = 0
    private var lost = 0
    private var skipped = 0
    private var foreign = 0
    private var lateness: [Int32] = []
    private var ownLateness: [Int32] = []

    private var withheld = 0
    private var judged = 0
    private var right = 0
    /// Calls in which less than 95 of 100 frames held the tone that belongs there; what was lost on purpose is allowed for.
    private var wrongCalls = 0

    init(_ options: CallsRun.Options) {
        calls = options.calls
        seconds = options.seconds
        suite = options.shape.profile.wireName
        codec = "\(options.shape.codec)"
        target = options.target.rawValue
        let impairment = options.impairment
        line = "loss \(Int(impairment.loss * 100)) %, delay \(impairment.delay) ms, jitter \(impairment.jitter) ms"
        core = options.setup.core
        niceness = options.setup.niceness
        setups = options.setups
    }

    mutating func take(_ calls: [CallMedia]) {
        for call in calls {
            sent += call.sent
            withheld += call.withheld
            received += call.received
            lost += call.lost
            skipped += call.skipped
            foreign += call.foreign
            judged += call.judged
            right += call.right
            if call.expected == nil, call.judged > 0, Double(call.right) < Double(call.judged) * (0.95 - 2 * call.impairment.loss) {
                wrongCalls += 1
            }
            lateness += call.lateness
            reportedJitter = max(reportedJitter, Double(call.reportedJitter) / 8)
            if call.isReported, let lost = call.reportedLost { reportedLost = (reportedLost ?? 0) + Int(lost) } else { reportsMissing += 1 }
        }
        lateness.sort()
    }

    mutating func take(ownLateness: [Int32]) { self.ownLateness = ownLateness.sorted() }

    private static func quantile(_ sorted: [Int32], _ share: Double) -> Double {
        sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1_000
    }

    private var lostNothing: Bool {
        (reportedLost ?? .max) <= withheld && reportsMissing == 0 && lost == 0 && skipped == 0 && foreign == 0
    }
    /// What was heard is not what was said.
    var lostAudio: Bool { wrongCalls > 0 || (target != "agent" && judged == 0) }
    private var callsPerCore: Double { cpu > 0 ? Double(calls) / cpu : 0 }
    private func figure(_ value: Double, _ decimals: Int = 2) -> String { String(format: "%.\(decimals)f", value) }

    var table: String {
        let threads = cpuByThread.sorted { $0.value > $1.value }.filter { $0.value >= 0.001 }
            .map { "\($0.key) \(figure($0.value * 100, 1)) %" }.joined(separator: ", ")
        let place = core.map { "core \($0)" } ?? "any core"
        return """
            \(calls) calls at once for \(seconds) s to \(target): SIP over TLS, \(codec), \(suite), not recorded, \(line); daemon on \(place), niceness \(niceness)

            packets to the daemon      \(sent), withheld \(withheld), lost by its own reports \(reportedLost.map { "\($0)" } ?? "unknown")\(reportsMissing > 0 ? ", \(reportsMissing) calls without a last report" : "")
            packets from the daemon    \(received), lost \(lost), packet times left out \(skipped), not ours \(foreign)
            frames with the right tone \(right) of \(judged); calls with wrong audio \(wrongCalls)
            nothing lost               \(lostNothing ? "yes" : "NO") (floor: 100 calls on one core)
            CPU                        \(figure(cpu * 100, 1)) % of a core, \(figure(cpu / Double(calls) * 100, 3)) % per call: \(figure(callsPerCore, 0)) calls per core (\(codec == "opus" ? "floor 60, goal 120" : "floor 500, goal 1000"))
                                       \(threads)
            others on that core        \(figure(othersOnCore * 100, 1)) %
            memory per call            \(figure(memoryPerCall, 0)) kB (floor 400, goal 250); \(memoryLeft) kB still held after all calls
            set-up and end of a call   \(figure(setupCPU * 1_000)) ms of CPU: \(figure(setupCPU > 0 ? 1 / setupCPU : 0, 0)) per second and core (floor 300, goal 1000)
                                       \(setups) of them took \(figure(setupSeconds, 1)) s, and their memory \(figure(settleSeconds, 0)) s more to be given back
            lateness of its packets    p90 \(figure(Self.quantile(lateness, 0.9))) ms, p99 \(figure(Self.quantile(lateness, 0.99))) ms, most \(figure(Self.quantile(lateness, 1))) ms
            beside our 1 ms timer's    p90 \(figure(Self.quantile(ownLateness, 0.9))) ms, p99 \(figure(Self.quantile(ownLateness, 0.99))) ms, most \(figure(Self.quantile(ownLateness, 1))) ms
            jitter that it saw         \(figure(reportedJitter)) ms at most\(Self.quantile(ownLateness, 1) > 100 ? "\nOur own timer stood still for a while: the machine was held up, and what was lost says little." : "")
            """
    }

    var json: String {
        """
        {"calls": \(calls), "seconds": \(seconds), "suite": "\(suite)", "codec": "\(codec)", "target": "\(target)", "line": "\(line)", \
        "withheld": \(withheld), "frames_judged": \(judged), "frames_right": \(right), "calls_wrong": \(wrongCalls), "core": \(core.map { "\($0)" } ?? "null"), "niceness": \(niceness), \
        "sent": \(sent), "lost_to_daemon": \(reportedLost.map { "\($0)" } ?? "null"), "reports_missing": \(reportsMissing), \
        "received": \(received), "lost_from_daemon": \(lost), "skipped": \(skipped), "foreign": \(foreign), "lost_nothing": \(lostNothing), \
        "cpu_share": \(figure(cpu, 4)), "calls_per_core": \(figure(callsPerCore, 1)), "floor_calls_per_core": \(codec == "opus" ? 60 : 500), "goal_calls_per_core": \(codec == "opus" ? 120 : 1000), \
        "others_on_core": \(figure(othersOnCore, 4)), "memory_per_call_kb": \(figure(memoryPerCall, 1)), "floor_memory_kb": 400, \
        "goal_memory_kb": 250, "memory_left_kb": \(memoryLeft), "setups": \(setups), "setup_cpu_ms": \(figure(setupCPU * 1_000, 3)), \
        "setup_s": \(figure(setupSeconds)), "settle_s": \(figure(settleSeconds)), \
        "lateness_p90_ms": \(figure(Self.quantile(lateness, 0.9))), "lateness_p99_ms": \(figure(Self.quantile(lateness, 0.99))), \
        "lateness_max_ms": \(figure(Self.quantile(lateness, 1))), "timer_p90_ms": \(figure(Self.quantile(ownLateness, 0.9))), \
        "timer_p99_ms": \(figure(Self.quantile(ownLateness, 0.99))), "timer_max_ms": \(figure(Self.quantile(ownLateness, 1))), \
        "jitter_ms": \(figure(reportedJitter))}
        """
    }
}
