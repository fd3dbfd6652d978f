internal import SottoBase

/// The reference of `tenants/NAME.toml`.
enum TenantTables {
    static var all: [ConfigurationTable] {
        [
            root, tenant, TrunkTables.trunk, TrunkTables.media, TrunkTables.limits, TrunkTables.sessionTimer, TrunkTables.outbound,
            TrunkTables.credentials, TrunkTables.register, route, consent, prompts, redaction, retention, speech, FraudTables.fraud,
            FraudTables.rule,
            FraudTables.when, DialogueTables.dialogue, DialogueTables.state, DialogueTables.choice, DialogueTables.collect,
            DialogueTables.handOver,
        ]
    }

    static let root = ConfigurationTable(
        "(top of tenants/NAME.toml)", "The tables of a tenant's file.", [],
        tables: ["tenant", "trunk", "route", "consent", "redaction", "retention", "speech", "fraud", "dialogue"],
        later: [
            "sip": "listeners are the machine's: write them into sotto.toml", "payment": "payment gateways are not part of this version",
            "vault": "the token vault is not part of this version",
        ])

    static let tenant = ConfigurationTable(
        "[tenant]", "Who this tenant is.",
        [
            .required("name", "name", "a-z, 0-9, hyphen, at most 63. It names folders of records; renaming a tenant makes a new one."),
            .required("region", "region", "Where the tenant is: `DE`, `US-CA`. It counts for consent like a party's region."),
        ])

    static let route = ConfigurationTable(
        "[[route]]", "Where calls go. The first route whose conditions all hold wins; without one a call gets 404.",
        [
            .optional("name", "string", "For the log; by default its number."),
            .optional("from", "trunk or list", "Trunks that the call may come by; by default any of the tenant's."),
            .optional("to-number", "pattern or list", "Called numbers: `+493012345`, `+4930*`, `sales`, `*`."),
            .optional("from-number", "pattern or list", "Calling numbers; a withheld number matches none."),
            .required(
                "target", "target or list",
                "`agent:NAME` (a dialogue), `echo` (the caller hears itself), `trunk:NAME` (the call is bridged), or `reject:STATUS` "
                    + "(400 to 699). "
                    + "A list of trunks is tried in order: `[\"trunk:a\", \"trunk:b\"]`."),
            .optional("to-prefix-strip", "text", "For a trunk: taken off the called number's beginning, if it is there."),
            .optional("to-prefix-add", "text", "For a trunk: put before the called number, after `to-prefix-strip`."),
        ])

    static let consent = ConfigurationTable(
        "[consent]",
        "Whether and how callers are asked before anything is recorded. The law of the parties' regions may ask for more than this "
            + "table, never for less.",
        [
            .optional(
                "record", "never, announce or ask", "ask",
                "never: nothing is kept. announce: the caller is told. ask: recorded only after a yes."),
            .optional(
                "uses", "list", "recording, transcription", "What a yes covers: recording, transcription, analysis, training."),
            .optional("refused", "continue or hang-up", "continue", "What happens to a call whose caller refuses."),
            .optional(
                "tone", "never or where-required", "where-required",
                "A recording tone. No jurisdiction of the table needs one besides an announcement."),
            .optional("attempts", "number", "3", "How often the question is asked before silence counts as a no, 1 to 5."),
            .optional("answer-time", "duration", "6s", "How long an answer is waited for, 2s to 30s."),
            .optional("withdrawal-time", "duration", "3s", "How long a caller may withdraw after a spoken yes was read back, 1s to 15s."),
        ], tables: ["prompts"])

    static let prompts = ConfigurationTable(
        "[consent.prompts]", "What is said about recording, in the tenant's words.",
        [
            .optional("announcement", "text", "Said under `announce`, and where a law wants the announcement on the recording."),
            .optional("question", "text", "Said under `ask`. It should name yes, no and the keys 1 and 2, and the purpose."),
            .optional("read-back", "text", "After a spoken yes: what was understood, and how to withdraw (no, or key 2)."),
            .optional("unclear", "text", "When the answer was not understood."),
            .optional("granted", "text", "After a yes; empty: nothing."),
            .optional("refused", "text", "After a no; empty: nothing."),
            .optional("withdrawn", "text", "When a caller takes the yes back later in the call; empty: nothing."),
            .optional("disclosure", "text", "Said first where a law asks to tell that an AI speaks (EU)."),
        ])

    static let redaction = ConfigurationTable(
        "[redaction]",
        "What is done with values that were heard, by kind: mask (a label in text, silence in audio), keep-last-four, keep. Every kind "
            + "is masked unless a line says otherwise.",
        SensitiveKind.allCases.map { kind in
            let actions = RedactionActionNames.allowed(for: kind).joined(separator: ", ")
            return .optional(kind.rawValue, actions, "mask", "Action for \(kind.rawValue) values.")
        }, later: RedactionActionNames.laterKinds)

    static let retention = ConfigurationTable(
        "[retention]", "How long each class is kept: 1d to 20y.",
        [
            .optional("audio", "duration", "30d", "Recordings."),
            .optional("transcript", "duration", "90d", "Masked transcripts."),
            .optional("record", "duration", "1y", "Call records: who, when and what was decided; no content."),
        ])

    static let speech = ConfigurationTable(
        "[speech]", "Which providers serve the tenant's calls, and who may hear its callers.",
        [
            .optional("recognizer", "provider", "pocketsphinx", "A recognizer of the machine."),
            .optional("synthesizer", "provider", "flite", "A synthesizer of the machine."),
            .optional("model", "provider", "script", "Who leads the conversation; `script` runs the dialogue of the route."),
            .optional(
                "allow", "list of boundaries", "in-process",
                "Where clear audio may be heard: in-process, on-premises, external. A recognizer beyond is refused."),
        ])
}

/// The reference of fraud rules, which both files may hold.
enum FraudTables {
    static let fraud = ConfigurationTable("[fraud]", "Rules against fraud.", [], tables: ["rule"])

    static let rule = ConfigurationTable(
        "[[fraud.rule]]",
        "The first rule that matches and decides wins; the machine's come before the tenant's. What no rule decides is allowed; the "
            + "reason then names the rule everything-else.",
        [
            .required("name", "name", "For the log and alerts; a-z, 0-9, hyphen."),
            .required("then", "allow, refuse or alert", "What is done. After `alert` the next rules still count."),
            .optional("status", "number", "603", "The status of a refusal, 400 to 699."),
            .optional("mode", "enforce or observe", "enforce", "observe: what the rule would have done is reported, nothing is done."),
        ], tables: ["when"])

    static let when = ConfigurationTable(
        "fraud.rule.when = { … }", "Conditions, all of which must hold; none: the rule matches every call.",
        [
            .optional("callee-prefix", "prefix or list", "The called number starts with one of these: `+881`."),
            .optional("caller-prefix", "prefix or list", "The calling number starts with one of these."),
            .optional("caller-withheld", "true or false", "The caller shows no number."),
            .optional("trunk", "trunk or list", "The call came by one of these trunks (a tenant's rule only)."),
            .optional("tenant", "tenant or list", "The call is one of these tenants' (a machine's rule only)."),
            .optional("hours", "FROM-TO", "Local time of the day: `22:00-06:00` runs over midnight."),
            .optional("days", "list of days", "mon, tue, wed, thu, fri, sat, sun: the day on which `hours` begin; by default all."),
            .optional("utc-offset", "±HH:MM", "+00:00", "How far local time is ahead of UTC. Summer time is not followed."),
        ])
}

/// The reference of scripted dialogues.
enum DialogueTables {
    static let dialogue = ConfigurationTable(
        "[[dialogue]]", "A scripted conversation, which a route reaches by `agent:NAME`.",
        [
            .required("name", "name", "a-z, 0-9, hyphen."),
            .required("start", "state", "The first state."),
            .optional("silence", "duration", "8s", "How long an answer is waited for, 1s to 60s."),
            .optional("silence-limit", "number", "3", "So many silences in a state end the call, 1 to 10."),
            .optional("silence-prompt", "text", "Said after a silence, before the question is asked again."),
            .optional("no-match-limit", "number", "3", "So many answers without a match in a state end the call, 1 to 10."),
            .optional("no-match", "text", "Sorry, I did not understand that.", "Said after an answer that nothing matches."),
            .optional("farewell", "text", "Goodbye.", "Said before hanging up because a limit was reached."),
        ], tables: ["state"])

    static let state = ConfigurationTable(
        "[[dialogue.state]]",
        "A step of the conversation. It says `say`, then does exactly one of: ask and listen, collect keys, go on (`next`), hand the "
            + "caller over, hang up.",
        [
            .required("name", "name", "a-z, 0-9, hyphen; once in the dialogue."),
            .optional("say", "text", "Said when the state is entered."),
            .optional("ask", "text", "The question, said before listening or collecting; again after silence or no match."),
            .optional("otherwise", "state", "Where an answer leads that no choice of `listen` matches; by default it counts as no match."),
            .optional(
                "payment", "true or false", "false",
                "Payment mode while the state lasts: the recognizer and the recorder hear silence. Only with `collect`."),
            .optional("next", "state", "Go on to this state."),
            .optional("hang-up", "true or false", "false", "End the call."),
        ], tables: ["listen", "collect", "hand-over"], later: ["transfer": "write hand-over = { to = …, trunk = …, failed = … }"])

    static let choice = ConfigurationTable(
        "[[dialogue.state.listen]]", "A choice: the first that matches the answer wins.",
        [
            .optional("words", "word or list", "Words or phrases as they are spoken: letters, spaces and apostrophes. One is enough."),
            .optional("key", "0-9, * or #", "A key that chooses this as well."),
            .optional("hears", "list of kinds", "Chosen when a value of such a kind was heard (and masked): card, number …"),
            .required("next", "state", "Where it leads."),
        ])

    static let collect = ConfigurationTable(
        "[dialogue.state.collect]", "Keys that the caller presses. The digits reach neither the model, the log nor the recording.",
        [
            .required("kind", "kind", "What the digits are: card, card-verification, card-expiry, number."),
            .required("digits", "number or FROM-TO", "How many: `\"16\"`, `\"12-19\"`; 1 to 32."),
            .optional("terminator", "# or *", "#", "The key that ends the row early; empty: none."),
            .required("next", "state", "Where it leads."),
            .optional("invalid", "state", "Where a row of a wrong length leads; by default it counts as no match."),
        ])

    static let handOver = ConfigurationTable(
        "[dialogue.state.hand-over]", "Somebody is called by a trunk, and the caller is joined to them.",
        [
            .required("to", "number or name", "Who is called: `+493012345`, or a name that the trunk knows."),
            .required("trunk", "trunk", "A trunk of this tenant with an `outbound` table; its `transfer` says how the caller is moved."),
            .optional("say", "text", "Said before."),
            .required("failed", "state", "Where it leads when nobody answers."),
        ])
}
