internal import AdministrationAPI
internal import AuditLog
internal import Calls
internal import Logging
internal import NIOCore
internal import Policy
internal import SIPTransport
internal import SottoBase
internal import SottoConfiguration
internal import SottoTLS

extension Daemon {
    /// Reads everything anew and swaps it in, or leaves the old one running: policy, certificates and keys. Running calls and connections
    /// keep what they began with.
    func reload(by actor: AuditActor) async -> ReloadReport {
        manager.reloading()
        defer { manager.ready(status: state.isDraining ? "draining" : "running, policy \(state.loaded.policy.version)") }
        let running = state.loaded
        let files = ConfigurationFiles.system()
        let loaded: LoadedConfiguration
        var contexts: [(RunningListener, TLSContext)] = []
        let access: [TrunkReference: TrunkAccess]
        do {
            loaded = try Self.load(options.configuration, files)
            for listener in state.listeners {
                guard let configured = loaded.machine.listeners.first(where: { $0.name == listener.name }) else { continue }
                contexts.append((listener, try ListenerContexts.make(configured, tickets: listener.tickets, files: files)))
            }
            access = try TrunkAccess.all(loaded, files: files)
        } catch {
            let text = (error as? StartFailure)?.description ?? (error as? ListenerContexts.Failure)?.description
                ?? (error as? TrunkAccess.Failure)?.description ?? "the reload failed"
            events.note(.error, "policy.refused", [("reason", text)])
            await audit.append(
                AuditEntry(act: .policyRefused, actor: actor, outcome: .refused, facts: ["running": running.policy.version]))
            return ReloadReport(
                isAccepted: false, policyVersion: running.policy.version, diagnostics: text.split(separator: "\n\n").map(String.init),
                needsRestart: [])
        }
        // On the log before it counts.
        do throws(AuditError) {
            try await audit.appendBeforeAnswering(
                AuditEntry(act: .policyLoaded, actor: actor, facts: ["policy": loaded.policy.version, "before": running.policy.version]))
        } catch {
            return ReloadReport(
                isAccepted: false, policyVersion: running.policy.version,
                diagnostics: ["the reload was not carried out, because the audit log cannot be written: \(error)"], needsRestart: [])
        }
        for (listener, context) in contexts { listener.served.replace(with: context) }
        state.replace(loaded)
        directory.replace(policy: loaded.policy)
        let callLoop = callLoop
        trunkAccess.replace(access)
        let outbound = outbound
        try? await callLoop.loop.submit {
            callLoop.feed(.policyChanged(loaded.policy))
            outbound.value.policyChanged()
        }.get()
        // Who is no trunk any more, or shows a certificate that was revoked, loses its connections; nobody else does.
        for peer in directory.orphans { transport.closeConnections(of: peer) }
        let closed = await transport.recheck()
        if closed > 0 { events.note(.notice, "connections.closed-by-reload", [("count", String(closed))]) }
        let restart = Self.needsRestart(loaded, comparedTo: state.started, hasEmbeddedSpeech: options.loadsEmbeddedSpeech)
        events.note(
            .notice, "policy.loaded",
            [("policy", loaded.policy.version), ("before", running.policy.version), ("needs-restart", restart.joined(separator: ", "))])
        return ReloadReport(
            isAccepted: true, policyVersion: loaded.policy.version, diagnostics: loaded.warnings.map(\.description), needsRestart: restart)
    }

    /// What of `loaded` counts from the next start only. Compared to what the daemon was started with, not to the last reload: what one
    /// reload left pending, the next one names again.
    static func needsRestart(
        _ loaded: LoadedConfiguration, comparedTo started: LoadedConfiguration, hasEmbeddedSpeech: Bool
    ) -> [String] {
        var result = loaded.machine.needsRestart(comparedTo: started.machine)
        // Words that are gone do no harm; new ones are not heard.
        if hasEmbeddedSpeech, !recognizedPhrases(loaded.policy).isSubset(of: recognizedPhrases(started.policy)) {
            result.append("words for the embedded recognizer")
        }
        return result
    }
}
