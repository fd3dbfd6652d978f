internal import Policy
internal import SottoBase

/// Names of the design that this version refuses, and what to say about them.
enum RedactionActionNames {
    static let token = "the token vault is not part of this version: use mask or keep-last-four"

    static let laterKinds: [String: String] = Dictionary(
        uniqueKeysWithValues: [
            "pin", "bank-account", "iban", "ssn", "itin", "national-id", "phone", "e-mail", "postal-address", "date-of-birth",
            "person-name",
            "health", "passport", "licence", "ip-address", "password", "one-time-code",
        ].filter { SensitiveKind(rawValue: $0) == nil }.map {
            ($0, "the kind \($0) is not found by this version; a run of digits is masked as number all the same")
        })

    static func allowed(for kind: SensitiveKind) -> [String] {
        RedactionAction.allCases.filter { RedactionPolicy.allows($0, for: kind) }.map(\.rawValue)
    }
}

/// Reads `[redaction]`.
struct RedactionReader {
    let section: Section

    func read() -> RedactionPolicy {
        var actions: [SensitiveKind: RedactionAction] = [:]
        for kind in SensitiveKind.allCases {
            let key = kind.rawValue
            let isToken = section.text(key) == "token"
            let allowed = RedactionActionNames.allowed(for: kind)
            let expected = allowed.count == 1 ? "\"\(allowed[0])\"" : "one of " + allowed.joined(separator: ", ")
            if isToken, !RedactionPolicy.allows(.keep, for: kind) {
                section.refuse(
                    key, "'token' is never allowed for \(key)", expected: expected, hint: "verification codes are never stored, in no form")
                continue
            }
            guard let action = section.choice(key, RedactionAction.self, later: ["token": RedactionActionNames.token]) else { continue }
            guard RedactionPolicy.allows(action, for: kind) else {
                section.refuse(
                    key, "'\(action.rawValue)' is never allowed for \(key)", expected: expected,
                    hint: action == .keepLastFour && RedactionPolicy.allows(.keep, for: kind)
                        ? "its values are too short to keep four digits of" : "verification codes are never stored, in no form")
                continue
            }
            if action == .keep {
                section.findings.warning(
                    at: section.place(of: key), "\(key) values stay in clear in transcripts and recordings",
                    hint: "meant for tests with made-up numbers")
            }
            actions[kind] = action
        }
        return RedactionPolicy(actions: actions, location: section.location)
    }
}
