// MD5, RFC 1321. Broken as a signature; the States Language offers it as a checksum.

struct MD5: DigestState {
  static let blockSize = 64
  static let lengthIsLittleEndian = true

  private var a: UInt32 = 0x6745_2301
  private var b: UInt32 = 0xEFCD_AB89
  private var c: UInt32 = 0x98BA_DCFE
  private var d: UInt32 = 0x1032_5476

  /// Writes 16 bytes.
  static func hash(_ message: UnsafeRawBufferPointer, into result: UnsafeMutableRawPointer) {
    var state = MD5()
    state.hashBlocks(of: message)
    result.storeBytes(of: state.a.littleEndian, toByteOffset: 0, as: UInt32.self)
    result.storeBytes(of: state.b.littleEndian, toByteOffset: 4, as: UInt32.self)
    result.storeBytes(of: state.c.littleEndian, toByteOffset: 8, as: UInt32.self)
    result.storeBytes(of: state.d.littleEndian, toByteOffset: 12, as: UInt32.self)
  }

  mutating func update(_ blocks: UnsafeRawPointer, count: Int) {
    sineTable.withUnsafeBufferPointer { table in
      for block in 0..<count { update(blocks + block * MD5.blockSize, table) }
    }
  }

  @inline(__always)
  private mutating func update(_ block: UnsafeRawPointer, _ table: UnsafeBufferPointer<UInt32>) {
    var (a, b, c, d) = (self.a, self.b, self.c, self.d)
    @inline(__always)
    func word(_ index: Int) -> UInt32 {
      UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 4 &* (index & 15), as: UInt32.self))
    }
    // Four functions, each with its own order of the words; the variables change roles.
    var step = 0
    while step < 16 {
      mix(&a, b, d ^ (b & (c ^ d)), word(step), table[step], 7)
      mix(&d, a, c ^ (a & (b ^ c)), word(step &+ 1), table[step &+ 1], 12)
      mix(&c, d, b ^ (d & (a ^ b)), word(step &+ 2), table[step &+ 2], 17)
      mix(&b, c, a ^ (c & (d ^ a)), word(step &+ 3), table[step &+ 3], 22)
      step &+= 4
    }
    while step < 32 {
      mix(&a, b, c ^ (d & (b ^ c)), word(5 &* step &+ 1), table[step], 5)
      mix(&d, a, b ^ (c & (a ^ b)), word(5 &* (step &+ 1) &+ 1), table[step &+ 1], 9)
      mix(&c, d, a ^ (b & (d ^ a)), word(5 &* (step &+ 2) &+ 1), table[step &+ 2], 14)
      mix(&b, c, d ^ (a & (c ^ d)), word(5 &* (step &+ 3) &+ 1), table[step &+ 3], 20)
      step &+= 4
    }
    while step < 48 {
      mix(&a, b, b ^ c ^ d, word(3 &* step &+ 5), table[step], 4)
      mix(&d, a, a ^ b ^ c, word(3 &* (step &+ 1) &+ 5), table[step &+ 1], 11)
      mix(&c, d, d ^ a ^ b, word(3 &* (step &+ 2) &+ 5), table[step &+ 2], 16)
      mix(&b, c, c ^ d ^ a, word(3 &* (step &+ 3) &+ 5), table[step &+ 3], 23)
      step &+= 4
    }
    while step < 64 {
      mix(&a, b, c ^ (b | ~d), word(7 &* step), table[step], 6)
      mix(&d, a, b ^ (a | ~c), word(7 &* (step &+ 1)), table[step &+ 1], 10)
      mix(&c, d, a ^ (d | ~b), word(7 &* (step &+ 2)), table[step &+ 2], 15)
      mix(&b, c, d ^ (c | ~a), word(7 &* (step &+ 3)), table[step &+ 3], 21)
      step &+= 4
    }
    self.a &+= a
    self.b &+= b
    self.c &+= c
    self.d &+= d
  }
}

@inline(__always)
private func mix(
  _ a: inout UInt32, _ b: UInt32, _ mixed: UInt32, _ word: UInt32, _ sine: UInt32, _ shift: UInt32
) {
  let sum = a &+ mixed &+ word &+ sine
  a = b &+ (sum &<< shift | sum &>> (32 &- shift))
}

/// The whole part of 2³² · |sin(i + 1)|.
private let sineTable: [UInt32] = [
  0xD76A_A478, 0xE8C7_B756, 0x2420_70DB, 0xC1BD_CEEE, 0xF57C_0FAF, 0x4787_C62A, 0xA830_4613, 0xFD46_9501,
  0x6980_98D8, 0x8B44_F7AF, 0xFFFF_5BB1, 0x895C_D7BE, 0x6B90_1122, 0xFD98_7193, 0xA679_438E, 0x49B4_0821,
  0xF61E_2562, 0xC040_B340, 0x265E_5A51, 0xE9B6_C7AA, 0xD62F_105D, 0x0244_1453, 0xD8A1_E681, 0xE7D3_FBC8,
  0x21E1_CDE6, 0xC337_07D6, 0xF4D5_0D87, 0x455A_14ED, 0xA9E3_E905, 0xFCEF_A3F8, 0x676F_02D9, 0x8D2A_4C8A,
  0xFFFA_3942, 0x8771_F681, 0x6D9D_6122, 0xFDE5_380C, 0xA4BE_EA44, 0x4BDE_CFA9, 0xF6BB_4B60, 0xBEBF_BC70,
  0x289B_7EC6, 0xEAA1_27FA, 0xD4EF_3085, 0x0488_1D05, 0xD9D4_D039, 0xE6DB_99E5, 0x1FA2_7CF8, 0xC4AC_5665,
  0xF429_2244, 0x432A_FF97, 0xAB94_23A7, 0xFC93_A039, 0x655B_59C3, 0x8F0C_CC92, 0xFFEF_F47D, 0x8584_5DD1,
  0x6FA8_7E4F, 0xFE2C_E6E0, 0xA301_4314, 0x4E08_11A1, 0xF753_7E82, 0xBD3A_F235, 0x2AD7_D2BB, 0xEB86_D391,
]
