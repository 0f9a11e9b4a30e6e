/// SplitMix64: a random run of the loop's tests prints its seed, and the seed replays it.
struct LoopRandom: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: UInt64) -> UInt64 { next(upperBound: bound) }

  mutating func chance(_ one: UInt64, in many: UInt64) -> Bool { below(many) < one }

  /// Seeds that never change, and one that is new in each run.
  static let seeds: [UInt64] = [1, 2, 3, 4, 5, 6, .random(in: .min ... .max)]
}
