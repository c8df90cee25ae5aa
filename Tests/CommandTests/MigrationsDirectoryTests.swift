// The migration files are found where the program is installed or built, and a wrong setting is told.

import TestSupport
import Testing

@testable import Tenancy

@Suite struct MigrationsDirectoryTests {
    @Test func `the installed place comes first, then the directories above program and working directory`() {
        #expect(
            MigrationsDirectory.candidates(executable: "/opt/c/bin/chorewheel", workingDirectory: "/srv/app") == [
                "/opt/c/share/chorewheel/migrations", "/opt/c/bin/migrations", "/opt/c/migrations", "/opt/migrations",
                "/migrations", "/srv/app/migrations", "/srv/migrations",
            ])
    }

    @Test func `the built executable finds this repository's`() throws {
        let found = try MigrationsDirectory.find(executable: try BuiltExecutable.path(), workingDirectory: "/")
        #expect(try MigrationSet(directory: found.platform).latestVersion > 0)
        #expect(try MigrationSet(directory: found.family).latestVersion > 0)
    }

    @Test func `the working directory serves when the program is elsewhere`() throws {
        let repository = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let found = try MigrationsDirectory.find(executable: "/nowhere/bin/x", workingDirectory: "/\(repository)/Tests")
        #expect(found.path == "/\(repository)/migrations")
    }

    @Test func `nothing found, and a directory without migrations, name the setting`() {
        let nothing = #expect(throws: TenancyError.self) {
            try MigrationsDirectory.find(executable: "/nowhere/bin/x", workingDirectory: "/nowhere")
        }
        #expect(nothing?.code == .migrationFile && nothing?.field == "chorewheel.migrations")
        let wrong = #expect(throws: TenancyError.self) { try MigrationsDirectory(path: "/nowhere") }
        #expect(wrong?.code == .migrationFile && wrong?.field == "chorewheel.migrations")
    }
}
