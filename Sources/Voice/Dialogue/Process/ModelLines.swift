internal import ProviderProcesses
internal import SottoBase

/// What a model's program is told: one line of JSON for each input. All of it is masked.
enum ModelInputLine {
    /// What the caller said, at most; the rest is cut off.
    static let longestText = 4_096

    static func bytes(of input: ModelInput) -> [UInt8] {
        var line: [UInt8] = []
        switch input {
        case .callStarted:
            line.append(type: "call-started")
        case .heard(let text, let kinds):
            line.append(type: "heard")
            line.append(member: "text")
            line.append(text: cut(text.content))
            line.append(member: "kinds")
            line.append(UInt8(ascii: "["))
            for (index, kind) in kinds.map(\.rawValue).sorted().enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                line.append(text: kind)
            }
            line.append(UInt8(ascii: "]"))
        case .key(let key):
            line.append(type: "key")
            line.append(member: "key")
            line.append(text: String(Unicode.Scalar(key)))
        case .collected(let kind, let count):
            line.append(type: "collected")
            line.append(member: "kind")
            line.append(text: kind.rawValue)
            line.append(member: "count")
            line.append(contentsOf: "\(count)".utf8)
        case .silence:
            line.append(type: "silence")
        case .handOverFailed:
            line.append(type: "hand-over-failed")
        }
        line.append(contentsOf: "}\n".utf8)
        return line
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: longestText)
        while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return String(text[..<end])
    }
}

extension [UInt8] {
    fileprivate mutating func append(type: StaticString) {
        append(contentsOf: "{\"type\":\"\(type)\"".utf8)
    }

    fileprivate mutating func append(member name: StaticString) {
        append(contentsOf: ",\"\(name)\":".utf8)
    }

    /// As a JSON string (RFC 8259 §7).
    fileprivate mutating func append(text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: append(contentsOf: [0x5C, byte])
            case ..<0x20, 0x7F:
                let digits = Array("0123456789abcdef".utf8)
                append(contentsOf: [0x5C, 0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}

/// What a model's program answers: one line for each input.
enum ModelReplyLine: Equatable {
    case ready(version: Int64)
    case actions([ModelAction])
    case failed

    private enum Kind: String, CaseIterable {
        case ready, actions, failed
    }

    private enum Field: String, CaseIterable {
        case type, version, actions
    }

    private enum ActionKind: String, CaseIterable {
        case say, listen, collect, payment
        case hangUp = "hang-up"
    }

    private enum ActionField: String, CaseIterable {
        case type, text, kind, least, most, terminator, on
        case silence = "silence-ms"
    }

    static let mostActions = 64
    static let longestText = 4_096

    static func read(_ line: UnsafeMutableRawBufferPointer) throws(LineFault) -> ModelReplyLine {
        var kind: Kind?
        var version: Int64?
        var actions: [ModelAction]?
        try JSONReader.object(in: line, Field.self) { field, reader in
            switch field {
            case .type: kind = try reader.choice(of: Kind.self)
            case .version: version = try reader.integer(in: 0...1_000)
            case .actions: actions = try readActions(&reader)
            }
        }
        switch (kind, version, actions) {
        case (.ready, let version?, nil): return .ready(version: version)
        case (.actions, nil, let actions?): return .actions(actions)
        case (.failed, nil, nil): return .failed
        case (nil, _, _), (.ready, nil, _), (.actions, _, nil): throw .missingMember
        case (.ready, _, _), (.actions, _, _), (.failed, _, _): throw .strayMember
        }
    }

    private static func readActions(_ reader: inout JSONReader) throws -> [ModelAction] {
        var actions: [ModelAction] = []
        try reader.beginArray()
        while try reader.nextElement() {
            guard actions.count < mostActions else { throw LineFault.tooManyActions }
            actions.append(try readAction(&reader))
        }
        return actions
    }

    private static func readAction(_ reader: inout JSONReader) throws -> ModelAction {
        var type: ActionKind?
        var text: String?
        var kind: SensitiveKind?
        var least: Int64?
        var most: Int64?
        var silence: Int64?
        var terminator: UInt8?
        var isOn: Bool?
        try reader.beginObject()
        while let field = try reader.nextField(of: ActionField.self) {
            switch field {
            case .type: type = try reader.choice(of: ActionKind.self)
            case .text: text = String(decoding: try reader.text(atMost: longestText), as: UTF8.self)
            case .kind: kind = try reader.choice(of: SensitiveKind.self)
            case .least: least = try reader.integer(in: 1...64)
            case .most: most = try reader.integer(in: 1...64)
            case .silence: silence = try reader.integer(in: 1_000...120_000)
            case .on: isOn = try reader.boolean()
            case .terminator:
                let key = try reader.text(atMost: 1)
                guard key.count == 1, key[0] == 0x23 || key[0] == 0x2A else { throw LineFault.badTerminator }
                terminator = key[0]
            }
        }
        let wait = silence.map { Duration.milliseconds($0) }
        switch (type, text, kind, least, most, wait, terminator, isOn) {
        case (.say, let text?, nil, nil, nil, nil, nil, nil): return .say(text)
        case (.listen, nil, nil, nil, nil, let wait?, nil, nil): return .listen(silence: wait)
        case (.collect, nil, let kind?, let least?, let most?, let wait?, let terminator, nil):
            guard least <= most else { throw LineFault.json(.outOfRange) }
            return .collect(kind, digits: Int(least)...Int(most), terminator: terminator, silence: wait)
        case (.payment, nil, nil, nil, nil, nil, nil, let isOn?): return .payment(isOn: isOn)
        case (.hangUp, nil, nil, nil, nil, nil, nil, nil): return .hangUp
        case (nil, _, _, _, _, _, _, _): throw LineFault.missingMember
        default: throw LineFault.strayMember
        }
    }
}

extension LineFault {
    static let tooManyActions = rule("too many actions")
    static let badTerminator = rule("terminator is not # or *")
}
