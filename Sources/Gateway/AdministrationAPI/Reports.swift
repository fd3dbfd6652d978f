// What the admin server answers, as JSON. No secret, no clear value and no subscriber's number is ever in a report, but for those that
// `records` may see: a record's document.

/// The daemon as a whole.
public struct StatusReport: Codable, Hashable, Sendable {
    public struct Listener: Codable, Hashable, Sendable {
        public var name: String
        /// `127.0.0.1:5061`
        public var address: String
        /// End of the certificate's validity, RFC 3339.
        public var certificateExpires: String?

        public init(name: String, address: String, certificateExpires: String?) {
            self.name = name
            self.address = address
            self.certificateExpires = certificateExpires
        }
    }

    public var version: String
    /// `running`, `draining`.
    public var state: String
    public var startedAt: String
    public var policyVersion: String
    public var listeners: [Listener]
    /// What is in use now: each returns to zero when the daemon is idle, but for those that end in `-limit`.
    public var gauges: [String: Int64]
    /// What was counted since the start.
    public var counters: [String: UInt64]
    /// What somebody should look at; empty when all is well.
    public var alerts: [String]

    public init(
        version: String, state: String, startedAt: String, policyVersion: String, listeners: [Listener], gauges: [String: Int64],
        counters: [String: UInt64], alerts: [String]
    ) {
        self.version = version
        self.state = state
        self.startedAt = startedAt
        self.policyVersion = policyVersion
        self.listeners = listeners
        self.gauges = gauges
        self.counters = counters
        self.alerts = alerts
    }
}

/// A running call.
public struct CallReport: Codable, Hashable, Sendable {
    public var call: String
    public var tenant: String
    public var trunk: String
    public var state: String
    public var arrivedAt: String
    public var answeredAt: String?
    public var route: String
    public var codec: String?
    public var suite: String?
    public var consent: String
    public var isPayment: Bool

    public init(
        call: String, tenant: String, trunk: String, state: String, arrivedAt: String, answeredAt: String?, route: String, codec: String?,
        suite: String?, consent: String, isPayment: Bool
    ) {
        self.call = call
        self.tenant = tenant
        self.trunk = trunk
        self.state = state
        self.arrivedAt = arrivedAt
        self.answeredAt = answeredAt
        self.route = route
        self.codec = codec
        self.suite = suite
        self.consent = consent
        self.isPayment = isPayment
    }
}

/// A call's SIP ladder. Keys, credentials, digits, names and most of each number are masked.
public struct TraceReport: Codable, Hashable, Sendable {
    public struct Step: Codable, Hashable, Sendable {
        /// RFC 3339, with milliseconds.
        public var time: String
        /// `received`, `sent`, as the gateway sees it.
        public var direction: String
        /// 0: the caller's leg; from 1 on the legs that the gateway dialled.
        public var leg: Int
        /// The start line.
        public var summary: String
        /// The whole message, lines ending with LF.
        public var text: String

        public init(time: String, direction: String, leg: Int, summary: String, text: String) {
            self.time = time
            self.direction = direction
            self.leg = leg
            self.summary = summary
            self.text = text
        }
    }

    public var call: String
    public var steps: [Step]
    /// Messages that were not kept, because there were too many.
    public var left: Int

    public init(call: String, steps: [Step], left: Int) {
        self.call = call
        self.steps = steps
        self.left = left
    }
}

/// A kept call, as a list shows it.
public struct RecordReport: Codable, Hashable, Sendable {
    public struct Object: Codable, Hashable, Sendable {
        /// `audio.caller.0`
        public var name: String
        /// `closed`, `unfinished`, `truncated`, `tampered`, `unreadable`; `unchecked` in a list.
        public var state: String
        public var segments: UInt64?
        public var bytes: UInt64?
        /// Entries that were lost on the way to the disk.
        public var lost: UInt64?
        /// Where the sealed body lies.
        public var path: String?

        public init(name: String, state: String, segments: UInt64?, bytes: UInt64?, lost: UInt64?, path: String?) {
            self.name = name
            self.state = state
            self.segments = segments
            self.bytes = bytes
            self.lost = lost
            self.path = path
        }
    }

    public var call: String
    public var tenant: String
    public var startedAt: String
    /// Absent while the call runs, or when the daemon died in it.
    public var endedAt: String?
    public var direction: String
    public var trunk: String
    public var policyVersion: String
    public var termination: String?
    public var consent: String?
    public var objects: [Object]

    public init(
        call: String, tenant: String, startedAt: String, endedAt: String?, direction: String, trunk: String, policyVersion: String,
        termination: String?, consent: String?, objects: [Object]
    ) {
        self.call = call
        self.tenant = tenant
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.direction = direction
        self.trunk = trunk
        self.policyVersion = policyVersion
        self.termination = termination
        self.consent = consent
        self.objects = objects
    }
}

/// A kept call, opened.
public struct RecordDetail: Codable, Hashable, Sendable {
    public struct Line: Codable, Hashable, Sendable {
        public var speaker: String
        /// Milliseconds since the call's media began.
        public var from: Int64
        public var to: Int64
        public var text: String

        public init(speaker: String, from: Int64, to: Int64, text: String) {
            self.speaker = speaker
            self.from = from
            self.to = to
            self.text = text
        }
    }

    public var record: RecordReport
    /// The call record, as it was sealed: a JSON object's text. Absent when the call never ended properly.
    public var document: String?
    /// The consent evidence, as it was sealed.
    public var consentEvidence: String?
    public var transcript: [Line]

    public init(record: RecordReport, document: String?, consentEvidence: String?, transcript: [Line]) {
        self.record = record
        self.document = document
        self.consentEvidence = consentEvidence
        self.transcript = transcript
    }
}

/// What a reload came to.
public struct ReloadReport: Codable, Hashable, Sendable {
    public var isAccepted: Bool
    /// The version that is in force now.
    public var policyVersion: String
    /// Errors, or warnings of an accepted configuration: several lines each, for a person.
    public var diagnostics: [String]
    /// Tables whose change counts from the next start.
    public var needsRestart: [String]

    public init(isAccepted: Bool, policyVersion: String, diagnostics: [String], needsRestart: [String]) {
        self.isAccepted = isAccepted
        self.policyVersion = policyVersion
        self.diagnostics = diagnostics
        self.needsRestart = needsRestart
    }
}

/// An entry of the audit log: its sequence and its JSON text.
public struct AuditReport: Codable, Hashable, Sendable {
    public var sequence: UInt64
    public var entry: String

    public init(sequence: UInt64, entry: String) {
        self.sequence = sequence
        self.entry = entry
    }
}

/// The audit log's name, verifier key and newest head.
public struct AuditKeyReport: Codable, Hashable, Sendable {
    /// C2SP verifier key: what `sotto audit verify` needs.
    public var verifierKey: String
    public var folder: String
    /// The newest signed note.
    public var head: String

    public init(verifierKey: String, folder: String, head: String) {
        self.verifierKey = verifierKey
        self.folder = folder
        self.head = head
    }
}

/// Something that happened, for followers.
public struct EventReport: Codable, Hashable, Sendable {
    public var time: String
    public var level: String
    public var event: String
    public var call: String?
    public var tenant: String?
    public var fields: [String: String]

    public init(time: String, level: String, event: String, call: String?, tenant: String?, fields: [String: String]) {
        self.time = time
        self.level = level
        self.event = event
        self.call = call
        self.tenant = tenant
        self.fields = fields
    }
}

/// Why a request was not carried out.
public struct AdministrationProblem: Error, Codable, Hashable, Sendable {
    public enum Kind: String, Codable, Hashable, Sendable, CaseIterable {
        /// The peer has not the role: HTTP 403.
        case forbidden
        /// 404
        case notFound = "not-found"
        /// A wrong argument: 400.
        case badRequest = "bad-request"
        /// Not now: the audit log cannot be written, the key service is away, the disk is full: 503.
        case unavailable
        /// 500
        case failed
    }

    public var kind: Kind
    public var detail: String
    /// What to do, if that is known.
    public var hint: String?

    public init(_ kind: Kind, _ detail: String, hint: String? = nil) {
        self.kind = kind
        self.detail = detail
        self.hint = hint
    }
}
