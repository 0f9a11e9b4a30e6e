// States.MathAdd and States.MathRandom: arithmetic in Java's 32-bit integers.

extension Intrinsic {
  /// The sum of two numbers, each rounded to the nearest integer first, halves upwards.
  @inline(__always)
  static func mathAdd(_ a: Value, _ b: Value) -> Value {
    let x: Int64
    let y: Int64
    if _fastPath(a.tag == .integer && b.tag == .integer) {
      x = a.integerValue
      y = b.integerValue
    } else {
      guard let roundedA = rounded(a), let roundedB = rounded(b) else { return .missing }
      x = roundedA
      y = roundedB
    }
    let sum = x &+ y
    guard isInt32(x), isInt32(y), isInt32(sum) else { return .missing }
    return .integer(sum)
  }

  @inline(__always)
  private static func isInt32(_ value: Int64) -> Bool {
    Int64(Int32(truncatingIfNeeded: value)) == value
  }

  /// The nearest integer, halves upwards: -1.5 becomes -1.
  @inline(never)
  private static func rounded(_ value: Value) -> Int64? {
    guard value.isNumber else { return nil }
    if value.tag == .integer { return value.integerValue }
    let number = value.numberAsDouble
    let floor = number.rounded(.down)
    // Adding 0.5 before rounding down would lift 0.49999999999999994 to 1.
    return Int64(exactly: number - floor >= 0.5 ? floor + 1 : floor)
  }

  /// An integer from `low` up to, not including, `high`.
  static func mathRandom(
    _ low: Value, _ high: Value, _ random: UnsafeMutablePointer<RandomSource>
  ) -> Value {
    guard let (low, high) = bounds(low, high) else { return .missing }
    let offset = random.pointee.below(UInt64(Int64(high) - Int64(low)))
    return .integer(Int64(low) + Int64(offset))
  }

  /// The same, repeatable: what Java's `new Random(seed)` would choose.
  static func mathRandom(_ low: Value, _ high: Value, seed: Value) -> Value {
    guard let (low, high) = bounds(low, high), let seed = seed.truncated else { return .missing }
    var random = JavaRandom(seed: seed)
    return .integer(Int64(random.next(from: low, below: high)))
  }

  private static func bounds(_ low: Value, _ high: Value) -> (Int32, Int32)? {
    guard let low = low.truncated, let high = high.truncated,
      let low = Int32(exactly: low), let high = Int32(exactly: high), low < high
    else { return nil }
    return (low, high)
  }
}

/// The generator behind `java.util.Random`, whose documentation fixes its numbers: a
/// linear congruential generator of 48 bits. AWS does not say what a seed leads to; it
/// runs on Java, and this is what Java leads to.
struct JavaRandom {
  private var state: UInt64

  init(seed: Int64) {
    state = (UInt64(bitPattern: seed) ^ 0x5_DEEC_E66D) & JavaRandom.mask
  }

  private static let mask: UInt64 = 1 << 48 - 1

  private mutating func next(bits: UInt64) -> Int32 {
    state = (state &* 0x5_DEEC_E66D &+ 0xB) & JavaRandom.mask
    return Int32(truncatingIfNeeded: Int64(bitPattern: state) &>> Int64(48 - bits))
  }

  /// From 0 to less than `bound`, which is positive.
  mutating func next(below bound: Int32) -> Int32 {
    let mask = bound &- 1
    if bound & mask == 0 {
      return Int32(truncatingIfNeeded: (Int64(bound) &* Int64(next(bits: 31))) &>> 31)
    }
    while true {
      let bits = next(bits: 31)
      let result = bits % bound
      // Wraps for the last, incomplete run of results: they would be likelier.
      if bits &- result &+ mask >= 0 { return result }
    }
  }

  /// From `low` to less than `high`, which is greater.
  mutating func next(from low: Int32, below high: Int32) -> Int32 {
    let distance = high &- low
    if distance > 0 { return next(below: distance) &+ low }
    // The distance exceeds 31 bits, so that at least half of all integers fit.
    while true {
      let result = next(bits: 32)
      if result >= low && result < high { return result }
    }
  }
}
