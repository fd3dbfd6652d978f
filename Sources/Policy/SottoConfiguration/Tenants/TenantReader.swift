internal import Policy
internal import SottoBase

/// Reads a tenant's file. Everything that is wrong is reported; the result counts only when nothing was.
struct TenantReader {
    let root: Section
    /// All of the machine's; nil when its file could not be read.
    let providers: [SpeechProvider]?
    /// The folder of sotto.toml, for relative paths.
    let folder: String

    func read() -> TenantPolicy? {
        if !root.has("tenant") { root.findings.error(at: SourceLocation(file: root.file), "table [tenant] is missing") }
        let tenant = root.section("tenant", TenantTables.tenant)
        let name = tenant?.value("name", expected: "a-z, 0-9 and hyphens, at most 63", { TenantName($0) })
        let region = tenant?.value("region", expected: "a country like DE or a state like US-CA", { Region($0) })

        var trunks: [TrunkPolicy] = []
        // Names count for routes and dialogues even when a trunk has faults of its own.
        var outbound: [String: Bool] = [:]
        for section in root.sections("trunk", TrunkTables.trunk, atMost: 1_000) {
            if case .string(let text)? = section.table["name"]?.node.value { outbound[text] = section.has("outbound") }
            guard let trunk = TrunkReader(section: section, folder: folder).read() else { continue }
            if trunks.contains(where: { $0.name == trunk.name }) {
                section.refuse("name", "trunk '\(trunk.name)' is there already")
            } else {
                trunks.append(trunk)
            }
        }
        if !root.has("trunk") {
            root.findings.warning(at: SourceLocation(file: root.file), "the tenant has no trunk", hint: "nobody can call it")
        }

        let dialogueSections = root.sections("dialogue", DialogueTables.dialogue, atMost: 200)
        // Names count for routes even when a dialogue has faults of its own.
        let dialogueNames = Set(
            dialogueSections.compactMap { section -> String? in
                if case .string(let text)? = section.table["name"]?.node.value { text } else { nil }
            })
        var dialogues: [String: DialogueScript] = [:]
        for section in dialogueSections {
            guard let dialogue = DialogueReader(section: section, outbound: outbound).read() else { continue }
            if dialogues.updateValue(dialogue, forKey: dialogue.name) != nil {
                section.refuse("name", "dialogue '\(dialogue.name)' is there already")
            }
        }

        let routes = readRoutes(trunks: trunks.map(\.name), outbound: outbound, dialogues: dialogueNames)
        let consent =
            root.section("consent", TenantTables.consent).map { ConsentReader(section: $0).read() }
            ?? ConsentPolicy(location: root.location)
        let redaction = root.section("redaction", TenantTables.redaction).map { RedactionReader(section: $0).read() } ?? RedactionPolicy()
        let retention = root.section("retention", TenantTables.retention).map(readRetention) ?? .standard
        let speech = root.section("speech", TenantTables.speech).map(readSpeech) ?? SpeechPolicy(location: root.location)
        let rules = FraudReader(root: root, trunks: trunks.map(\.name)).read()
        guard let name, let region else { return nil }
        return TenantPolicy(
            name: name, region: region, trunks: trunks, routes: routes, consent: consent, redaction: redaction, retention: retention,
            speech: speech, dialogues: dialogues, fraudRules: rules, location: tenant?.location ?? root.location)
    }

    private func readRoutes(trunks: [TrunkName], outbound: [String: Bool], dialogues: Set<String>) -> [RoutePolicy] {
        var routes: [RoutePolicy] = []
        for (index, section) in root.sections("route", TenantTables.route, atMost: 1_000).enumerated() {
            let reader = RouteReader(section: section, number: index + 1, trunks: trunks, outbound: outbound, dialogues: dialogues)
            guard let route = reader.read() else { continue }
            if let earlier = routes.first(where: { $0.covers(route) }) {
                section.findings.warning(
                    at: section.location, "this route is never reached", hint: "\(earlier.rule) matches all that it matches")
            }
            routes.append(route)
        }
        if !root.has("route") {
            root.findings.warning(at: SourceLocation(file: root.file), "the tenant has no route", hint: "every call gets 404")
        }
        return routes
    }

    private func readRetention(_ section: Section) -> RetentionPolicy {
        let range: ClosedRange<Duration> = Duration.seconds(86_400)...Duration.seconds(20 * 31_536_000)
        let standard = RetentionPolicy.standard
        return RetentionPolicy(
            audio: section.duration("audio", in: range) ?? standard.audio,
            transcript: section.duration("transcript", in: range) ?? standard.transcript,
            record: section.duration("record", in: range) ?? standard.record, location: section.location)
    }

    private func readSpeech(_ section: Section) -> SpeechPolicy {
        let allowed = section.choices("allow", Boundary.self).map { Set($0) } ?? [.inProcess]
        func provider(_ service: SpeechProvider.Service, _ standard: String) -> String {
            let key = service.rawValue
            guard let text = section.text(key) else { return standard }
            guard let providers else { return text }
            let candidates = providers.filter { $0.service == service }
            guard let provider = candidates.first(where: { $0.name == text }) else {
                let names = candidates.map(\.name)
                let nearest = Suggestion.nearest(to: text, among: names)
                section.refuse(
                    key, "there is no \(key) '\(text.shortened)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                    expected: "one of " + names.joined(separator: ", "), hint: "add a [[speech.provider]] to sotto.toml")
                return text
            }
            // Models and synthesizers get masked text; only a recognizer hears callers.
            if service == .recognizer, !allowed.contains(provider.boundary) {
                section.refuse(
                    key, "recognizer '\(text)' is \(provider.boundary.rawValue), which this tenant does not allow",
                    hint: "add \"\(provider.boundary.rawValue)\" to allow if it may hear clear audio")
            }
            return text
        }
        let standard = SpeechPolicy()
        return SpeechPolicy(
            recognizer: provider(.recognizer, standard.recognizer), synthesizer: provider(.synthesizer, standard.synthesizer),
            model: provider(.model, standard.model), allowedBoundaries: allowed, location: section.location)
    }
}

extension RoutePolicy {
    /// True when every call that `other` matches is matched by this.
    fileprivate func covers(_ other: RoutePolicy) -> Bool {
        func covers(_ mine: [NumberPattern], _ others: [NumberPattern]) -> Bool {
            mine.isEmpty || (!others.isEmpty && others.allSatisfy { theirs in mine.contains { $0.covers(theirs) } })
        }
        return (from.isEmpty || (!other.from.isEmpty && Set(from).isSuperset(of: other.from)))
            && covers(toNumbers, other.toNumbers) && covers(fromNumbers, other.fromNumbers)
    }
}
