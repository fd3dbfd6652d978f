import Audio
import Foundation
import NIOCore
import SRTP
import SottoTestPeer
import Synchronization

/// Numbers calls, so that each has a called number of its own.
final class SoakCounter: Sendable {
    private let value = Atomic<Int>(0)
    func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// One caller who calls again and again, each time otherwise, and checks what is heard on both sides.
struct SoakCaller: @unchecked Sendable {  // proof: `scene` is used through its loop and generator alone
    let scene: Scene
    let line: LoadLine
    let target: Scene.Target
    let record: SoakRecord
    let counter: SoakCounter
    let seed: UInt64

    private static let codecs: [AudioCodec] = [.pcmu, .pcma, .g722, .opus]
    private static let suites: [SRTPProfile] = [.aeadAES256GCM, .aeadAES128GCM, .aes256CMSHA1_80, .aes128CMSHA1_80]

    private func random(_ range: ClosedRange<Int>) -> Int { Int.random(in: range) }

    /// One call from set-up to end.
    func call() async {
        let index = counter.next()
        let shape = LoadCall.Shape(
            profile: Self.suites[index / 4 % 4], codec: Self.codecs[index % 4], wraps: random(0...3) == 0)
        let impairment = CallMedia.Impairment(
            loss: [0, 0, 0, 0.01, 0.03][random(0...4)], delay: [0, 0, 40][random(0...2)], jitter: [0, 0, 10, 30][random(0...3)])
        let what = "\(target) \(index) \(shape.profile.wireName) \(shape.codec) loss \(impairment.loss) jitter \(impairment.jitter)"
        do {
            let call = try await scene.place(target, on: line, number: index, shape: shape, impairment: impairment).get()
            let far = try await farCall(index)
            record.began()
            var rekeys = 0
            for _ in 0..<random(2...5) {
                try await Task.sleep(for: .milliseconds(random(1_500...5_000)))
                if try await change(call, far) { rekeys += 1 }
            }
            try await Task.sleep(for: .milliseconds(random(1_500...3_000)))
            let sides = [call.media] + (far.map { [$0.media] } ?? [])
            let heard = await scene.generator.ask { _ in sides.map(Heard.init) }
            // Either side hangs up.
            if let far, random(0...1) == 0 { try await far.bye().get() } else { try await call.bye().get() }
            try await waitUntil("the end of both sides", within: .seconds(10)) {
                try await line.loop.submit { call.isEnded && far?.isEnded != false }.get()
            }
            record.ended()
            // What is bridged keeps the holes that it came with.
            let withheld = heard.reduce(0) { $0 + $1.withheld }
            for (side, heard) in zip(["caller", "called"], heard) {
                judge(heard, "\(what), \(side)", impairment, withheld: withheld, rekeys: rekeys)
            }
        } catch {
            record.fail("\(what): \(error)")
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// The other end of a bridged call, which our server answered.
    private func farCall(_ index: Int) async throws -> LoadCall? {
        guard target == .bridge, let server = scene.server else { return nil }
        let number = target.number(index)
        return try await wait("the called side", within: .seconds(5)) { try await line.loop.submit { server.calls[number] }.get() }
    }

    private func expect(_ call: LoadCall, _ far: LoadCall?, _ isTalking: Bool) {
        let tones = LoadServer.tones(of: call.to)
        let (near, other) = (call.media, far?.media)
        let heard: Int? = target == .agent || !isTalking ? nil : target == .echo ? tones.caller : tones.called
        scene.generator.order { _ in
            near.expect(heard)
            other?.expect(isTalking ? tones.caller : nil)
        }
    }

    /// Holds and resumes, offers again, or does nothing; true: there is a new key.
    private func change(_ call: LoadCall, _ far: LoadCall?) async throws -> Bool {
        switch random(0...4) {
        case 0:
            expect(call, far, false)
            _ = try await call.reinvite(direction: random(0...1) == 0 ? "sendonly" : "inactive").get()
            record.held()
            try await Task.sleep(for: .milliseconds(random(1_000...3_000)))
            _ = try await call.reinvite(direction: "sendrecv").get()
            expect(call, far, true)
        case 1:
            _ = try await call.reinvite().get()
            record.reinvited()
        case 2:
            expect(call, far, false)
            _ = try await call.reinvite(newKey: true).get()
            record.rekeyed()
            expect(call, far, true)
            return true
        default: break
        }
        return false
    }

    struct Heard: Sendable {
        let received, judged, right, lost, foreign, withheld: Int

        init(_ media: CallMedia) {
            received = media.received
            judged = media.judged
            right = media.right
            lost = media.lost
            foreign = media.foreign
            withheld = media.withheld
        }
    }

    private func judge(_ heard: Heard, _ what: String, _ impairment: CallMedia.Impairment, withheld: Int, rekeys: Int) {
        record.heard(heard)
        // A lost packet costs its own frame and may bend the next.
        let share = 0.95 - 3 * impairment.loss - (impairment.jitter > 0 ? 0.05 : 0)
        if heard.received == 0 { record.fail("\(what): nothing was heard") }
        if target != .agent, heard.judged == 0 { record.fail("\(what): no frame to judge") }
        if Double(heard.right) < Double(heard.judged) * share { record.fail("\(what): \(heard.right) of \(heard.judged) frames right") }
        if heard.lost > (target == .bridge ? withheld : 0) { record.fail("\(what): \(heard.lost) packets never came") }
        // Between the daemon's 200 and our reading it, a packet or two come under a key that we do not know yet.
        if heard.foreign > 3 * rekeys { record.fail("\(what): \(heard.foreign) packets that our key does not open") }
    }
}
