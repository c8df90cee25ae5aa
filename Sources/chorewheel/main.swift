import Processes

if CommandLine.arguments.dropFirst().first == Leash.commandName {
    Leash.run(arguments: Array(CommandLine.arguments.dropFirst(2)))
}
print("chorewheel")
