internal import Calls
internal import Glibc
internal import Logging
internal import NIOCore
internal import SottoBase
internal import SottoConfiguration

/// Watches the room that is left for records and for the audit log, so that a full disk is known before something fails on it.
final class DiskSpace: Sendable {
    /// Below this, a disk counts as full: the calls in progress still fit.
    private static let reserve: UInt64 = 64 * 1_024 * 1_024
    private let task: Task<Void, Never>

    init(_ daemon: Daemon) {
        task = Task {
            var wasFull = false
            while !Task.isCancelled {
                let storage = daemon.state.started.machine.storage
                let full = [storage.records, storage.audit].filter { Self.isFull($0) }
                daemon.state.set(alert: "no room is left on the disk of \(storage.records)", isOn: full.contains(storage.records))
                daemon.state.set(alert: "no room is left on the disk of \(storage.audit)", isOn: full.contains(storage.audit))
                let isFull = !full.isEmpty
                if isFull != wasFull {
                    wasFull = isFull
                    daemon.events.note(isFull ? .error : .notice, isFull ? "storage.full" : "storage.has-room")
                    let loop = daemon.callLoop
                    loop.loop.execute { loop.feed(.storageChanged(isFull: isFull)) }
                }
                try? await Task.sleep(for: .seconds(5))
            }
        }
    }

    func stop() { task.cancel() }

    private static func isFull(_ path: String) -> Bool {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) < reserve
    }
}
