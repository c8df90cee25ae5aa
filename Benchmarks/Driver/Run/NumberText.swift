// Numbers as people read them in a table.

/// `value` with that many digits after the point and commas between thousands.
func numberText(_ value: Double, digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let whole = Int((abs(value) * scale).rounded())
    var text = String(whole)
    if text.utf8.count <= digits { text = String(repeating: "0", count: digits + 1 - text.utf8.count) + text }
    let fraction = text.suffix(digits)
    var grouped = ""
    for (index, digit) in text.dropLast(digits).reversed().enumerated() {
        if index > 0, index.isMultiple(of: 3) { grouped.append(",") }
        grouped.append(digit)
    }
    let sign = value < 0 && whole > 0 ? "-" : ""
    return sign + String(grouped.reversed()) + (digits > 0 ? ".\(fraction)" : "")
}

/// A ratio with as many digits as say something: `0.634`, `1.27`, `23.4`, `112`.
func ratioText(_ value: Double) -> String {
    numberText(value, digits: value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)
}
