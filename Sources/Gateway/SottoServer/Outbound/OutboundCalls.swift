internal import Calls
internal import NIOCore
internal import Policy
internal import SIPSessions
internal import SIPTransport
internal import SottoBase

/// Everything that calls out: dialler, OPTIONS, registrations, and the health that they share. Call loop alone.
final class OutboundCalls {
    let dialler: TrunkDialler
    private let prober: TrunkProber
    private let registrations: TrunkRegistrations
    private let health: TrunkHealth
    private let resolver: NameResolver

    init(
        loop: any EventLoop, transport: SIPConnections, resolver: NameResolver, access: TrunkAccessTable, directory: TrunkDirectory,
        events: EventLog, alert: @escaping (String, Bool) -> Void, perform: @escaping (SIPEndpointCommand) -> Void,
        answer: @escaping (CallTable.Input) -> Void
    ) {
        self.resolver = resolver
        health = TrunkHealth(access: access, events: events)
        dialler = TrunkDialler(
            loop: loop, transport: transport, resolver: resolver, access: access, directory: directory, health: health, answer: answer)
        prober = TrunkProber(
            loop: loop, transport: transport, resolver: resolver, access: access, directory: directory, health: health, perform: perform)
        registrations = TrunkRegistrations(
            loop: loop, transport: transport, resolver: resolver, access: access, directory: directory, health: health, events: events,
            alert: alert, perform: perform)
        dialler.registration = { [registrations] trunk in registrations.route(trunk) }
    }

    /// About once a second.
    func ticked(now: Instant) {
        prober.ticked(now: now)
        registrations.ticked(now: now)
    }

    func policyChanged() { health.policyChanged() }

    /// True for an event that is about no call.
    func take(_ event: SIPEndpointEvent) -> Bool {
        switch event {
        case .probed(let probe, let outcome): prober.probed(probe, outcome)
        case .registered(let id, let grant): registrations.registered(id, grant)
        case .registrationFailed(let id, let failure, let retry): registrations.registrationFailed(id, failure, retry: retry)
        case .unregistered(let id): registrations.unregistered(id)
        default: return false
        }
        return true
    }

    /// Takes registrations back; what is sent for it leaves before connections drain.
    func stop() { registrations.stop() }

    var dialling: Int { dialler.count }
    var probing: Int { prober.count }
    var registered: Int { registrations.upCount }
    var outOfRotation: Int { health.outOfRotation }
}
