import SottoBase
import SottoConfiguration

/// A file system in a dictionary.
struct MemoryFiles: Sendable {
    struct File: Sendable {
        var bytes: [UInt8]
        var mode: UInt16 = 0o600
        var owner: UInt32 = 1_000
    }

    var files: [String: File] = [:]
    var credentialsFolder: String?
    /// 2026-12-01T00:00:00Z, when the certificates of the folder `Certificates` are valid.
    var now = WallTime(milliseconds: 1_796_083_200_000)

    mutating func add(_ path: String, _ text: String, mode: UInt16 = 0o600, owner: UInt32 = 1_000) {
        files[path] = File(bytes: Array(text.utf8), mode: mode, owner: owner)
    }

    var closures: ConfigurationFiles {
        let files = files
        let now = now
        return ConfigurationFiles(
            credentialsFolder: credentialsFolder, user: 1_000, now: { now },
            names: { folder in
                let prefix = folder + "/"
                let names = files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
                return names.isEmpty ? .failure(.notFound) : .success(names)
            },
            contents: { path, limit in
                guard let file = files[path] else { return .failure(.notFound) }
                return file.bytes.count > limit ? .failure(.tooLarge(limit: limit)) : .success(file.bytes)
            },
            secret: { path, limit in
                guard let file = files[path] else { return .failure(.notFound) }
                if file.bytes.isEmpty { return .failure(.empty) }
                return file.bytes.count > limit ? .failure(.tooLarge(limit: limit)) : .success(SecretBytes(copying: file.bytes[...]))
            },
            status: { path in
                guard let file = files[path] else { return .failure(.notFound) }
                return .success(ConfigurationFiles.Status(isRegularFile: true, mode: file.mode, owner: file.owner))
            })
    }

    static let machine = """
        [machine]
        region = "DE"
        [[sip.listener]]
        name = "public"
        bind = "192.0.2.10"
        certificate = "sip.pem"
        key = "file:sip.key"
        client-ca = "ca.pem"
        client-certificates = "optional"
        [media]
        bind = "192.0.2.10"
        [keys]
        root-key = "credential:root"
        [[admin.role]]
        name = "viewer"
        users = [0]

        """

    static let tenant = """
        [tenant]
        name = "acme"
        region = "DE"
        [[trunk]]
        name = "carrier"
        peers = ["198.51.100.0/24"]
        [[route]]
        target = "reject:404"

        """

    /// A good machine and a good tenant.
    static func good(machine: String = machine, tenant: String? = tenant) -> MemoryFiles {
        var result = MemoryFiles()
        result.add("/etc/sotto/sotto.toml", machine)
        if let tenant { result.add("/etc/sotto/tenants/acme.toml", tenant) }
        return result
    }

    func load() -> Result<LoadedConfiguration, ConfigurationFailure> {
        ConfigurationLoader.load(directory: "/etc/sotto", files: closures)
    }
}
