#if DEBUG
    import AdministrationAPI
    @testable import Dialogue
    import FuzzKit
    import ProviderProcesses
    @testable import Speech
    import SottoBase

    /// A request at the admin socket: the target up to a line's end, then the body.
    func fuzzAdministration(_ bytes: [UInt8]) -> FuzzFinding? {
        let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        let target = String(decoding: parts[0], as: UTF8.self)
        let body = parts.count > 1 ? Array(parts[1]) : []
        for method in ["GET", "POST", "DELETE"] {
            switch AdministrationRequest.read(method: method, target: target, body: body) {
            case .success(let request):
                let again = AdministrationRequest.read(method: request.method, target: request.target, body: request.body ?? [])
                guard again == .success(request) else { return FuzzFinding(property: "a request written is read the same") }
            case .failure(let refusal):
                guard (400...599).contains(refusal.status) else { return FuzzFinding(property: "a refusal has a status") }
            }
        }
        return nil
    }

    /// What a recognizer's or a model's program wrote: lines of any length, each read by both grammars.
    func fuzzProgramLine(_ bytes: [UInt8]) -> FuzzFinding? {
        let owner = CallID(high: 1, low: 1)
        defer { ClearArena.words.discard(ownedBy: owner) }
        var buffer = LineBuffer(limit: 4_096)
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(1 + bytes.count / 3))
            rest = rest.dropFirst(piece.count)
            guard piece.withUnsafeBytes({ buffer.append($0) }) else { return nil }
            var finding: FuzzFinding?
            while true {
                let next = buffer.nextLine { line in
                    var copy = Array(UnsafeRawBufferPointer(line))
                    if let recognized = try? RecognizerLine.read(line, owner: owner) { finding = check(recognized) ?? finding }
                    copy.withUnsafeMutableBytes { line in
                        guard case .actions(let actions)? = try? ModelReplyLine.read(line) else { return }
                        if actions.count > ModelReplyLine.mostActions { finding = FuzzFinding(property: "actions are bounded") }
                    }
                }
                guard next == .line else { break }
            }
            if let finding { return finding }
            guard buffer.waiting <= buffer.limit + 1 else { return FuzzFinding(property: "lines are bounded") }
        }
        return nil
    }

    private func check(_ line: RecognizerLine) -> FuzzFinding? {
        switch line {
        case .partial(let words), .final(let words, _, _):
            if let clear = words.clear { ClearArena.words.discard(clear) }
            if let first = words.first, let last = words.last, last < first { return FuzzFinding(property: "words are in order") }
        case .ready, .speechStarted, .processed, .failed: break
        }
        return nil
    }
#endif
