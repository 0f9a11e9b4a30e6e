/// The items of W4: a catalogue of widgets drawn from a Mersenne Twister with seed 7, in the
/// way Python's `random` draws. Anyone can make the same document again, in any size:
///
///     r = random.Random(7)
///     sku, qty = r.randrange(10**6), r.randint(1, 8)
///     price = round(r.uniform(1, 99), 2)
///     name = "".join(r.choice("abcdefghij") for _ in range(24))
enum CatalogueItems {
  static func document(count: Int) -> String {
    var random = MersenneTwister(seed: 7)
    var text = #"{"items":["#
    for index in 0..<count {
      if index > 0 { text += "," }
      append(index, drawing: &random, to: &text)
    }
    return text + "]}"
  }

  private static func append(_ index: Int, drawing random: inout MersenneTwister, to text: inout String) {
    let sku = random.below(1_000_000)
    let quantity = 1 + random.below(8)
    let price = ((1 + 98 * random.unit()) * 100).rounded(.toNearestOrEven) / 100
    text += #"{"id":"item-\#(padded(index))","sku":"SKU-\#(padded(Int(sku)))","#
    text += #""qty":\#(quantity),"price":\#(price),"name":"Widget model "#
    for _ in 0..<24 { text.unicodeScalars.append(Unicode.Scalar(UInt8(97 + random.below(10)))) }
    text += #"","tags":["alpha","beta","gamma"],"wh":{"zone":"Z\#(index % 9)","bin":\#(index % 77)},"#
    text += #""note":"handle with care, keep dry"}"#
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }
}

/// MT19937, with the draws that Python makes from it.
struct MersenneTwister {
  private var state = [UInt32](repeating: 0, count: 624)
  private var position = 624

  /// Seeds by a key of one word (`init_by_array` in the authors' terms).
  init(seed: UInt32) {
    let count = state.count
    state[0] = 19_650_218
    for i in 1..<count {
      state[i] = 1_812_433_253 &* (state[i - 1] ^ state[i - 1] >> 30) &+ UInt32(i)
    }
    var index = 1
    for _ in 0..<count {
      state[index] = (state[index] ^ (state[index - 1] ^ state[index - 1] >> 30) &* 1_664_525) &+ seed
      step(&index)
    }
    for _ in 1..<count {
      state[index] =
        (state[index] ^ (state[index - 1] ^ state[index - 1] >> 30) &* 1_566_083_941) &- UInt32(index)
      step(&index)
    }
    state[0] = 0x8000_0000
  }

  /// A number below `bound`, by rejection over the bound's own bits.
  mutating func below(_ bound: UInt32) -> UInt32 {
    let shift = UInt32(bound.leadingZeroBitCount)
    var drawn = next() >> shift
    while drawn >= bound { drawn = next() >> shift }
    return drawn
  }

  /// A number in 0..<1 with 53 random bits.
  mutating func unit() -> Double {
    let high = Double(next() >> 5)
    let low = Double(next() >> 6)
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  mutating func next() -> UInt32 {
    if position == state.count { refill() }
    var word = state[position]
    position += 1
    word ^= word >> 11
    word ^= word << 7 & 0x9d2c_5680
    word ^= word << 15 & 0xefc6_0000
    return word ^ word >> 18
  }

  private mutating func refill() {
    let count = state.count
    for i in 0..<count {
      let mixed = state[i] & 0x8000_0000 | state[(i + 1) % count] & 0x7fff_ffff
      state[i] = state[(i + 397) % count] ^ mixed >> 1 ^ (mixed & 1 == 0 ? 0 : 0x9908_b0df)
    }
    position = 0
  }

  private mutating func step(_ index: inout Int) {
    index += 1
    if index == state.count {
      state[0] = state[index - 1]
      index = 1
    }
  }
}
