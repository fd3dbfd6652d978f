import AdministrationAPI

/// Reports as a person reads them. Each function returns lines without a newline at the end.
enum ReportText {
    static func status(_ report: StatusReport) -> String {
        var parts = ["sottod \(report.version)  \(report.state) since \(report.startedAt)  policy \(report.policyVersion)".harmless]
        if !report.alerts.isEmpty {
            parts.append("ALERTS\n" + report.alerts.map { "  " + $0.harmless }.joined(separator: "\n"))
        }
        var listeners = Table(["LISTENER", "ADDRESS", "CERTIFICATE ENDS"])
        for listener in report.listeners { listeners.add(listener.name, listener.address, listener.certificateExpires) }
        if !listeners.isEmpty { parts.append(listeners.text) }
        if !report.gauges.isEmpty { parts.append(numbers("IN USE", report.gauges.mapValues { String($0) })) }
        if !report.counters.isEmpty { parts.append(numbers("SINCE THE START", report.counters.mapValues { String($0) })) }
        return parts.joined(separator: "\n\n")
    }

    /// Numbers stand at the right.
    private static func numbers(_ title: String, _ values: [String: String]) -> String {
        let width = values.values.map(\.count).max() ?? 0
        var table = Table()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            table.add(name, String(repeating: " ", count: width - value.count) + value)
        }
        return title + "\n" + table.text
    }

    static func calls(_ calls: [CallReport]) -> String {
        guard !calls.isEmpty else { return "No calls." }
        var table = Table(["CALL", "TENANT", "TRUNK", "STATE", "SINCE", "ROUTE", "CODEC", "SUITE", "CONSENT"])
        for call in calls {
            table.add(
                call.call, call.tenant, call.trunk, call.isPayment ? call.state + " (payment)" : call.state,
                call.answeredAt ?? call.arrivedAt, call.route, call.codec, call.suite, call.consent)
        }
        return table.text
    }

    static func call(_ call: CallReport) -> String {
        var table = Table()
        table.add("call", call.call)
        table.add("tenant", call.tenant)
        table.add("trunk", call.trunk)
        table.add("state", call.state)
        table.add("arrived", call.arrivedAt)
        table.add("answered", call.answeredAt)
        table.add("route", call.route)
        table.add("codec", call.codec)
        table.add("suite", call.suite)
        table.add("consent", call.consent)
        table.add("payment", call.isPayment ? "yes" : "no")
        return table.text
    }

    /// A ladder: what came from the left of each leg's column points to the gateway, what it sent points away.
    static func trace(_ report: TraceReport, isBrief: Bool) -> String {
        var blocks: [String] = []
        for step in report.steps {
            let leg = step.leg == 0 ? "caller" : "leg \(step.leg)"
            let arrow = step.direction == "received" ? "──▶ gateway" : "◀── gateway"
            let head = "\(step.time)  \(leg.padded(to: 6)) \(arrow)  \(step.summary)".harmless
            guard !isBrief else {
                blocks.append(head)
                continue
            }
            let lines = step.text.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + String($0).harmless }
            blocks.append(([head] + lines).joined(separator: "\n"))
        }
        if report.left > 0 { blocks.append("\(report.left) further messages were not kept") }
        return blocks.isEmpty ? "No messages." : blocks.joined(separator: isBrief ? "\n" : "\n\n")
    }

    static func event(_ event: EventReport) -> String {
        var line = "\(event.time)  \(event.level.padded(to: 7))  \(event.event)"
        if let tenant = event.tenant { line += "  tenant=\(tenant)" }
        if let call = event.call { line += "  call=\(call)" }
        for (name, value) in event.fields.sorted(by: { $0.key < $1.key }) {
            line += "  \(name)=" + (value.isEmpty || value.contains { $0 == " " || $0 == "\"" || $0 == "=" } ? "\"\(value)\"" : value)
        }
        return line.harmless
    }

    static func reload(_ report: ReloadReport) -> String {
        var lines = report.diagnostics.map { Terminal.harmless($0, keepingLines: true) }
        if report.isAccepted {
            lines.append("reloaded: policy \(report.policyVersion) is in force".harmless)
            lines += report.needsRestart.map { "counts from the next start: \($0)".harmless }
        } else {
            lines.append("refused: policy \(report.policyVersion) stays in force".harmless)
        }
        return lines.joined(separator: "\n")
    }

    static func records(_ records: [RecordReport]) -> String {
        guard !records.isEmpty else { return "No records." }
        var table = Table(["CALL", "STARTED", "ENDED", "DIRECTION", "TRUNK", "CONSENT", "ENDING", "OBJECTS"])
        for record in records {
            table.add(
                record.call, record.startedAt, record.endedAt, record.direction, record.trunk, record.consent, record.termination,
                String(record.objects.count))
        }
        return table.text
    }

    static func record(_ detail: RecordDetail) -> String {
        let record = detail.record
        var fields = Table()
        fields.add("call", record.call)
        fields.add("tenant", record.tenant)
        fields.add("started", record.startedAt)
        fields.add("ended", record.endedAt ?? "never: it runs, or the daemon died in it")
        fields.add("direction", record.direction)
        fields.add("trunk", record.trunk)
        fields.add("policy", record.policyVersion)
        fields.add("ending", record.termination)
        fields.add("consent", record.consent)
        var parts = [fields.text]
        var objects = Table(["OBJECT", "STATE", "SEGMENTS", "BYTES", "LOST", "SEALED IN"])
        for object in record.objects {
            objects.add(object.name, object.state, object.segments.text, object.bytes.text, object.lost.text, object.path)
        }
        if !objects.isEmpty { parts.append(objects.text) }
        if let document = detail.document { parts.append(Self.document("RECORD", document)) }
        if let evidence = detail.consentEvidence { parts.append(Self.document("CONSENT", evidence)) }
        if !detail.transcript.isEmpty {
            var lines = Table(indent: 2)
            for line in detail.transcript { lines.add(clock(line.from), line.speaker, line.text) }
            parts.append("TRANSCRIPT\n" + lines.text)
        }
        return parts.joined(separator: "\n\n")
    }

    /// A sealed document's fields, or its text when it is no JSON.
    private static func document(_ title: String, _ text: String) -> String {
        guard let value = AdministrationJSON.decode(JSONValue.self, from: Array(text.utf8)) else { return "\(title)\n  \(text.harmless)" }
        var table = Table(indent: 2)
        for row in value.rows() { table.add(row.name, row.value) }
        return "\(title)\n\(table.text)"
    }

    static func audit(_ entries: [AuditReport]) -> String {
        guard !entries.isEmpty else { return "No entries." }
        var table = Table(["ENTRY", "TIME", "ACT", "OUTCOME", "ACTOR", "ABOUT"])
        for entry in entries {
            guard case .object(let fields)? = AdministrationJSON.decode(JSONValue.self, from: Array(entry.entry.utf8)) else {
                table.add(String(entry.sequence), nil, nil, nil, nil, entry.entry)
                continue
            }
            func text(_ key: String) -> String? {
                fields[key].map { value in value.rows().map { $0.name.isEmpty ? $0.value : "\($0.name)=\($0.value)" }.joined(separator: " ")
                }
            }
            // What has a column of its own, and what only a verifier needs.
            let others = fields.filter { !["v", "sequence", "time", "act", "outcome", "actor", "previous"].contains($0.key) }
            let about = JSONValue.object(others).rows().map { "\($0.name)=\($0.value)" }.joined(separator: " ")
            table.add(String(entry.sequence), text("time"), text("act"), text("outcome"), text("actor"), about)
        }
        return table.text
    }

    /// `1:02.345`
    static func clock(_ milliseconds: Int64) -> String {
        let value = milliseconds.magnitude
        let seconds = String(value / 1_000 % 60).padded(to: 2, with: "0")
        let thousandths = String(value % 1_000).padded(to: 3, with: "0")
        return "\(milliseconds < 0 ? "-" : "")\(value / 60_000):\(seconds).\(thousandths)"
    }
}

extension String {
    fileprivate var harmless: String { Terminal.harmless(self) }

    /// Spaces behind, or another character before.
    fileprivate func padded(to width: Int, with filler: Character? = nil) -> String {
        let missing = String(repeating: filler ?? " ", count: max(0, width - count))
        return filler == nil ? self + missing : missing + self
    }
}

extension UInt64? {
    fileprivate var text: String? { map { String($0) } }
}
