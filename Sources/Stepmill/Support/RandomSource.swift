// The random numbers of the engine, which draws none of its own: whoever drives it hands
// in a source with a seed, so that a run can be repeated number for number.
//
// The generator is xoshiro256**; its state is filled by SplitMix64, which turns any seed,
// zero included, into four words that are not all zero.

struct RandomSource: BitwiseCopyable {
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64

  init(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word &>> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word &>> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word &>> 31)
    }
    a = next()
    b = next()
    c = next()
    d = next()
  }

  /// The next 64 random bits.
  @inline(__always)
  mutating func next() -> UInt64 {
    let product = b &* 5
    let result = (product &<< 7 | product &>> 57) &* 9
    let shifted = b &<< 17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = d &<< 45 | d &>> 19
    return result
  }

  /// At least 0 and less than 1, in steps of 2⁻⁵³.
  @inline(__always)
  mutating func double() -> Double { Double(next() &>> 11) * 0x1p-53 }

  /// At least 0 and less than `bound`, all equally likely. `bound` must not be 0.
  @inline(__always)
  mutating func below(_ bound: UInt64) -> UInt64 {
    // Lemire's method: the high half of a product is the result, the low half tells
    // whether it fell into the part that would make some results likelier.
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return product.high
  }

  /// The two halves of a random (version 4) UUID, most significant byte first.
  mutating func uuid() -> (high: UInt64, low: UInt64) {
    let high = next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return (high, low)
  }
}
