#if DEBUG
    import FuzzKit
    @testable import SIPTransport
    import SottoBase
    @testable import SottoTLS

    /// A name server's answer, and a plan made of it. An input begins with the number of the question.
    func fuzzNames(_ bytes: [UInt8]) -> FuzzFinding? {
        var chance = ByteChance(bytes)
        let isFixed = chance.isOne(of: 4)
        let target = HopTarget(host: "carrier.example", port: isFixed ? 5_061 : nil)
        let message = chance.take(65_535)
        if let read = DNSMessage(message) {
            guard read.answers.count <= DNSMessage.maximumRecords else { return FuzzFinding(property: "records are bounded") }
            for record in read.answers where record.owner.utf8.count > 255 { return FuzzFinding(property: "a name has 255 bytes") }
        }
        var planner = HopPlanner(target, prefersIPv6: isFixed)
        var step = planner.start()
        var entropy = Mutator(seed: UInt64(bytes.count))
        for _ in 0..<16 {
            switch step {
            case .done(.success(let plan)):
                guard (1...HopPlanner.maximumHops).contains(plan.hops.count), plan.lifetime >= .zero else {
                    return FuzzFinding(property: "a plan has hops, and not too many")
                }
                return plan.hops.allSatisfy { !$0.address.isUnspecified && !$0.address.isMulticast }
                    ? nil : FuzzFinding(property: "a hop can be connected to")
            case .done(.failure): return nil
            case .ask(let questions):
                guard (1...(2 * HopPlanner.maximumTargets)).contains(questions.count) else {
                    return FuzzFinding(property: "questions are bounded")
                }
                // The same message to every question, as a broken or hostile server would answer; its own names are followed.
                var answers: [DNSQuestion: DNSAnswer] = [:]
                for question in questions {
                    guard let read = DNSMessage(message) else {
                        answers[question] = .failed(.serverFailed)
                        continue
                    }
                    let kind = DNSQuestion(name: read.answers.first?.owner ?? question.name, kind: question.kind)
                    if let found = read.answer(to: question) ?? read.answer(to: kind) {
                        answers[question] = .records(found.records, lifetime: .seconds(Int64(found.lifetime)))
                    } else {
                        answers[question] = DNSAnswer.none(lifetime: .seconds(Int64(read.negativeLifetime ?? 0)))
                    }
                }
                step = planner.answered(answers, entropy: &entropy)
            }
        }
        return FuzzFinding(property: "a plan ends")
    }

    extension Mutator: @retroactive RandomNumberGenerator {}

    /// A datagram before it is given to the library (RFC 6347 §4.1, §4.2.2), for both roles.
    func fuzzDTLSRecords(_ bytes: [UInt8]) -> FuzzFinding? {
        bytes.withUnsafeBytes { datagram in
            for role in [DTLSRole.client, .server] {
                switch DTLSRecords.judge(datagram, as: role) {
                case .clientHello(let random):
                    guard random.count == 32, role == .server else { return FuzzFinding(property: "only a server is greeted") }
                case .handshake, .protected:
                    guard bytes.count > DTLSRecords.headerSize else { return FuzzFinding(property: "a record has a body") }
                case .ignored: break
                }
            }
            if let length = DTLSRecords.recordLength(datagram), length > bytes.count {
                return FuzzFinding(property: "a record lies within its datagram")
            }
            return nil
        }
    }
#endif
