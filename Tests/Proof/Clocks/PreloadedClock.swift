// The small library that answers in libc's place when a program asks for the time of day: how it is compiled.
// preloaded_clock.c says what it does.

internal import Processes

enum PreloadedClock {
    /// Compiles the library with the machine's C compiler, which the toolchain brings.
    ///
    /// - Parameter leash: an executable that knows the leash's command.
    /// - Returns: The library's path, for LD_PRELOAD.
    /// - Throws: `ProofFailure` where there is no such thing, or no compiler.
    static func compile(into directory: String, leash: String) async throws -> String {
        #if os(Linux)
        let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let library = "\(directory)/preloaded_clock.so"
        var command = ChildProcess.Configuration(
            "/bin/sh",
            [
                "-c", "exec \"$(command -v cc || command -v clang)\" -O2 -shared -fPIC -o \"$1\" \"$2\" -ldl", "sh",
                library, "\(here)/preloaded_clock.c",
            ])
        command.workingDirectory = "/"
        guard try await ChildProcess.run(command, leash: leash, limit: .seconds(60)).isSuccess else {
            throw ProofFailure("cannot compile \(here)/preloaded_clock.c: is there a C compiler?")
        }
        return library
        #else
        throw ProofFailure("clocks are held by LD_PRELOAD: this needs Linux")
        #endif
    }
}
