internal import Administration
internal import AdministrationAPI
internal import Admission
internal import AuditLog
internal import Calls
internal import Keys
internal import MediaPlane
internal import NIOCore
internal import Policy
internal import ProviderProcesses
internal import SIPTransport
internal import SealedStorage
internal import SottoBase
internal import SottoConfiguration
internal import SottoTLS
internal import Speech

extension Daemon {
    func runningCalls() async -> [Calls.CallSummary] {
        let callLoop = callLoop
        return (try? await callLoop.loop.submit { callLoop.runningCalls }.get()) ?? []
    }

    /// The masked SIP ladder of a call that runs or ended lately.
    func ladder(of call: CallID) async -> (steps: [SIPLadderStep], left: Int)? {
        let callLoop = callLoop
        return (try? await callLoop.loop.submit { callLoop.ladder(of: call) }.get()) ?? nil
    }

    /// Every gauge and counter that the daemon has.
    func status() async -> StatusReport {
        let callLoop = callLoop
        let calls = try? await callLoop.loop.submit {
            (callLoop.callCount, callLoop.recorderCount, callLoop.gate.counters, callLoop.gate.sourceCount, callLoop.gate.isShedding)
        }.get()
        let endpoint = await driver.gauges()
        let plane = media.gauges
        let sip = transport.gauges
        var gauges: [String: Int64] = [
            "calls": Int64(calls?.0 ?? 0), "recorders": Int64(calls?.1 ?? 0), "admission-sources": Int64(calls?.3 ?? 0),
            "admission-shedding": calls?.4 == true ? 1 : 0,
            "sip-transactions": Int64(endpoint.transactions), "sip-dialogs": Int64(endpoint.dialogs),
            "sip-connections": Int64(sip.connections), "sip-handshakes": Int64(sip.handshakes), "sip-deadlines": Int64(endpoint.deadlines),
            "sip-sockets": Int64(sip.sockets), "sip-sources": Int64(sip.sources), "trunks-seen": Int64(directory.count),
            "media-worst-lateness-us": Int64(plane.worstLatenessMicroseconds), "provider-processes": Int64(ChildReaper.shared.count),
            "media-sessions": Int64(plane.sessions), "media-sockets": Int64(plane.sockets),
            "media-port-pairs": Int64(plane.portPairsInUse), "media-port-pairs-resting": Int64(plane.portPairsResting),
            "media-mailbox": Int64(plane.mailboxDepth), "media-events-waiting": Int64(plane.eventsWaiting),
            "clear-words": Int64(ClearArena.words.occupied), "clear-keys": Int64(ClearArena.keys.occupied),
            "secret-bytes": Int64(SecretBytes.bytesInUse), "storage-pending": Int64(storage.pending),
            "audit-pending": Int64(auditLog.pending), "keys-pending": Int64(hierarchy.pending), "keys-cached": Int64(hierarchy.cachedKeys),
            "event-followers": Int64(events.followerCount),
        ]
        let outbound = outbound
        let out = try? await callLoop.loop.submit {
            (
                outbound.value.dialling, outbound.value.probing, outbound.value.registered, outbound.value.outOfRotation,
                callLoop.farLegCount, callLoop.attemptCount, callLoop.ladderBytes
            )
        }.get()
        gauges["calls-dialling"] = Int64(out?.0 ?? 0)
        gauges["trunk-probes"] = Int64(out?.1 ?? 0)
        gauges["trunks-registered"] = Int64(out?.2 ?? 0)
        gauges["trunk-servers-out"] = Int64(out?.3 ?? 0)
        gauges["calls-far-legs"] = Int64(out?.4 ?? 0)
        gauges["sip-attempts"] = Int64(out?.5 ?? 0)
        // Ladders of ended calls are kept for a while: within their limit.
        gauges["sip-ladder-bytes"] = Int64(out?.6 ?? 0)
        gauges["sip-ladder-bytes-limit"] = Int64(SIPLadders.Limits().bytes)
        gauges["sip-dials"] = Int64(sip.dials)
        gauges["sip-waiting-messages"] = Int64(sip.waitingMessages)
        gauges["media-dtls-handshakes"] = Int64(plane.handshakes)
        if let administration = state.administration?.gauges {
            gauges["admin-connections"] = Int64(administration.connections)
            gauges["admin-requests"] = Int64(administration.requests)
            gauges["admin-streams"] = Int64(administration.streams)
        }
        for case let recognizer as PocketSphinxRecognizer in providers.recognizers.values {
            gauges["recognizer-streams", default: 0] += Int64(recognizer.streams)
        }
        for case let synthesizer as FliteSynthesizer in providers.synthesizers.values {
            gauges["synthesizer-waiting", default: 0] += Int64(synthesizer.waiting)
        }
        var counters: [String: UInt64] = [
            "media-packets-received": plane.packetsReceived, "media-packets-sent": plane.packetsSent,
            "media-unauthenticated": plane.unauthenticated, "media-replayed": plane.replayed, "media-malformed": plane.malformed,
            "media-send-failures": plane.sendFailures, "media-events-lost": plane.eventsLost, "media-frames-refused": plane.framesRefused,
            "media-statistics-dropped": plane.statisticsDropped, "storage-refused": UInt64(storage.refused),
            "audit-refused": UInt64(auditLog.refused), "audit-entries": auditLog.head.size,
            "sip-accepted": sip.accepted, "sip-bytes-received": sip.bytesReceived, "sip-bytes-sent": sip.bytesSent,
            "sip-messages-received": sip.messagesReceived, "sip-messages-sent": sip.messagesSent, "sip-keep-alives": sip.keepAlives,
            "sip-dialled": sip.dialled, "sip-dials-failed": sip.dialsFailed, "media-dtls-ignored": plane.dtlsIgnored,
        ]
        if let administration = state.administration?.gauges {
            counters["admin-requests"] = administration.requestsTotal
            counters["admin-refused"] = administration.refusedTotal
            counters["admin-over-limit"] = administration.overLimitTotal
            counters["admin-slow"] = administration.slowTotal
        }
        if let admission = calls?.2 {
            counters["calls-allowed"] = admission.allowed
            counters["calls-refused-by-overload"] = admission.refusedByOverload
            counters["calls-refused-by-limit"] = admission.refusedByLimit
            counters["calls-refused-by-fraud-rule"] = admission.refusedByFraudRule
            counters["calls-refused-by-drain"] = admission.refusedByDrain
            counters["fraud-alerts"] = admission.alerts
        }
        for (fault, count) in sip.faults { counters["sip-fault-\(fault.rawValue)"] = count }
        var alerts = state.alerts
        if !auditLog.isWritable { alerts.append("the audit log cannot be written: privileged acts are refused") }
        if plane.eventsLost > 0 { alerts.append("media events were lost") }
        return StatusReport(
            version: SottoVersion.daemon, state: state.isDraining ? "draining" : "running", startedAt: state.startedAt.rfc3339,
            policyVersion: directory.policy.version,
            listeners: state.listeners.map { listener in
                StatusReport.Listener(
                    name: listener.name, address: listener.address?.text ?? "none",
                    certificateExpires: listener.served.current.certificateNotAfter?.rfc3339)
            }, gauges: gauges, counters: counters, alerts: alerts)
    }
}
