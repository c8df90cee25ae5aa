// A small file, or standard input, read whole with a bound.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

enum InputFile {
    /// Reads a file; `-` is standard input.
    ///
    /// - Returns: Its bytes; one more than `bytesMax` if there are more than that, and then not all of them.
    /// - Throws: `CommandFailure`: `.notFound`, `.noPermission`, `.inputOutput`, naming the path.
    static func read(_ path: String, bytesMax: Int) throws(CommandFailure) -> [UInt8] {
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        defer { if path != "-" { close(descriptor) } }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let (got, failure) = bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                #if canImport(Glibc)
                let got = Glibc.read(descriptor, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                let got = Musl.read(descriptor, rest.baseAddress, rest.count)
                #else
                let got = Darwin.read(descriptor, rest.baseAddress, rest.count)
                #endif
                return (got, errno)
            }
            if got == 0 { break }
            if got > 0 {
                count += got
            } else if failure != EINTR {
                throw Self.failure(path, failure)
            }
        }
        return Array(bytes.prefix(count))
    }

    private static func failure(_ path: String, _ number: Int32) -> CommandFailure {
        let exit: Sysexit =
            switch number {
            case ENOENT, ENOTDIR: .notFound
            case EACCES, EPERM: .noPermission
            default: .inputOutput
            }
        return CommandFailure(exit, path, errorNumber: number)
    }
}
