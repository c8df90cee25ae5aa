// `chorewheel-bench`: the queue's own side of the benchmarks, and the runner of all sides. First the leash, which must
// hold no thread and no descriptor of ours; then the commands.

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

await Bench.entry()
