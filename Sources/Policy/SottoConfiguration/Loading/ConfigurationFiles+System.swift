internal import Glibc
internal import SottoBase

extension ConfigurationFiles {
    /// The real file system, as the daemon and `sotto check` see it.
    public static func system() -> ConfigurationFiles {
        ConfigurationFiles(
            credentialsFolder: getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) }, user: geteuid(), now: SystemFiles.now,
            names: SystemFiles.names, contents: SystemFiles.contents, secret: SystemFiles.secret, status: SystemFiles.status)
    }
}

private enum SystemFiles {
    @Sendable static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec) / 1_000_000)
    }

    @Sendable static func names(_ folder: String) -> Result<[String], FileProblem> {
        guard let directory = opendir(folder) else { return .failure(problem(errno)) }
        defer { closedir(directory) }
        var result: [String] = []
        while let entry = readdir(directory), result.count < 10_000 {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { result.append(name) }
        }
        return .success(result)
    }

    @Sendable static func status(_ path: String) -> Result<ConfigurationFiles.Status, FileProblem> {
        var status = stat()
        guard stat(path, &status) == 0 else { return .failure(problem(errno)) }
        return .success(
            ConfigurationFiles.Status(
                isRegularFile: status.st_mode & S_IFMT == S_IFREG, isFolder: status.st_mode & S_IFMT == S_IFDIR,
                mode: UInt16(truncatingIfNeeded: status.st_mode & 0o7777), owner: status.st_uid))
    }

    @Sendable static func contents(_ path: String, _ limit: Int) -> Result<[UInt8], FileProblem> {
        open(path, limit).flatMap { descriptor, size in
            defer { close(descriptor) }
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, used in
                count = fill(descriptor, UnsafeMutableRawBufferPointer(buffer))
                used = max(0, count)
            }
            return count < 0 ? .failure(problem(errno)) : .success(bytes)
        }
    }

    @Sendable static func secret(_ path: String, _ limit: Int) -> Result<SecretBytes, FileProblem> {
        open(path, limit).flatMap { descriptor, size in
            defer { close(descriptor) }
            guard size > 0 else { return .failure(.empty) }
            var count = 0
            let secret = SecretBytes(count: size) { count = fill(descriptor, $0) }
            return count == size ? .success(secret) : .failure(problem(count < 0 ? errno : EIO))
        }
    }

    /// Opens a regular file and tells its size. Never blocks on a pipe or device.
    private static func open(_ path: String, _ limit: Int) -> Result<(Int32, Int), FileProblem> {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(problem(errno)) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            return .failure(problem(code))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return .failure(.notAFile)
        }
        guard status.st_size <= limit else {
            close(descriptor)
            return .failure(.tooLarge(limit: limit))
        }
        return .success((descriptor, Int(status.st_size)))
    }

    /// Reads until `buffer` is full or the file ends. -1 on an error.
    private static func fill(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        var count = 0
        while count < buffer.count, let start = buffer.baseAddress {
            let got = read(descriptor, start + count, buffer.count - count)
            if got > 0 { count += got } else if got == 0 { break } else if errno != EINTR { return -1 }
        }
        return count
    }

    private static func problem(_ code: Int32) -> FileProblem {
        switch code {
        case ENOENT, ENOTDIR: .notFound
        case EACCES, EPERM: .notPermitted
        case EISDIR: .notAFile
        default: .failed(code)
        }
    }
}
