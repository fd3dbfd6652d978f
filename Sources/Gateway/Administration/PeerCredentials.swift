internal import AdministrationAPI
internal import Glibc
internal import NIOCore

/// Whom the kernel says is at the other end of a unix socket, as it was when that end connected.
///
/// The groups come from the socket too (SO_PEERGROUPS): looking the user up instead would ask name services, which block and may lie.
enum PeerCredentials {
    /// Linux's asm-generic/socket.h; Glibc's module does not show it.
    private static let peerGroups: CInt = 59
    /// The kernel's NGROUPS_MAX.
    private static let groupsAtMost = 65_536

    /// nil when the kernel does not tell: then there is no peer to trust.
    static func read(_ channel: any Channel) -> AdministrationPeer? {
        let peer = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            read(descriptor: $0)
        }
        return peer ?? nil
    }

    static func read(descriptor: CInt) -> AdministrationPeer? {
        // struct ucred: pid, uid, gid.
        var credentials: [UInt32] = [0, 0, 0]
        var length = socklen_t(credentials.count * 4)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, length == 12,
            credentials[1] != UInt32.max, credentials[2] != UInt32.max
        else { return nil }
        var groups: Set<UInt32> = [credentials[2]]
        var list = [UInt32](repeating: 0, count: 64)
        length = socklen_t(list.count * 4)
        var result = getsockopt(descriptor, SOL_SOCKET, peerGroups, &list, &length)
        if result != 0, errno == ERANGE, Int(length) / 4 <= groupsAtMost {
            list = [UInt32](repeating: 0, count: Int(length) / 4)
            result = getsockopt(descriptor, SOL_SOCKET, peerGroups, &list, &length)
        }
        // A kernel before 4.13 knows the first group alone; fewer groups are fewer rights.
        if result == 0 { groups.formUnion(list.prefix(Int(length) / 4)) }
        return AdministrationPeer(user: credentials[1], groups: groups)
    }
}
