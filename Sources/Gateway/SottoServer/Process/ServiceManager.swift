internal import CSystemd
internal import Glibc

/// Talks to systemd (or whoever listens on $NOTIFY_SOCKET). Without one, every call does nothing.
struct ServiceManager: Sendable {
    /// Half of WATCHDOG_USEC, when the manager wants to hear from us.
    let watchdogInterval: Duration?

    init() {
        var microseconds: UInt64 = 0
        watchdogInterval = sd_watchdog_enabled(0, &microseconds) > 0 ? .microseconds(Int64(microseconds / 2)) : nil
    }

    func ready(status: String) { notify("READY=1\nSTATUS=\(status)") }
    func status(_ text: String) { notify("STATUS=\(text)") }
    func alive() { notify("WATCHDOG=1") }

    /// RELOADING and the time in one datagram, as newer managers want it; `ready` follows when the reload is over.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
        notify("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    func stopping(_ text: String) { notify("STOPPING=1\nSTATUS=\(text)") }

    /// Asks for more time to stop. Repeated while the drain goes on.
    func extend(_ duration: Duration) {
        notify("EXTEND_TIMEOUT_USEC=\(duration.components.seconds * 1_000_000)")
    }

    private func notify(_ text: String) { _ = sd_notify(0, text) }
}
