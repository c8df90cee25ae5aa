// `chorewheel-proof`: checks that need minutes, or processes that are killed, and that a test suite has no room for
// (docs/reliability.md). First the leash, which must hold no thread and no descriptor of ours; then the commands.

internal import Processes

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

signal(SIGPIPE, SIG_IGN)

if CommandLine.arguments.dropFirst().first == Leash.commandName {
    Leash.run(arguments: Array(CommandLine.arguments.dropFirst(2)))
}

await Proof.entry()
