internal import Administration
internal import SottoBase
internal import SottoConfiguration
internal import Synchronization

/// What the daemon knows of itself, for everybody.
final class DaemonState: Sendable {
    private struct State {
        var loaded: LoadedConfiguration
        var listeners: [RunningListener] = []
        var isDraining = false
        var isStopping = false
        var alerts: Set<String> = []
        /// The admin server holds the daemon; it is let go of at the stop.
        var administration: AdministrationServer?
    }

    let startedAt = SystemClock.wall
    /// The configuration that sockets, stores and recognizers were made from. They stay as they are, whatever a reload brings.
    let started: LoadedConfiguration
    private let state: Mutex<State>

    init(loaded: LoadedConfiguration) {
        started = loaded
        state = Mutex(State(loaded: loaded))
    }

    /// What is in force: `started`, or what the last reload brought.
    var loaded: LoadedConfiguration { state.withLock { $0.loaded } }
    func replace(_ loaded: LoadedConfiguration) { state.withLock { $0.loaded = loaded } }

    var listeners: [RunningListener] { state.withLock { $0.listeners } }
    func add(_ listener: RunningListener) { state.withLock { $0.listeners.append(listener) } }

    var administration: AdministrationServer? { state.withLock { $0.administration } }
    func set(administration: AdministrationServer?) { state.withLock { $0.administration = administration } }

    var isDraining: Bool { state.withLock { $0.isDraining } }
    /// False when it was begun before.
    func beginDrain() -> Bool {
        state.withLock { state in
            defer { state.isDraining = true }
            return !state.isDraining
        }
    }

    func beginStop() -> Bool {
        state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
    }

    /// Things that somebody should look at; they stay until the daemon is started again or the cause is gone.
    var alerts: [String] { state.withLock { $0.alerts.sorted() } }
    func set(alert: String, isOn: Bool) {
        state.withLock { state in
            if isOn { state.alerts.insert(alert) } else { state.alerts.remove(alert) }
        }
    }
    func raise(_ alert: String) { state.withLock { _ = $0.alerts.insert(alert) } }
}
