internal import Calls
internal import Policy
internal import Redaction
internal import SealedStorage
internal import SottoBase

/// The documents that are kept with a call, field by field.
enum RecordDocuments {
    /// - Parameters:
    ///   - recorded: recording began; the recorder knows it better than the call, which hears of a late failure too late.
    ///   - failure: why recording could not begin or go on.
    static func record(_ record: CallRecord, recorded: Bool, failure: String?, release: AudioRelease.Counters) -> RecordFields {
        var fields: RecordFields = [
            "call": .code(record.call.description), "tenant": .code(record.trunk.tenant.text), "trunk": .code(record.trunk.trunk.text),
            "policy": .code(record.policyVersion), "redaction": .code(SottoVersion.redaction),
            "called": .identifier(record.called.text), "caller": record.caller.map { .identifier($0.text) } ?? .code("withheld"),
            "arrived": .time(record.arrivedAt), "ended": .time(record.endedAt), "route": .code(record.route),
            "rule": .code(record.routeRule.description), "termination": .code(record.termination.cause.rawValue),
            "reason": .code(record.termination.reason), "recorded": .yes(recorded),
        ]
        if let answered = record.answeredAt { fields.append("answered", .time(answered)) }
        if let codec = record.codec { fields.append("codec", .code(codec)) }
        if let suite = record.suite { fields.append("suite", .code(suite)) }
        if let failure { fields.append("recording-failure", .code(failure)) }
        if let cause = record.peerCause { fields.append("peer-cause", .number(Int64(cause))) }
        if let consent = record.consent { fields.append("consent", .code(outcome(consent.outcome))) }
        if let media = record.media {
            fields.append(
                "media",
                .fields([
                    "packets-received": .number(Int64(clamping: media.packetsReceived)),
                    "packets-sent": .number(Int64(clamping: media.packetsSent)), "packets-lost": .number(media.packetsLost),
                    "unauthenticated": .number(Int64(clamping: media.unauthenticated)), "digits": .number(Int64(clamping: media.digits)),
                    "jitter-us": .number(Int64(media.jitterMicroseconds)), "round-trip-us": .number(Int64(media.roundTripMicroseconds)),
                ]))
        }
        fields.append(
            "recording",
            .fields([
                "frames": .number(Int64(release.released)), "silenced": .number(Int64(release.silenced)),
                "lagged": .number(Int64(release.lagged)), "late": .number(Int64(release.late)),
            ]))
        return fields
    }

    static func consent(_ evidence: ConsentEvidence) -> RecordFields {
        [
            "policy": .code(evidence.policyVersion), "rule": .code(evidence.rule.description), "mode": .code(evidence.mode.rawValue),
            "facts": .code(evidence.factsDated), "outcome": .code(outcome(evidence.outcome)),
            "rows": .list(
                evidence.rows.map { row in
                    .fields([
                        "party": .code(row.party), "region": .code(row.region), "row": .code(row.row), "parties": .code(row.parties),
                        "basis": .code(row.basis ?? "none"), "statute-read": .yes(row.isChecked), "hint": .yes(row.isHint),
                    ])
                }),
            "events": .list(evidence.events.map { .fields(event($0)) }),
        ]
    }

    static func outcome(_ outcome: ConsentEvidence.Outcome) -> String {
        switch outcome {
        case .granted: "granted"
        case .refused: "refused"
        case .notRecorded: "not-recorded"
        case .unanswered: "unanswered"
        }
    }

    private static func event(_ event: ConsentEvidence.Event) -> RecordFields {
        switch event {
        case .played(let prompt, let text, let from, let to, let isWhole):
            [
                "event": .code("played"), "prompt": .code(prompt.rawValue), "text": .code(text), "from": .time(from), "to": .time(to),
                "whole": .yes(isWhole),
            ]
        case .answered(let answer, let by, let at):
            ["event": .code("answered"), "answer": .code(answer.rawValue), "by": .code(by.rawValue), "at": .time(at)]
        case .silence(let at): ["event": .code("silence"), "at": .time(at)]
        case .withdrawn(let by, let at): ["event": .code("withdrawn"), "by": .code(by.rawValue), "at": .time(at)]
        }
    }
}
