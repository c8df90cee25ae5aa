// A statement's result and its rows, read where libpq put them: no cell becomes a Swift value before someone asks.
// Invariant: a `PGresult` is never changed after it is wrapped, so any thread may read it; it is freed with its last
// row.

import CLibPQ

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Owns a `PGresult`.
final class ResultHandle: @unchecked Sendable {
    // Sendable because the result is immutable from here on: libpq's readers only read.
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { PQclear(pointer) }
}

/// The rows that a statement returned.
public struct PostgresRows: Sendable, RandomAccessCollection {
    /// Nil for a script, which returns nothing.
    let result: ResultHandle?
    public let startIndex = 0
    public let endIndex: Int

    init(_ result: ResultHandle?) {
        self.result = result
        self.endIndex = result.map { Int(PQntuples($0.pointer)) } ?? 0
    }

    public subscript(position: Int) -> PostgresRow {
        guard let result else { preconditionFailure("row \(position) of a result without rows") }
        precondition(position >= 0 && position < endIndex, "row \(position) of \(endIndex)")
        return PostgresRow(result: result, row: Int32(position))
    }

    /// The columns' names, in order.
    public var columnNames: [String] {
        guard let result else { return [] }
        return (0..<PQnfields(result.pointer)).map { PQfname(result.pointer, $0).map { String(cString: $0) } ?? "" }
    }

    /// How many rows the statement inserted, updated, deleted or returned; 0 for one that does none of it.
    public var affectedRows: Int {
        guard let result, let text = PQcmdTuples(result.pointer) else { return 0 }
        return Int(String(cString: text)) ?? 0  // empty for a statement that has no count
    }

    /// The command tag without its count, `COMMIT`; empty for a script.
    var commandTag: String {
        guard let result, let text = PQcmdStatus(result.pointer) else { return "" }
        return String(cString: text)
    }
}

/// One row. Every accessor throws `PostgresError(.decoding)` that names the column: unknown, NULL, or not of the type.
public struct PostgresRow: Sendable {
    let result: ResultHandle
    let row: Int32

    /// The number of columns.
    public var columnCount: Int { Int(PQnfields(result.pointer)) }

    /// The column's index.
    ///
    /// Not `PQfnumber`, which folds upper case like an unquoted identifier.
    public func index(of column: String) throws(PostgresError) -> Int {
        let count = PQnfields(result.pointer)
        let found = column.withCString { name in
            (0..<count).first { field in PQfname(result.pointer, field).map { strcmp($0, name) == 0 } ?? false }
        }
        guard let found else { throw PostgresError(.decoding, "there is no column '\(column)'") }
        return Int(found)
    }

    /// Lends the cell's text as it lies in the result, or returns nil for NULL. The pointer is valid in `body` alone.
    public func withUTF8<R>(at index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R? {
        precondition(index >= 0 && index < columnCount, "column \(index) of \(columnCount)")
        let field = Int32(index)
        guard PQgetisnull(result.pointer, row, field) == 0, let cell = PQgetvalue(result.pointer, row, field) else {
            return nil
        }
        let bytes = UnsafeRawBufferPointer(start: cell, count: Int(PQgetlength(result.pointer, row, field)))
        return try body(bytes.assumingMemoryBound(to: UInt8.self))
    }

    /// Reads a cell: nil for NULL, an error if `parse` cannot.
    func read<R>(_ index: Int, as type: String, _ parse: (UnsafeBufferPointer<UInt8>) -> R?) throws(PostgresError) -> R?
    {
        guard index >= 0 && index < columnCount else {
            throw PostgresError(.decoding, "there is no column \(index); the row has \(columnCount)")
        }
        let outcome: R?? = withUTF8(at: index) { parse($0) }
        guard let parsed = outcome else { return nil }
        guard let value = parsed else { throw PostgresError(.decoding, "column '\(name(of: index))' is not \(type)") }
        return value
    }

    /// The value, or an error that says which column is NULL.
    func required<R>(_ value: R?, _ index: Int) throws(PostgresError) -> R {
        guard let value else { throw PostgresError(.decoding, "column '\(name(of: index))' is NULL") }
        return value
    }

    private func name(of index: Int) -> String {
        PQfname(result.pointer, Int32(index)).map { String(cString: $0) } ?? String(index)
    }
}
