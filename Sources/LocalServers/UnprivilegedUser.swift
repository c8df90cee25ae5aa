// PostgreSQL refuses to run as root. Started by root, we run it as somebody else.

internal import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

struct UnprivilegedUser: Sendable, Equatable {
    let name: String
    let id: uid_t
    let group: gid_t

    /// Whom root runs servers as: the first of these that exists. Nil when we are not root, and need nobody.
    static func forRoot() throws(ProcessError) -> UnprivilegedUser? {
        guard geteuid() == 0 else { return nil }
        for name in ["postgres", "_postgres", "nobody"] {
            // Callers are few and early; getpwnam's shared buffer is read before anything else can call it.
            guard let entry = getpwnam(name), entry.pointee.pw_uid != 0 else { continue }
            return UnprivilegedUser(name: name, id: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
        }
        throw ProcessError(
            .startFailed, "PostgreSQL refuses to run as root, and there is no user postgres, _postgres or nobody")
    }

    /// Makes `path`, a directory, private to this user.
    static func makePrivateDirectory(_ path: String, for user: UnprivilegedUser?) throws(ProcessError) {
        try FileSystem.makeDirectory(path, mode: 0o700)
        let owner = user?.id ?? geteuid()
        if let user, lchown(path, user.id, user.group) != 0 {
            throw ProcessError(.fileSystem, "cannot give \(path) to \(user.name)", errorNumber: errno)
        }
        // In /tmp and /var/tmp anyone could have been there first.
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR, info.st_uid == owner else {
            throw ProcessError(.fileSystem, "\(path) is not a directory of user \(owner)")
        }
        guard chmod(path, 0o700) == 0 else {
            throw ProcessError(.fileSystem, "cannot set the permissions of \(path)", errorNumber: errno)
        }
    }
}

/// FNV-1a, 64 bits: names a directory for another directory's path. Stable over runs, unlike `Hasher`; not for
/// security.
func stableHash(_ text: String) -> String {
    let hash = text.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    return String(hash, radix: 16)
}
