internal import Audio
internal import Administration
internal import AuditLog
internal import Calls
internal import Consent
internal import DurableFiles
internal import Keys
internal import Logging
internal import MediaPlane
internal import NIOCore
internal import NIOPosix
internal import Policy
internal import SIPSessions
internal import SIPTransport
internal import SealedStorage
internal import SottoBase
internal import SottoConfiguration
internal import SottoTLS

/// Why the daemon could not start, with the exit code that says so to systemd.
public struct StartFailure: Error, CustomStringConvertible {
    public let code: ExitCode
    public let description: String
}

/// The whole daemon: makes every part from the configuration, puts them together, and takes them apart again.
public final class Daemon: Sendable {
    public struct Options: Sendable {
        /// The folder of sotto.toml.
        public var configuration: String
        /// A folder of our own for generated files (systemd's RuntimeDirectory).
        public var runtimeFolder: String
        /// Providers beside (or in place of) the embedded ones.
        public var providers = SpeechProviders()
        /// Loads PocketSphinx and flite. Tests that bring their own providers do without.
        public var loadsEmbeddedSpeech = true
        /// Signaling's timers and limits. Tests shorten T1, so that 64·T1 is no half minute.
        var signaling = SIPEndpointConfiguration()
        /// Where keys, objects and the audit log are written. Tests fill it up.
        var disk = Disk()

        public init(configuration: String, runtimeFolder: String) {
            self.configuration = configuration
            self.runtimeFolder = runtimeFolder
        }
    }

    let options: Options
    let events: EventLog
    let manager = ServiceManager()
    let audit: AuditTrail
    let auditLog: AuditWriter
    let storage: SealedStore
    let hierarchy: KeyHierarchy
    let media: MediaThreads
    let directory: TrunkDirectory
    let providers: SpeechProviders
    let callLoop: CallLoop
    let transport: SIPConnections
    let driver: SIPEndpointDriver
    let resolver: NameResolver
    /// How to call out, by trunk.
    let trunkAccess: TrunkAccessTable
    /// Touched on the call loop alone.
    let outbound: NIOLoopBound<OutboundCalls>
    let state: DaemonState
    /// C2SP verifier key of this life's audit log.
    let verifierKey: String
    /// Yields when somebody asked the daemon to stop.
    let stopRequests: AsyncStream<Void>
    private let stopRequested: AsyncStream<Void>.Continuation
    private let group: MultiThreadedEventLoopGroup
    private let callGroup: MultiThreadedEventLoopGroup
    private let voiceGroup: MultiThreadedEventLoopGroup

    /// The listeners' real addresses.
    var addresses: [String: PeerAddress] {
        state.listeners.reduce(into: [:]) { $0[$1.name] = $1.address }
    }

    // MARK: - Start

    /// Reads the configuration, and starts everything. When it returns, calls are taken.
    public static func start(_ options: Options) async throws(StartFailure) -> Daemon {
        let files = ConfigurationFiles.system()
        let loaded = try load(options.configuration, files)
        let machine = loaded.machine
        let log = Logger(label: "sottod") { _ in
            SottoLogHandler(format: machine.log.format, logLevel: machine.log.level.loggerLevel)
        }
        let events = EventLog(logger: log)
        for warning in loaded.warnings { events.note(.warning, "configuration.warning", [("what", warning.summary)]) }

        let keys = try makeKeys(machine, files, options.disk)
        let (auditLog, verifierKey) = try await openAudit(machine, keys, loaded.policy.version, options.disk)
        let storage: SealedStore
        do throws(StorageError) {
            var settings = SealedStore.Settings(root: machine.storage.records)
            settings.indexPath = machine.storage.index
            storage = try SealedStore(settings, keys: keys, disk: options.disk)
        } catch {
            throw StartFailure(code: .unavailable, description: "\(machine.storage.records): \(error)")
        }
        let providers = try makeProviders(options, loaded)
        let access: [TrunkReference: TrunkAccess]
        do throws(TrunkAccess.Failure) { access = try TrunkAccess.all(loaded, files: files) } catch {
            throw StartFailure(code: .configuration, description: error.description)
        }
        let daemon = try await Daemon(
            options: options, loaded: loaded, events: events, keys: keys, auditLog: auditLog, verifierKey: verifierKey, storage: storage,
            providers: providers, access: access)
        do throws(StartFailure) {
            try await daemon.openAdministration(loaded)
            try await daemon.listen(loaded, files)
        } catch {
            await daemon.stop()
            throw error
        }
        await daemon.audit.append(
            AuditEntry(act: .policyLoaded, actor: .daemon, facts: ["policy": loaded.policy.version, "version": SottoVersion.daemon]))
        return daemon
    }

    static func load(_ folder: String, _ files: ConfigurationFiles) throws(StartFailure) -> LoadedConfiguration {
        switch ConfigurationLoader.load(directory: folder, files: files) {
        case .failure(let failure):
            throw StartFailure(code: .configuration, description: failure.description)
        case .success(let loaded):
            let found = ConfigurationLoader.check(loaded, files: files)
            let errors = found.filter { $0.severity == .error }
            guard errors.isEmpty else {
                throw StartFailure(code: .configuration, description: errors.map(\.description).joined(separator: "\n"))
            }
            return loaded.adding(found)
        }
    }

    private static func makeKeys(
        _ machine: MachineConfiguration, _ files: ConfigurationFiles, _ disk: Disk
    ) throws(StartFailure) -> KeyHierarchy {
        let source: RootKey.Source
        guard let path = machine.keys.rootKey.path(credentials: files.credentialsFolder) else {
            throw StartFailure(code: .configuration, description: "root-key \(machine.keys.rootKey): $CREDENTIALS_DIRECTORY is not set")
        }
        switch machine.keys.rootKey {
        case .file: source = .file(path: path)
        case .credential: source = .credential(path: path)
        }
        do {
            let service = try LocalKeyService(root: try RootKey.read(source), folder: machine.storage.records + "/keys/service", disk: disk)
            return try KeyHierarchy(
                service: service, folder: machine.storage.records + "/keys/wrapped", disk: disk, now: { SystemClock.now },
                wallTime: { SystemClock.wall })
        } catch let error as RootKeyError {
            throw StartFailure(code: .configuration, description: "\(error)")
        } catch {
            throw StartFailure(code: .unavailable, description: "keys: \(error)")
        }
    }

    private static func openAudit(
        _ machine: MachineConfiguration, _ keys: KeyHierarchy, _ policy: String, _ disk: Disk
    ) async throws(StartFailure) -> (AuditWriter, verifierKey: String) {
        do {
            let identity = try await keys.signingIdentity(.checkpoint)
            guard let signer = CheckpointSigner(origin: "sotto/\(machine.name)/\(identity.life)", key: identity.key) else {
                throw StartFailure(code: .configuration, description: "[machine] name cannot be part of the audit log's origin")
            }
            let log = try AuditWriter(
                folder: machine.storage.audit, signer: signer, facts: ["version": SottoVersion.daemon, "policy": policy], disk: disk,
                wallTime: { SystemClock.wall })
            return (log, try signer.verifierKey)
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure(code: .unavailable, description: "audit log \(machine.storage.audit): \(error)")
        }
    }

    private init(
        options: Options, loaded: LoadedConfiguration, events: EventLog, keys: KeyHierarchy, auditLog: AuditWriter, verifierKey: String,
        storage: SealedStore, providers: SpeechProviders, access: [TrunkReference: TrunkAccess]
    ) async throws(StartFailure) {
        self.options = options
        self.events = events
        self.auditLog = auditLog
        self.storage = storage
        self.providers = providers
        hierarchy = keys
        self.verifierKey = verifierKey
        (stopRequests, stopRequested) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let machine = loaded.machine
        let audit = AuditTrail(log: auditLog, events: events)
        self.audit = audit
        state = DaemonState(loaded: loaded)

        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        callGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        voiceGroup = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
        let loop = callGroup.next()

        let identity: DTLSIdentity?
        do throws(TLSContextError) {
            identity = machine.media.hasDTLS ? try DTLSIdentity.selfSigned(now: SystemClock.wall, lifetime: .seconds(10 * 365 * 86_400)) : nil
        } catch {
            throw StartFailure(code: .unavailable, description: "no certificate for DTLS could be made: \(error)")
        }
        let directory = TrunkDirectory(policy: loaded.policy)
        self.directory = directory
        let callLoop = CallLoop(
            loop: loop, configuration: machine.callsConfiguration(identity), policy: loaded.policy, facts: .embedded,
            dependencies: CallLoop.Dependencies(
                storage: storage, audit: audit, events: events, providers: providers, directory: directory, voiceGroup: voiceGroup,
                mediaTimeout: machine.media.timeout, guardMilliseconds: machine.media.guardMilliseconds,
                voice: machine.speech.voice.rawValue, alert: { [state] in state.raise($0) }))
        self.callLoop = callLoop
        do throws(MediaPlaneError) {
            media = try MediaThreads(configuration: machine.planeConfiguration(identity)) {
                loop.execute { callLoop.drainMedia() }
            }
        } catch {
            throw StartFailure(code: .unavailable, description: "\(error)")
        }

        let notices = TransportNotices(events: events, audit: audit)
        let trunkAccess = TrunkAccessTable(access)
        self.trunkAccess = trunkAccess
        transport = SIPConnections(
            connections: group, callLoop: loop, door: AdmissionDoor(directory: directory),
            accept: { info in
                let (decision, reason) = directory.identify(info)
                if decision == .refuse { notices.refused(info, reason) }
                return decision
            },
            dialPolicy: { peer in directory.trunk(of: peer).flatMap { trunkAccess.redial($0) } }, notice: notices.note)
        driver = await SIPEndpointDriver(
            transport: transport, configuration: options.signaling.withDigests(), onConnection: { event in callLoop.connection(event) },
            onMessage: { message, direction in callLoop.message(message, direction) }, onEvent: { event in callLoop.signaling(event) })
        let media = media
        let driver = driver
        let transport = transport
        let resolver = NameResolver(machine.dns.resolver)
        self.resolver = resolver
        let state = state
        do {
            outbound = try await loop.submit {
                let outbound = OutboundCalls(
                    loop: loop, transport: transport, resolver: resolver, access: trunkAccess, directory: directory, events: events,
                    alert: { state.set(alert: $0, isOn: $1) }, perform: { driver.perform($0) }, answer: { callLoop.feed($0) })
                callLoop.begin(media: media, driver: driver, outbound: outbound)
                return NIOLoopBound(outbound, eventLoop: loop)
            }.get()
        } catch {
            throw StartFailure(code: .unavailable, description: "the call loop does not run")
        }
    }

    private func openAdministration(_ loaded: LoadedConfiguration) async throws(StartFailure) {
        let server = AdministrationServer(
            path: loaded.machine.adminSocket, service: DaemonAdministration(daemon: self), group: group)
        do { try await server.start() } catch {
            throw StartFailure(code: .unavailable, description: "\(error)")
        }
        state.set(administration: server)
        events.note(.notice, "admin.open", [("socket", loaded.machine.adminSocket)])
    }

    private func listen(_ loaded: LoadedConfiguration, _ files: ConfigurationFiles) async throws(StartFailure) {
        for listener in loaded.machine.listeners {
            let context: TLSContext
            let tickets = TLSTicketKeys()
            do throws(ListenerContexts.Failure) { context = try ListenerContexts.make(listener, tickets: tickets, files: files) } catch {
                throw StartFailure(code: .configuration, description: error.description)
            }
            let served = ServedTLSContext(context)
            do throws(SIPListenError) {
                let address = try await transport.listen(listener.transportListener(served))
                state.add(RunningListener(name: listener.name, served: served, tickets: tickets, address: address))
                trunkAccess.add(
                    listener: listener.name,
                    AdvertisedAddress(host: listener.advertisedHost, port: listener.advertisedPort ?? address.port))
                events.note(.notice, "listener.open", [("name", listener.name), ("address", address.text)])
            } catch {
                throw StartFailure(code: .unavailable, description: "\(listener.location): listener \(listener.name): \(error)")
            }
        }
    }

    // MARK: - Stop

    /// Whoever runs the daemon is asked to drain and stop it.
    func requestStop() { stopRequested.yield() }

    /// Takes no new call, lets the running ones end within the policy's time, then takes everything apart.
    public func drainAndStop() async {
        guard state.beginDrain() else { return }
        let limits = directory.policy.limits
        manager.stopping("draining")
        events.note(.notice, "daemon.draining", [("within-s", String(limits.drain.components.seconds))])
        let loop = callLoop
        let outbound = outbound
        loop.loop.execute {
            loop.feed(.drain(retryAfter: Int(limits.retryAfter.components.seconds)))
            outbound.value.stop()
        }
        let manager = manager
        let extending = Task {
            while !Task.isCancelled {
                manager.extend(.seconds(15))
                try? await Task.sleep(for: .seconds(5))
            }
        }
        let cut = Task {
            try? await Task.sleep(for: limits.drain)
            if !Task.isCancelled { loop.loop.execute { loop.feed(.endAll) } }
        }
        await loop.waitUntilIdle()
        cut.cancel()
        await transport.drain(quiet: .milliseconds(200), deadline: .seconds(3))
        await stop()
        extending.cancel()
    }

    /// Takes everything apart. Idempotent.
    func stop() async {
        guard state.beginStop() else { return }
        await state.administration?.stop()
        state.set(administration: nil)
        await transport.shutDown()
        await resolver.stop()
        media.stop()
        let loop = callLoop
        try? await loop.loop.submit { loop.stop() }.get()
        hierarchy.forgetOpenedKeys()
        do throws(AuditError) { _ = try await auditLog.close() } catch {
            events.note(.error, "audit.failed", [("reason", error.description)])
        }
        events.note(.notice, "daemon.stopped")
        events.finish()
        try? await voiceGroup.shutdownGracefully()
        try? await group.shutdownGracefully()
        try? await callGroup.shutdownGracefully()
    }
}
