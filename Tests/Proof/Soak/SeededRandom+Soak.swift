// What a schedule of faults draws.

extension SeededRandom {
    /// The numbers of a part of the run: what one part draws does not shift what another draws.
    func split(_ part: Int) -> SeededRandom {
        var whole = self
        return SeededRandom(seed: whole.next(), sequence: part)
    }

    mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
        .seconds(Double.random(in: range, using: &self))
    }

    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}
