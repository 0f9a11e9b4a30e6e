/// SipHash-2-4: a short, keyed tag that nobody can make who does not know the key.
struct SipHash: BitwiseCopyable {
  private let key: (low: UInt64, high: UInt64)

  init(key low: UInt64, _ high: UInt64) { key = (low, high) }

  /// The tag of a message of two words.
  func tag(_ first: UInt64, _ second: UInt64) -> UInt64 {
    var state = State(key)
    state.absorb(first)
    state.absorb(second)
    return state.finish(byteCount: 16)
  }

  /// The tag of any bytes.
  func tag(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var state = State(key)
    var offset = 0
    while bytes.count &- offset >= 8 {
      state.absorb(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      offset &+= 8
    }
    var rest: UInt64 = 0
    for index in offset..<bytes.count { rest |= UInt64(bytes[index]) &<< UInt64((index &- offset) &* 8) }
    return state.finish(byteCount: bytes.count, rest: rest)
  }

  private struct State {
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    init(_ key: (low: UInt64, high: UInt64)) {
      a = key.low ^ 0x736F_6D65_7073_6575
      b = key.high ^ 0x646F_7261_6E64_6F6D
      c = key.low ^ 0x6C79_6765_6E65_7261
      d = key.high ^ 0x7465_6462_7974_6573
    }

    mutating func absorb(_ word: UInt64) {
      d ^= word
      round()
      round()
      a ^= word
    }

    mutating func finish(byteCount: Int, rest: UInt64 = 0) -> UInt64 {
      absorb(rest | UInt64(truncatingIfNeeded: byteCount) &<< 56)
      c ^= 0xFF
      for _ in 0..<4 { round() }
      return a ^ b ^ c ^ d
    }

    private mutating func round() {
      func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 { word &<< bits | word &>> (64 &- bits) }
      a &+= b
      b = rotate(b, 13) ^ a
      a = rotate(a, 32)
      c &+= d
      d = rotate(d, 16) ^ c
      a &+= d
      d = rotate(d, 21) ^ a
      c &+= b
      b = rotate(b, 17) ^ c
      c = rotate(c, 32)
    }
  }
}
