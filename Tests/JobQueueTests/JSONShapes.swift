// The shapes of ordinary payloads, with random values of each.

import JobModel
import JobQueue

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A shape of payload that the fast coder must know.
protocol JSONShape: Codable, Equatable, Sendable {
    static func random(_ random: inout JSONRandom) -> Self
}

enum JSONShapes {
    static let all: [any JSONShape.Type] = [
        Text.self, Scalars.self, Integers.self, Optionals.self, Nested.self, Tree.self, Maps.self, Ids.self, Dated.self,
        Choice.self, [Choice].self, [String: [Int]].self, Unsorted.self, Wide.self, Manual.self, Both.self,
        JSONValue.self, String.self, Double.self, Int.self, Bool.self, [Double].self,
    ]

    struct Text: JSONShape {
        var text: String
        static func random(_ random: inout JSONRandom) -> Self { Self(text: random.text()) }
    }

    struct Scalars: JSONShape {
        var name: String
        var count: Int
        var amount: Double
        var isOpen: Bool
        var ratio: Float
        var plan: Plan?
        enum Plan: String, Codable, CaseIterable { case trial, paid, `none` }
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                name: random.text(), count: random.integer(), amount: random.double(), isOpen: random.bool(),
                ratio: random.float(), plan: random.bool() ? Plan.allCases.randomElement(using: &random) : nil)
        }
    }

    struct Integers: JSONShape {
        var a: Int8
        var b: Int16
        var c: Int32
        var d: Int64
        var e: UInt8
        var f: UInt16
        var g: UInt32
        var h: UInt64
        var i: UInt
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                a: random.integer(), b: random.integer(), c: random.integer(), d: random.integer(), e: random.integer(),
                f: random.integer(), g: random.integer(), h: random.integer(), i: random.integer())
        }
    }

    struct Optionals: JSONShape {
        var a: Int?
        var b: String?
        var c: [Int?]
        var d: [String]?
        var e: Text?
        var f: Double?
        var g: Bool?
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                a: random.maybe { $0.integer() }, b: random.maybe { $0.text() },
                c: random.list { $0.maybe { $0.integer() } }, d: random.maybe { $0.list { $0.text() } },
                e: random.maybe { .random(&$0) }, f: random.maybe { $0.double() }, g: random.maybe { $0.bool() })
        }
    }

    struct Nested: JSONShape {
        var first: Scalars
        var rest: [Scalars]
        var grid: [[Int]]
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                first: .random(&random), rest: random.list { .random(&$0) },
                grid: random.list { $0.list { $0.integer() } })
        }
    }

    indirect enum Tree: JSONShape {
        case leaf(Int)
        case named(name: String, children: [Tree])
        case empty
        static func random(_ random: inout JSONRandom) -> Self {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: .empty
            case 1: .named(name: random.text(), children: random.list(max: 2) { .random(&$0) })
            default: .leaf(random.integer())
            }
        }
    }

    struct Maps: JSONShape {
        var texts: [String: String]
        var numbers: [Int: Double]
        var nested: [String: [String: Bool]]
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                texts: random.map(max: 30) { $0.text() },
                numbers: Dictionary(random.list { ($0.integer(), $0.double()) }) { $1 },
                nested: random.map { $0.map { $0.bool() } })
        }
    }

    struct Ids: JSONShape {
        var id: UUIDBytes
        var ids: [UUIDBytes]
        var foreign: UUID
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                id: .version7(milliseconds: 1, using: &random),
                ids: random.list { .version7(milliseconds: 2, using: &$0) }, foreign: UUID())
        }
    }

    struct Dated: JSONShape {
        var at: Date
        var ats: [Date?]
        static func random(_ random: inout JSONRandom) -> Self {
            Self(at: random.date(), ats: random.list { $0.maybe { $0.date() } })
        }
    }

    enum Choice: Int, JSONShape, CaseIterable {
        case one = 1, two, many = -7
        static func random(_ random: inout JSONRandom) -> Self { allCases.randomElement(using: &random) ?? .one }
    }

    /// Keys neither sorted nor in ASCII alone, one the beginning of another.
    struct Unsorted: JSONShape {
        var zeta: Int
        var größe: Int
        var a: Text
        var ab: Int
        var upper: Int
        var élan: [Int]
        enum CodingKeys: String, CodingKey {
            case zeta, größe, a, ab
            case upper = "Z"
            case élan
        }
        static func random(_ random: inout JSONRandom) -> Self {
            Self(
                zeta: random.integer(), größe: random.integer(), a: .random(&random), ab: random.integer(),
                upper: random.integer(), élan: random.list { $0.integer() })
        }
    }

    /// More members than are searched one by one.
    struct Wide: JSONShape {
        var a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0, m = 0, n = 0, o = 0
        var p = 0, q = 0, r = 0, s = 0
        var t: Int?
        static func random(_ random: inout JSONRandom) -> Self {
            Self(a: random.integer(), s: random.integer(), t: random.maybe { $0.integer() })
        }
    }

    /// Nested containers by hand, one after the other.
    struct Manual: JSONShape {
        var list: [Int]
        var name: String
        enum Key: String, CodingKey { case outer, list, name }

        init(list: [Int], name: String) { (self.list, self.name) = (list, name) }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            let outer = try container.nestedContainer(keyedBy: Key.self, forKey: .outer)
            self.name = try outer.decode(String.self, forKey: .name)
            var list = try outer.nestedUnkeyedContainer(forKey: .list)
            self.list = []
            while !list.isAtEnd {
                var pair = try list.nestedUnkeyedContainer()
                self.list.append(try pair.decode(Int.self))
                let isNil = try pair.decodeNil()
                guard isNil, pair.isAtEnd, pair.count == 2, pair.currentIndex == 2 else { throw CancellationError() }
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            var outer = container.nestedContainer(keyedBy: Key.self, forKey: .outer)
            var list = outer.nestedUnkeyedContainer(forKey: .list)
            for number in self.list {
                var pair = list.nestedUnkeyedContainer()
                try pair.encode(number)
                try pair.encodeNil()
            }
            try outer.encode(self.name, forKey: .name)
        }

        static func random(_ random: inout JSONRandom) -> Self {
            Self(list: random.list { $0.integer() }, name: random.text())
        }
    }

    /// Two containers of one encoder, as a class and its parent have them.
    struct Both: JSONShape {
        var a: Int
        var b: Text
        enum First: CodingKey { case a }
        enum Second: CodingKey { case b }

        init(a: Int, b: Text) { (self.a, self.b) = (a, b) }

        init(from decoder: any Decoder) throws {
            self.a = try decoder.container(keyedBy: First.self).decode(Int.self, forKey: .a)
            self.b = try decoder.container(keyedBy: Second.self).decode(Text.self, forKey: .b)
        }

        func encode(to encoder: any Encoder) throws {
            var first = encoder.container(keyedBy: First.self)
            var second = encoder.container(keyedBy: Second.self)
            try second.encode(self.b, forKey: .b)
            try first.encode(self.a, forKey: .a)
        }

        static func random(_ random: inout JSONRandom) -> Self { Self(a: random.integer(), b: .random(&random)) }
    }
}

extension JSONValue: JSONShape {
    static func random(_ random: inout JSONRandom) -> Self {
        switch Int.random(in: 0..<9, using: &random) {
        case 0: .null
        case 1: .bool(random.bool())
        case 2: .number(random.double())
        case 3: .array(random.list(max: 2) { .random(&$0) })
        case 4: .object(random.map(max: 2) { .random(&$0) })
        default: .string(random.text())
        }
    }
}

extension String: JSONShape { static func random(_ random: inout JSONRandom) -> Self { random.text() } }
extension Double: JSONShape { static func random(_ random: inout JSONRandom) -> Self { random.double() } }
extension Int: JSONShape { static func random(_ random: inout JSONRandom) -> Self { random.integer() } }
extension Bool: JSONShape { static func random(_ random: inout JSONRandom) -> Self { random.bool() } }
extension Array: JSONShape where Element: JSONShape {
    static func random(_ random: inout JSONRandom) -> Self { random.list { .random(&$0) } }
}
extension Dictionary: JSONShape where Key == String, Value: JSONShape {
    static func random(_ random: inout JSONRandom) -> Self { random.map { .random(&$0) } }
}
