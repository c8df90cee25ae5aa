// Random numbers that a seed decides, the same on every machine.

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    /// The random numbers of one sequence of a run.
    init(seed: UInt64, sequence: Int) {
        self.state = Self.mixed(seed ^ Self.mixed(UInt64(bitPattern: Int64(sequence)) &+ 0x9E37_79B9_7F4A_7C15))
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(self.state)
    }

    /// A number that looks random and is always the same.
    static func mixed(_ number: UInt64) -> UInt64 {
        var word = number
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// 0 to `bound` - 1.
    mutating func below(_ bound: Int) -> Int { Int(self.next() >> 11) % bound }

    /// True once in `of` times.
    mutating func once(in of: Int) -> Bool { self.below(of) == 0 }

    /// One of a few.
    mutating func one<Element>(of elements: [Element]) -> Element { elements[self.below(elements.count)] }
}
