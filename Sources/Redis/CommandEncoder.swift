// Commands to RESP bytes, by hiredis. Runs on the caller's thread, so that the event loop only copies.
//
// hiredis formats into memory of its own, which is copied into the outgoing buffer and freed here: nothing of C leaves
// this file.

import CHiredis
import NIOCore

/// Bytes of one or more commands, ready to be written, and how many replies they will bring.
struct EncodedCommands: Sendable {
    let bytes: ByteBuffer
    let count: Int
}

enum CommandEncoder {
    /// The largest command. Redis refuses a query of more than 1 GiB (`client-query-buffer-limit`), hiredis counts in
    /// `int`; a command of this size is a mistake long before either.
    static let commandBytesMax = 256 * 1024 * 1024

    /// Formats commands, in order. Throws `.overloaded` if one is larger than `commandBytesMax`.
    static func encode(_ commands: [RedisCommand]) throws(RedisError) -> EncodedCommands {
        var buffer = ByteBuffer()
        for command in commands { try self.encode(command, into: &buffer) }
        return EncodedCommands(bytes: buffer, count: commands.count)
    }

    private static func encode(_ command: RedisCommand, into buffer: inout ByteBuffer) throws(RedisError) {
        guard command.byteCount <= self.commandBytesMax else {
            throw RedisError(
                .overloaded, "a command of \(command.byteCount) bytes is over the limit of \(self.commandBytesMax)")
        }
        let written = command.arena.withUnsafeBufferPointer { arena in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: command.ends.count) { pointers in
                withUnsafeTemporaryAllocation(of: Int.self, capacity: command.ends.count) { lengths in
                    Self.format(arena, command.ends, pointers, lengths, into: &buffer)
                }
            }
        }
        guard written else { throw RedisError(.overloaded, "hiredis could not allocate a command") }
    }

    private static func format(
        _ arena: UnsafeBufferPointer<UInt8>, _ ends: [Int],
        _ pointers: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>,
        _ lengths: UnsafeMutableBufferPointer<Int>, into buffer: inout ByteBuffer
    ) -> Bool {
        let base = UnsafeRawPointer(arena.baseAddress)?.assumingMemoryBound(to: CChar.self)
        var start = 0
        for (index, end) in ends.enumerated() {
            // Trivial types: assigning to the uninitialized elements initializes them. An empty argument's pointer is
            // never read, but must not be nil for memcpy's sake.
            pointers[index] = base.map { $0 + start }
            lengths[index] = end - start
            start = end
        }
        var target: UnsafeMutablePointer<CChar>?
        let length = redisFormatCommandArgv(&target, Int32(ends.count), pointers.baseAddress, lengths.baseAddress)
        guard length > 0, let target else { return false }
        buffer.writeBytes(UnsafeRawBufferPointer(start: target, count: Int(length)))
        redisFreeCommand(target)
        return true
    }
}
