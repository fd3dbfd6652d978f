/// What was waited for did not come.
public struct TimedOut: Error, CustomStringConvertible {
    public let description: String
}

/// Asks again and again until `question` has an answer. The one way to wait in end-to-end tests: it ends, whatever the daemon does.
public func wait<Answer>(
    _ what: String, within limit: Duration = .seconds(10), isolation: isolated (any Actor)? = #isolation,
    for question: () async throws -> Answer?
) async throws -> Answer {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if let answer = try await question() { return answer }
        guard clock.now < deadline else { throw TimedOut(description: "waited \(limit) in vain for \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// As `wait`, for something that becomes true.
public func waitUntil(
    _ what: String, within limit: Duration = .seconds(10), isolation: isolated (any Actor)? = #isolation,
    _ isTrue: () async throws -> Bool
) async throws {
    try await wait(what, within: limit) { try await isTrue() ? () : nil }
}
