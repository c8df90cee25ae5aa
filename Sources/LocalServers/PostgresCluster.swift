// The files of a private PostgreSQL: finds or makes them, with the right owner, in a place that owner can reach.
//
// Invariants:
// 1. `data` is whole or absent: initdb works beside it, and a rename puts it in place.
// 2. The superuser's password is in no command line, no log and no environment.

internal import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

struct PostgresCluster: Sendable {
    /// Whom the server runs as; nil: as ourselves.
    let user: UnprivilegedUser?
    let programs: ServerPrograms.Postgres
    let data: String
    let socketDirectory: String

    /// A socket's whole path fits into 107 bytes on Linux and 103 on macOS; the file's name takes 15 of it.
    private static let socketDirectoryBytesMax = 85
    /// initdb of PostgreSQL 15 takes 1 s here; a slow disk with fsync may take many times that.
    private static let initdbWithin = Duration.seconds(120)

    /// Not ours: PGDATA, PGOPTIONS and the like would change what the programs do.
    static var environment: ChildProcess.Environment {
        .exactly(["PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"])
    }

    /// Opens the cluster of `directory`, and makes it if there is none.
    static func open(
        directory: String, password: String, leash: String, syncs: Bool
    ) async throws -> PostgresCluster {
        let user = try UnprivilegedUser.forRoot()
        let home = try await self.makeHome(directory: directory, user: user, leash: leash)
        let data = "\(home)/data"
        let version = try FileSystem.text(of: "\(data)/PG_VERSION")
        let programs = try ServerPrograms.postgres(version: version.flatMap { Int($0.filter(\.isNumber)) })
        var socketDirectory = home
        if home.utf8.count > self.socketDirectoryBytesMax {
            socketDirectory = "/tmp/\(DirectoryRemoval.prefix)\(stableHash(home))"
            try UnprivilegedUser.makePrivateDirectory(socketDirectory, for: user)
        }
        let cluster = PostgresCluster(user: user, programs: programs, data: data, socketDirectory: socketDirectory)
        if version == nil {
            try await cluster.initialize(password: password, log: "\(directory)/initdb.log", leash: leash, syncs: syncs)
        }
        return cluster
    }

    /// Whether the server of this process id says that it accepts connections: line 1 of `postmaster.pid` is its id,
    /// and line 8 its status, which `pg_ctl --wait` reads too (PostgreSQL's `src/include/utils/pidfile.h`).
    func isReady(processID: Int32) -> Bool {
        guard let text = FileSystem.text(ofFileThatMayVanish: "\(self.data)/postmaster.pid") else { return false }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 8, Int32(lines[0]) == processID else { return false }
        return lines[7].filter { $0 != " " } == "ready"
    }

    /// `<directory>/cluster`, owned by the user. If that user cannot get there (below /root, say), it is a symbolic
    /// link to a directory in /var/tmp, which a restart of the machine leaves alone.
    private static func makeHome(
        directory: String, user: UnprivilegedUser?, leash: String
    ) async throws -> String {
        let home = "\(directory)/cluster"
        if let user, !(try await self.canReach(directory, user: user, leash: leash)) {
            let other = "/var/tmp/\(DirectoryRemoval.prefix)\(stableHash(directory))"
            guard !FileSystem.exists(home) || FileSystem.resolved(home) == other else {
                throw ProcessError(
                    .fileSystem,
                    "\(user.name), who runs PostgreSQL, cannot reach \(home); open the way to it (chmod o+x)")
            }
            try UnprivilegedUser.makePrivateDirectory(other, for: user)
            if !FileSystem.exists(home), symlink(other, home) != 0 {
                throw ProcessError(.fileSystem, "cannot link \(home)", errorNumber: errno)
            }
            return other
        }
        if let resolved = FileSystem.resolved(home), resolved != home { return resolved }
        try UnprivilegedUser.makePrivateDirectory(home, for: user)
        return home
    }

    /// Asks the kernel by trying, as permissions, groups and access lists all have a say.
    private static func canReach(_ directory: String, user: UnprivilegedUser, leash: String) async throws -> Bool {
        var attempt = ChildProcess.Configuration("/bin/sh", ["-c", "cd -- \"$1\"", "sh", directory])
        attempt.environment = self.environment
        attempt.output = .discarded
        attempt.user = user.name
        attempt.workingDirectory = "/"
        return try await ChildProcess.run(attempt, leash: leash, limit: .seconds(10)).isSuccess
    }

    private func initialize(password: String, log: String, leash: String, syncs: Bool) async throws {
        // A leftover of an initdb that was interrupted.
        let new = "\(self.data).new"
        if FileSystem.exists(new) { try DirectoryRemoval.removeTree(new) }
        let passwordFile = "\(self.data).password"
        try FileSystem.write(password + "\n", to: passwordFile, mode: 0o600)
        defer { unlink(passwordFile) }
        if let user, lchown(passwordFile, user.id, user.group) != 0 {
            throw ProcessError(.fileSystem, "cannot give \(passwordFile) to \(user.name)", errorNumber: errno)
        }
        #if os(Linux)
        let locale = "C.UTF-8"
        #else
        let locale = "C"
        #endif
        var initdb = ChildProcess.Configuration(
            self.programs.initdb,
            [
                "--pgdata=\(new)", "--username=\(LocalPostgres.superuser)", "--pwfile=\(passwordFile)",
                "--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "--encoding=UTF8", "--locale=\(locale)",
                "--no-instructions",
            ] + (syncs ? [] : ["--no-sync"]))
        initdb.environment = Self.environment
        initdb.output = .file(log)
        initdb.user = self.user?.name
        initdb.workingDirectory = "/"
        let status = try await ChildProcess.run(initdb, leash: leash, limit: Self.initdbWithin)
        guard status.isSuccess else {
            throw ProcessError(
                .startFailed, "initdb \(status). The end of \(log):\n\(FileSystem.lastLines(15, of: log))")
        }
        guard rename(new, self.data) == 0 else {
            throw ProcessError(.fileSystem, "cannot rename \(new)", errorNumber: errno)
        }
    }
}
