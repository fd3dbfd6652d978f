internal import CProcess
internal import Glibc

/// What the process does to itself before it touches a secret.
public enum Hardening {
    /// Settings that glibc and the Swift runtime read before `main`: freed memory is overwritten, and a trap prints no registers or memory.
    private static let environment: [(name: String, value: String)] = [
        ("GLIBC_TUNABLES", "glibc.malloc.perturb=90:glibc.malloc.tcache_count=0"), ("SWIFT_BACKTRACE", "enable=no"),
    ]

    /// Starts this program again with the settings, unless it has them. Returns when it has them, or when exec failed.
    public static func restartWithWipingAllocator() {
        if environment.allSatisfy({ getenv($0.name).map { String(cString: $0) } == $0.value }) { return }
        if getenv("SOTTO_RESTARTED") != nil { return }
        for (name, value) in environment { setenv(name, value, 1) }
        setenv("SOTTO_RESTARTED", "1", 1)
        // libcurl and others would write TLS keys there.
        unsetenv("SSLKEYLOGFILE")
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        // By its path, so that the process keeps its name.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = readlink("/proc/self/exe", &path, Int(PATH_MAX))
        if length > 0 { execv(path, arguments) }
    }

    /// No core dumps, no ptrace by siblings, no swap. Returns what could not be had, for an alert.
    public static func protectMemory() -> [String] {
        var missing: [String] = []
        umask(0o077)
        if sotto_forbid_dumps() != 0 { missing.append("core dumps could not be forbidden") }
        if sotto_lock_all_memory() != 0 {
            missing.append("memory is not locked against swapping: raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity in the unit)")
        }
        signal(SIGPIPE, SIG_IGN)
        return missing
    }
}
