import Admission
import Consent
import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import SottoTestKit
import Testing

@testable import Calls

/// Everything that can happen, in any order: a real endpoint, peers that say anything, media and voice that answer, fail, lie or stay
/// silent. Whatever happens, each call ends once and leaves nothing.
@Suite struct RandomWalkTests {
    @Test(arguments: 0..<60 as Range<UInt64>) func everyCallEndsOnceAndLeavesNothing(seed: UInt64) {
        var walk = Walk(seed: seed)
        for _ in 0..<400 { walk.step() }
        walk.end()
        #expect(walk.faults == [])
        #expect(walk.table.count == 0)
        #expect(walk.table.dialogCount == 0)
        #expect(walk.table.nextDeadline == nil)
        #expect(walk.table.admission.calls == 0)
        #expect(walk.endpoint.dialogCount == 0)
        #expect(walk.endpoint.transactionCount == 0)
        #expect(walk.lives.values.allSatisfy { $0.records == 1 && $0.gone == 1 })
        #expect(walk.lives.count > 3, "the walk went somewhere")
    }

    /// The walks reach what they are meant to reach.
    @Test func walksReachEveryState() {
        var states: Set<String> = []
        var kinds: Set<String> = []
        for seed in 100..<130 as Range<UInt64> {
            var walk = Walk(seed: seed)
            for _ in 0..<400 {
                walk.step()
                states.formUnion(walk.table.summaries.map(\.state))
            }
            walk.end()
            kinds.formUnion(walk.kinds)
        }
        #expect(states == ["answering", "answered", "consenting", "talking", "payment", "ending"])
        #expect(
            kinds.isSuperset(of: [
                "reserve", "start", "update", "protect", "close", "begin", "say", "dialogue", "record", "stop", "finish", "gone",
            ]))
    }
}

private struct Walk {
    struct Life {
        var records = 0
        var gone = 0
        var closes = 0
        var voiceEnds = 0
        /// What its media still owes.
        var owed: [MediaReport] = []
        var prompts: [UInt32] = []
    }

    private enum Work {
        case endpoint(SIPEndpointInput)
        case table(CallTable.Input)
    }

    var endpoint = SIPEndpoint()
    var table: CallTable
    var clock = ManualClock()
    var chance: Chance
    var callers: [Caller] = []
    var lives: [CallID: Life] = [:]
    var faults: [String] = []
    var kinds: Set<String> = []
    private var work: [Work] = []
    private var made = 0
    /// As a driver may do it: a command is carried out, and what it leads to is fed, in the middle of a turn's outputs.
    private let isNested: Bool
    private var isEndpointTurning = false

    init(seed: UInt64) {
        chance = Chance(seed)
        isNested = seed % 3 == 0
        let house = House(record: seed % 5 == 0 ? .never : .ask, refused: seed % 2 == 0 ? .hangUp : .continue)
        var configuration = CallsConfiguration(media: [.init(range: 0, advertised: [203, 0, 113, 5])])
        configuration.longestCall = .seconds(600)
        table = CallTable(configuration: configuration, policy: house.policy, facts: .embedded)
        for (connection, peer) in [(Switchboard.acme, PeerID(7)), (Switchboard.beta, PeerID(8))] {
            work.append(
                .endpoint(
                    .connectionOpened(
                        connection,
                        ConnectionProfile(peer: peer, localHost: "sotto.example", localPort: 5_061, remote: Switchboard.source))))
        }
        drive()
    }

    private mutating func roll(_ sides: Int) -> Int { Int(chance.next() % UInt64(sides)) }

    private mutating func pick<Element>(_ list: [Element]) -> Element? { list.isEmpty ? nil : list[roll(list.count)] }

    // MARK: - Steps

    mutating func step() {
        switch roll(20) {
        case 0...1: invite()
        case 2...7: talk()
        case 8...12: mediaAnswers()
        case 13...15: voiceAnswers()
        case 16: mediaLies()
        case 17...18: wait(.milliseconds(Int64(roll(3_000))))
        default: operate()
        }
        drive()
    }

    private mutating func invite() {
        guard callers.count < 12 else { return }
        made += 1
        let bodies = [Caller.sdp(), Caller.sdp(), "", Caller.sdp(transport: "RTP/AVP"), "v=0\r\nm=\r\n", Caller.sdp(crypto: [Caller.cm])]
        let caller = Caller("call\(made)", body: pick(bodies) ?? "")
        callers.append(caller)
        say(caller, "INVITE")
    }

    /// A peer says something, sensible or not.
    private mutating func talk() {
        guard !callers.isEmpty else { return invite() }
        let index = roll(callers.count)
        var caller = callers[index]
        switch roll(12) {
        case 0...4:
            say(caller.with { $0.body = "" }, "ACK")
        case 5:
            say(caller.with { $0.body = Caller.sdp(crypto: [Caller.gcm]) }, "ACK")
        case 6:
            say(caller, "CANCEL")
        case 7...9:
            let bodies = [
                "", Caller.sdp(), Caller.sdp(direction: "sendonly"), Caller.sdp(address: "0.0.0.0"), Caller.sdp(port: 4_002 + roll(3) * 2),
                Caller.sdp(crypto: [Caller.otherGCM]), Caller.sdp(transport: "RTP/AVP"), "v=0\r\nm=\r\n",
            ]
            say(caller.next(body: pick(bodies) ?? ""), roll(3) == 0 ? "UPDATE" : "INVITE")
        case 10:
            say(caller.next(), roll(2) == 0 ? "BYE" : "OPTIONS")
        default:
            if roll(3) == 0 {
                callers.remove(at: index)
                return
            }
            say(caller, "INVITE")  // a retransmission, or a loop
        }
        callers[index].cseq = caller.cseq
        callers[index].branch = caller.branch
    }

    private mutating func say(_ caller: Caller, _ method: String) {
        let connection = method == "ACK" || roll(30) > 0 ? home(of: caller) : Switchboard.beta
        work.append(.endpoint(.received(caller.says(method), on: connection)))
    }

    private func home(of caller: Caller) -> ConnectionID {
        caller.callID.utf8.last.map { $0 % 2 == 0 } == true ? Switchboard.acme : Switchboard.beta
    }

    private mutating func mediaAnswers() {
        guard let id = pick(lives.filter { !$0.value.owed.isEmpty }.keys.sorted()) else { return }
        guard var report = lives[id]?.owed.removeFirst() else { return }
        if case .closed = report {
            // Now and then a closing is lost altogether.
            if roll(6) == 0 { return }
        } else if roll(12) == 0 {
            report = .failed("by chance")
        }
        work.append(.table(.media(id, report)))
    }

    private mutating func mediaLies() {
        guard let id = pick(lives.keys.sorted()) else { return }
        let reports: [MediaReport] = [
            .reserved(port: 1), .started, .updated, .failed("a lie"), .timedOut, .keyExhausted, .closed(nil), .updated, .started, .updated,
        ]
        if let report = pick(reports), roll(3) == 0 { work.append(.table(.media(id, report))) }
    }

    private mutating func voiceAnswers() {
        guard let id = pick(lives.filter { $0.value.gone == 0 }.keys.sorted()) else { return }
        let report: VoiceReport
        switch roll(14) {
        case 0...5:
            guard let prompt = lives[id]?.prompts.popLast() else { return }
            report = .promptEnded(prompt, isWhole: roll(6) > 0)
        case 6...7: report = .answered(.yes, by: roll(2) == 0 ? .key : .voice)
        case 8: report = .answered(roll(2) == 0 ? .no : .unclear, by: .voice)
        case 9: report = .withdrawn(by: .voice)
        case 10...11: report = .payment(isOn: roll(2) == 0)
        case 12: report = .recognizerFailed("by chance")
        default: report = roll(3) == 0 ? .hangUp(reason: "finished", isFault: false) : .promptEnded(UInt32(roll(9)), isWhole: true)
        }
        work.append(.table(.voice(id, report)))
    }

    private mutating func operate() {
        let id = pick(lives.keys.sorted())
        switch roll(6) {
        case 0: if let id { work.append(.table(.recordingFailed(id, "by chance", began: roll(2) == 0))) }
        case 1: if let id, roll(3) == 0 { work.append(.table(.end(id))) }
        case 2: work.append(.table(.policyChanged(House(version: "v\(roll(9))").policy)))
        case 3: work.append(.table(.loadChanged(LoadReading(loopLag: .milliseconds(Int64(roll(40)))))))
        case 4: work.append(.table(.timerDue))
        default: if roll(12) == 0 { work.append(.table(.endAll)) }
        }
    }

    private mutating func wait(_ duration: Duration) {
        let end = clock.now + duration
        var turns = 0
        while let deadline = [endpoint.nextDeadline, table.nextDeadline].compactMap({ $0 }).min(), deadline <= end {
            turns += 1
            precondition(turns < 50_000, "they never come to rest")
            clock.advance(by: max(deadline - clock.now, .zero))
            work += [.endpoint(.timerDue), .table(.timerDue)]
            drive()
        }
        clock.advance(by: end - clock.now)
    }

    /// Stops; media and peers say nothing any more.
    mutating func end() {
        work += [.table(.drain(retryAfter: 5)), .table(.endAll)]
        drive()
        wait(.seconds(200))
    }

    // MARK: - The drive

    private mutating func drive() {
        var turns = 0
        while !work.isEmpty {
            turns += 1
            precondition(turns < 10_000, "endpoint and table talk for ever")
            turn(work.removeFirst())
        }
    }

    private mutating func turn(_ item: Work) {
        switch item {
        case .endpoint(let input):
            isEndpointTurning = true
            for output in endpoint.handle(input, now: clock.now, entropy: &chance) { carryOut(output) }
            isEndpointTurning = false
        case .table(let input):
            let wall = WallTime(milliseconds: Switchboard.wallStart + clock.now.nanoseconds / 1_000_000)
            for output in table.handle(input, now: clock.now, wall: wall, entropy: &chance) { carryOut(output) }
        }
    }

    private mutating func carryOut(_ output: SIPEndpointOutput) {
        switch output {
        case .send(.response(let response), _):
            guard let index = callers.firstIndex(where: { $0.callID == response.callID.text.string }) else { return }
            if callers[index].remoteTag == nil, response.status > 100 { callers[index].remoteTag = response.to.tag?.string }
        case .send(.request(let request), let target):
            // A BYE is mostly answered.
            guard roll(4) > 0, let connection = target.connection else { return }
            work.append(.endpoint(.received(.response(SIPResponse(200, to: request)), on: connection)))
        case .event(.inviteArrived(let arrived)):
            let tenant = arrived.peer == PeerID(7) ? "acme" : "beta"
            let input = CallTable.Input.invited(arrived, trunk: House.trunk(of: tenant), source: Switchboard.source)
            if isNested { turn(.table(input)) } else { work.append(.table(input)) }
        case .event(let event):
            if isNested { turn(.table(.sip(event))) } else { work.append(.table(.sip(event))) }
        }
    }

    private mutating func carryOut(_ output: CallOutput) {
        switch output {
        case .sip(let command):
            if isNested, !isEndpointTurning {
                turn(.endpoint(.command(command)))
            } else {
                work.append(.endpoint(.command(command)))
            }
        case .note(nil, _): break
        case .note(let id?, let note):
            if case .arrived = note {
                if lives[id] != nil { faults.append("a call arrived twice") }
                lives[id] = Life()
            }
            touch(id, "note")
        case .dial: faults.append("nobody is called here")
        case .media(let id, _, let instruction):
            touch(id, "media")
            if let life = lives[id], life.closes > 0, instruction != .close { faults.append("\(instruction) after close") }
            switch instruction {
            case .reserve: owe(id, "reserve", .reserved(port: 20_000))
            case .start: owe(id, "start", .started)
            case .update: owe(id, "update", .updated)
            case .protect: kinds.insert("protect")
            case .bridge, .unbridge, .fill: faults.append("nobody is bridged here")
            case .close:
                lives[id]?.closes += 1
                owe(id, "close", .closed(Switchboard.figures))
                if lives[id]?.closes ?? 0 > 2 { faults.append("closed more than twice") }
            }
        case .voice(let id, let instruction):
            touch(id, "voice")
            if lives[id]?.voiceEnds ?? 0 > 0 { faults.append("\(instruction) after the voice's end") }
            switch instruction {
            case .begin: kinds.insert("begin")
            case .say(let number, _):
                kinds.insert("say")
                lives[id]?.prompts.append(number)
                if number >= 1_000 { faults.append("prompt \(number)") }
            case .beginDialogue: kinds.insert("dialogue")
            case .end: lives[id]?.voiceEnds += 1
            case .stopSaying, .expectConsent, .handOverFailed: break
            }
        case .record(let id, let instruction):
            touch(id, "record")
            if lives[id]?.records ?? 0 > 0 { faults.append("\(id) recorded after its record") }
            switch instruction {
            case .start(let grant):
                kinds.insert("record")
                if grant.call != id { faults.append("another call's grant") }
            case .stop: kinds.insert("stop")
            case .finish(let record):
                kinds.insert("finish")
                lives[id]?.records += 1
                if record.termination.cause == .indeterminate { faults.append("an end without a reason") }
                if lives[id]?.voiceEnds != 1 { faults.append("a record before the voice's end") }
            }
        case .gone(let id):
            touch(id, "gone")
            kinds.insert("gone")
            lives[id]?.gone += 1
            if lives[id]?.records != 1 { faults.append("gone without a record") }
        }
    }

    private mutating func owe(_ id: CallID, _ kind: String, _ report: MediaReport) {
        kinds.insert(kind)
        lives[id]?.owed.append(report)
        if lives[id]?.owed.count ?? 0 > 12 { faults.append("more instructions than a mailbox has room for") }
    }

    private mutating func touch(_ id: CallID, _ what: String) {
        guard let life = lives[id] else { return faults.append("\(what) of an unknown call") }
        if life.gone > 0 { faults.append("\(what) after gone") }
    }
}
