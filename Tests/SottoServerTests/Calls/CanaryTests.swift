import AuditLog
import Foundation
import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

extension EndToEnd {
    /// A card number is spoken and keyed at log level debug: then everything that came out is searched for it.
    @Suite struct Canaries {
        /// Everything that the process writes to stderr meanwhile.
        private static func capturingStandardError(_ body: () async throws -> Void) async throws -> Data {
            let path = NSTemporaryDirectory() + "sotto-stderr-\(UInt32.random(in: 1...UInt32.max))"
            let file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0o600)
            let saved = dup(STDERR_FILENO)
            dup2(file, STDERR_FILENO)
            defer {
                dup2(saved, STDERR_FILENO)
                close(saved)
                close(file)
                unlink(path)
            }
            try await body()
            return FileManager.default.contents(atPath: path) ?? Data()
        }

        struct Trace {
            var card = ""
            var keys: [[UInt8]] = []
            var log = Data()
            var events = ""
            var transcript = ""
            var files: [String] = []
            var keyFiles: [String] = []
        }

        private static func call(card action: String) async throws -> Trace {
            var tenant = TenantText("acme")
            tenant.card = action
            let text = tenant.text
            var trace = Trace()
            trace.card = SpokenDigits.randomCard()
            trace.log = try await capturingStandardError {
                try await inWorld({
                    $0.level = "debug"
                    $0.tenants["acme"] = text
                }) { world in
                    world.voice.recognizer.teach(NullVoice.Tone.firstCard, SpokenDigits.words(trace.card))
                    let peer = try world.caller(on: try await world.connect())
                    let call = try await world.place(peer)
                    try await world.consentByKey(peer, call)
                    try await world.say(NullVoice.Tone.firstCard, 640, asPrompted: 1, peer, call)
                    try await world.prompted(2, in: call)
                    peer.media.press("2")
                    try await world.said("Please key in", in: call)
                    peer.media.press(trace.card + "#")
                    try await world.said("That was a card number", in: call)
                    try await world.prompted(3, in: call)
                    try await peer.bye()
                    try await world.recorded(call)
                    trace.keys = peer.keys
                    trace.events = world.events.text
                    trace.transcript = try await world.kept(call).lines().map(\.text).joined(separator: "\n")
                    trace.files = Canary(number: trace.card).traces(below: world.folder)
                    trace.keyFiles = peer.keys.flatMap { Canary(key: $0).traces(below: world.folder) }
                }
            }
            return trace
        }

        @Test func theSearchFindsACardNumberThatPolicyKeeps() async throws {
            let trace = try await Self.call(card: "keep")
            let canary = Canary(number: trace.card)
            #expect(canary.forms(in: trace.transcript) != [])
            #expect(canary.forms(in: trace.events) != [])
            #expect(canary.forms(in: trace.log) != [])
            // Bodies are sealed all the same.
            #expect(trace.files == [])
        }

        @Test func aMaskedCardNumberIsFoundNowhere() async throws {
            let trace = try await Self.call(card: "mask")
            let canary = Canary(number: trace.card)
            #expect(trace.log.count > 1_000, "the log was captured")
            #expect(canary.forms(in: trace.transcript) == [])
            #expect(canary.forms(in: trace.events) == [])
            #expect(canary.forms(in: trace.log) == [])
            #expect(trace.files == [])
            #expect(trace.keys.count == 2)
            for key in trace.keys { #expect(Canary(key: key).forms(in: trace.log) == []) }
            #expect(trace.keyFiles == [])
            // Nobody's number is in the log either.
            for number in ["49301111111", "49302222222"] {
                #expect(trace.log.range(of: Data(number.utf8)) == nil)
            }
        }
    }
}
