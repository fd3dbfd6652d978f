import CAllocationCounter
import Foundation
import SDP
import SIPMessages
import SottoBase

// INVITE with SDP, 1.46 kB: parsed, validated, its description parsed and answered; each step's time per message, best of many short runs, so that other work on the machine counts little.

let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("invite.sip")
let input = [UInt8](try Data(contentsOf: file))

let whole = "INVITE with SDP parsed, fully typed"
var figures: [String] = []

/// `--only WORD`: the steps whose name begins so, for a profiler.
let only = CommandLine.arguments.firstIndex(of: "--only").flatMap { $0 + 1 < CommandLine.arguments.count ? CommandLine.arguments[$0 + 1] : nil }

@MainActor func measure(_ name: String, _ body: () throws -> Void) rethrows {
    if let only, !name.hasPrefix(only) { return }
    let rounds = 200
    var best = Double.infinity
    for _ in 0..<500 {
        let clock = ContinuousClock()
        let time = try clock.measure { for _ in 0..<rounds { try body() } }
        let microseconds = (Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18) * 1e6
        best = min(best, microseconds / Double(rounds))
    }
    // libre takes 14 µs for this message fully typed; a quarter of that is the goal.
    let ratio = name == whole ? String(format: "   %.2f of libre's 14 µs (floor 1, goal 0.25)", best / 14) : ""
    print("\(name.padding(toLength: 44, withPad: " ", startingAt: 0)) \(String(format: "%7.2f", best)) µs\(ratio)")
    figures.append("\"\(name)\": \(String(format: "%.3f", best))")
}

func chunks(_ body: SIPBody) -> [SDPChunk] {
    body.chunks.map { chunk in
        switch chunk {
        case .bytes(let bytes): .bytes(bytes)
        case .secret(let secret): .secret(secret)
        }
    }
}

func parsed() throws -> SIPRequest {
    var raw = input
    guard case .request(let request) = try SIPMessageParser.parse(&raw) else { throw CocoaError(.coderInvalidValue) }
    return request
}

var sink = 0

/// Requests for memory while `body` runs, on this thread.
@MainActor func allocations(_ body: () throws -> Void) rethrows -> Int {
    sotto_allocations_reset()
    sotto_allocations_count(1)
    try body()
    sotto_allocations_count(0)
    var sum = 0
    for object in 0..<sotto_allocations_objects() {
        for kind in [SOTTO_MALLOC, SOTTO_CALLOC, SOTTO_REALLOC, SOTTO_ALIGNED, SOTTO_MAP] {
            sum += Int(sotto_allocations_of(object, Int32(kind)))
        }
    }
    return sum
}

/// Counts what each step asks for, and leaves with 1 where it is more than the file allows.
@MainActor func checkAllocations(_ path: String) throws -> Never {
    sotto_allocations_scan("")
    guard allocations({ sink &+= [UInt8](repeating: 1, count: input.count).count }) == 1 else {
        print("the counter does not count")
        exit(1)
    }
    var output: [UInt8] = []
    output.reserveCapacity(4 * input.count)
    var steps: [(name: String, body: () throws -> Void)] = [
        ("parsed", { sink &+= try parsed().vias.count }),
        ("validated", { sink &+= validator.statusOwed(for: request) == nil ? 1 : 0 }),
        ("described", { sink &+= try SessionDescription.parse(body).media.count }),
        ("answered", { if case .success = SDPAnswerer.answer(offer: offer, capabilities: MediaCapabilities(), local: local) { sink &+= 1 } }),
    ]
    steps.append(("written", {
        output.removeAll(keepingCapacity: true)
        request.serialize(into: &output)
    }))
    var limits: [String: Int] = [:]
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
        let words = line.split(separator: " ")
        if words.count == 2, let number = Int(words[1]) { limits[String(words[0])] = number }
    }
    var isWithin = true
    for step in steps {
        try step.body()  // what is made once
        let count = try allocations(step.body)
        let limit = limits[step.name]
        if limit.map({ count > $0 }) ?? true { isWithin = false }
        print("\(step.name): \(count) requests for memory, allowed \(limit.map { "\($0)" } ?? "not said")")
    }
    exit(isWithin ? 0 : 1)
}

print("message: \(input.count) bytes")
let request = try parsed()
let validator = SIPValidator()
precondition(validator.statusOwed(for: request) == nil, "the benchmark's own message must be valid")
let body = chunks(request.body)
let offer = try SessionDescription.parse(body)
let keys = Dictionary(
    uniqueKeysWithValues: SRTPSuite.allCases.map { ($0, SecretBytes(copying: ArraySlice(repeating: 7, count: $0.keyingLength))) })
guard let address = PeerAddress(host: "192.0.2.1", port: 20000) else { preconditionFailure("a literal address") }
let local = LocalMedia(address: address, sessionID: 1, keys: keys)

if let flag = CommandLine.arguments.firstIndex(of: "--allocations"), flag + 1 < CommandLine.arguments.count {
    try checkAllocations(CommandLine.arguments[flag + 1])
}

measure("copy of the raw bytes") {
    var raw = input
    raw[0] = 0x49
    sink &+= raw.count
}
try measure("SIP message parsed") { sink &+= try parsed().vias.count }
measure("validated") { sink &+= validator.statusOwed(for: request) == nil ? 1 : 0 }
try measure("SDP parsed") { sink &+= try SessionDescription.parse(body).media.count }
try measure(whole) {
    let request = try parsed()
    let description = try SessionDescription.parse(chunks(request.body))
    sink &+= description.media.count + request.vias.count
}
measure("offer answered") {
    if case .success = SDPAnswerer.answer(offer: offer, capabilities: MediaCapabilities(), local: local) { sink &+= 1 }
}
try measure("framed") {
    var framer = SIPStreamFramer()
    framer.append(input)
    if try framer.next() != nil { sink &+= 1 }
}
var output: [UInt8] = []
measure("written") {
    output.removeAll(keepingCapacity: true)
    request.serialize(into: &output)
    sink &+= output.count
}
if sink == 0 { print("?") }
if let flag = CommandLine.arguments.firstIndex(of: "--json"), flag + 1 < CommandLine.arguments.count {
    try ("{" + figures.joined(separator: ", ") + ", \"floor_us\": 14, \"goal_us\": 3.5}\n")
        .write(toFile: CommandLine.arguments[flag + 1], atomically: true, encoding: .utf8)
}
