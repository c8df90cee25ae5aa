// The executable. First the leash, which must hold no thread and no descriptor of ours; then the commands.

import Processes

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

// libpq and our pipes write to sockets that may be closed: an error, not the end of the process.
signal(SIGPIPE, SIG_IGN)

if CommandLine.arguments.dropFirst().first == Leash.commandName {
    Leash.run(arguments: Array(CommandLine.arguments.dropFirst(2)))
}

await Chorewheel.entry()
