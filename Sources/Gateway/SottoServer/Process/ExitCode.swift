/// Exit codes of `sottod` (sysexits).
public enum ExitCode: Int32, Sendable {
    /// Stopped after a drain.
    case ok = 0
    /// An argument that it does not know.
    case usage = 64
    /// Something it needs is not there: a port, a disk, a model.
    case unavailable = 69
    /// The configuration, a key or a certificate is wrong.
    case configuration = 78
}
