import AdministrationAPI
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

/// What callers do, a step each. Each waits for what must come before.
extension World {
    /// Calls, and finds the call in the daemon's notes. `nil` for `tenant`: any.
    func place(_ peer: PeerCall, tenant: String = "acme") async throws -> CallID {
        let known = Set(events.all("call.arrived").compactMap(\.call))
        let response = try await peer.invite()
        guard response.status == 200 else { throw PeerFault(description: "refused: \(response.startLine)") }
        return try await wait("the call") {
            events.all("call.arrived").first { $0.tenant?.text == tenant && !known.contains($0.call ?? CallID(high: 0, low: 0)) }?.call
        }
    }

    /// Waits until Sotto has said a text for the nth time in a call.
    func said(_ text: String, _ times: Int = 1, in call: CallID) async throws {
        try await waitUntil("'\(text)' to be said \(times) times") {
            events.all("voice.said", of: call).count { $0["text"]?.contains(text) == true } >= times
        }
    }

    /// Waits until Sotto has asked how it can help for the nth time, and listens.
    func prompted(_ times: Int, in call: CallID) async throws {
        try await waitUntil("the question to be asked \(times) times") {
            var events = events.all.filter { $0.call == call }[...]
            for _ in 0..<times {
                guard let index = events.firstIndex(where: { $0.name == "voice.said" && $0["text"]?.contains("How can I help") == true }) else {
                    return false
                }
                events = events[(index + 1)...]
            }
            return events.contains { $0.name == "voice.listening" }
        }
    }

    func asked(in call: CallID) async throws { try await said("May we record", in: call) }

    func consentByKey(_ peer: PeerCall, _ call: CallID) async throws {
        try await asked(in: call)
        peer.media.press("1")
        try await events.next("consent.granted", of: call)
    }

    func consentByVoice(_ peer: PeerCall, _ call: CallID) async throws {
        try await asked(in: call)
        peer.media.say(NullVoice.Tone.yes, milliseconds: 300)
        try await said("You said yes", in: call)
        try await events.next("consent.granted", of: call)
    }

    /// Waits for the question, then says something; returns what was heard of it, masked.
    @discardableResult
    func say(_ tone: Double, _ milliseconds: Int = 400, asPrompted times: Int, _ peer: PeerCall, _ call: CallID) async throws -> String {
        try await prompted(times, in: call)
        let before = events.all("voice.heard", of: call).count
        peer.media.say(tone, milliseconds: milliseconds)
        return try await wait("words") { events.all("voice.heard", of: call).dropFirst(before).first?["text"] }
    }

    /// After the call: everything is written.
    func recorded(_ call: CallID) async throws { try await events.next("call.recorded", of: call) }

    /// Nothing of any call is left in the running daemon.
    func expectIdle() async throws {
        let daemon = try daemon
        do {
            try await waitUntil("all gauges to return to zero", within: .seconds(10)) {
                let gauges = await daemon.status().gauges
                return [
                    "calls", "recorders", "sip-transactions", "sip-dialogs", "media-sessions", "clear-words", "clear-keys",
                    "provider-processes",
                ].allSatisfy { gauges[$0] == 0 }
            }
        } catch {
            Issue.record("\(await daemon.status().gauges.filter { $0.value != 0 })")
        }
    }
}
