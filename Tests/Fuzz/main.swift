// `chorewheel-fuzz`: libFuzzer over the way of Redis' replies, from bytes off a socket to what the queue makes of them.
// It is built by Tests/Fuzz/run alone, instrumented. This file starts libFuzzer; Exploration.swift is what it calls.

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// libFuzzer's own main: reads the options of the command line, calls back for each input, returns the exit code.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<Arguments>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

private func run() -> Int32 {
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    return runFuzzer(&count, &arguments) { bytes, length in
        explore(UnsafeBufferPointer(start: bytes, count: length))
        return 0
    }
}

exit(run())
