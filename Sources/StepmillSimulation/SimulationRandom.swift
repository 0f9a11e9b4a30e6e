/// Random numbers from a seed: the same seed, the same numbers, on every platform.
public struct SimulationRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// SplitMix64.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// True in this part of the cases, from 0 to 1. Costs one number, whatever the rate.
  public mutating func chance(_ rate: Double) -> Bool { Double(next() >> 11) * 0x1p-53 < rate }

  /// A number from 0 up to, but not including, `bound`, which is at least 1.
  public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
