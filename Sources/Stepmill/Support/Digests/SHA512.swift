// SHA-512 and SHA-384, FIPS 180-4.

struct SHA512: DigestState {
  static let blockSize = 128
  static let lengthIsLittleEndian = false

  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64
  private var e: UInt64
  private var f: UInt64
  private var g: UInt64
  private var h: UInt64

  /// Square roots of the first eight primes.
  private static var initial512: SHA512 {
    SHA512(
      a: 0x6A09_E667_F3BC_C908,
      b: 0xBB67_AE85_84CA_A73B,
      c: 0x3C6E_F372_FE94_F82B,
      d: 0xA54F_F53A_5F1D_36F1,
      e: 0x510E_527F_ADE6_82D1,
      f: 0x9B05_688C_2B3E_6C1F,
      g: 0x1F83_D9AB_FB41_BD6B,
      h: 0x5BE0_CD19_137E_2179)
  }

  /// Square roots of the ninth to the sixteenth prime.
  private static var initial384: SHA512 {
    SHA512(
      a: 0xCBBB_9D5D_C105_9ED8,
      b: 0x629A_292A_367C_D507,
      c: 0x9159_015A_3070_DD17,
      d: 0x152F_ECD8_F70E_5939,
      e: 0x6733_2667_FFC0_0B31,
      f: 0x8EB4_4A87_6858_1511,
      g: 0xDB0C_2E0D_64F9_8FA7,
      h: 0x47B5_481D_BEFA_4FA4)
  }

  /// Writes 64 bytes.
  static func hash(_ message: UnsafeRawBufferPointer, into result: UnsafeMutableRawPointer) {
    var state = initial512
    state.hashBlocks(of: message)
    state.storeFirstSix(into: result)
    result.storeBytes(of: state.g.bigEndian, toByteOffset: 48, as: UInt64.self)
    result.storeBytes(of: state.h.bigEndian, toByteOffset: 56, as: UInt64.self)
  }

  /// Writes 48 bytes: SHA-384 starts elsewhere and leaves out the end.
  static func hash384(_ message: UnsafeRawBufferPointer, into result: UnsafeMutableRawPointer) {
    var state = initial384
    state.hashBlocks(of: message)
    state.storeFirstSix(into: result)
  }

  private func storeFirstSix(into result: UnsafeMutableRawPointer) {
    result.storeBytes(of: a.bigEndian, toByteOffset: 0, as: UInt64.self)
    result.storeBytes(of: b.bigEndian, toByteOffset: 8, as: UInt64.self)
    result.storeBytes(of: c.bigEndian, toByteOffset: 16, as: UInt64.self)
    result.storeBytes(of: d.bigEndian, toByteOffset: 24, as: UInt64.self)
    result.storeBytes(of: e.bigEndian, toByteOffset: 32, as: UInt64.self)
    result.storeBytes(of: f.bigEndian, toByteOffset: 40, as: UInt64.self)
  }

  mutating func update(_ blocks: UnsafeRawPointer, count: Int) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 80) { schedule in
      cubeRoots.withUnsafeBufferPointer { table in
        for block in 0..<count {
          update(blocks + block * SHA512.blockSize, schedule.baseAddress.unsafelyUnwrapped, table)
        }
      }
    }
  }

  @inline(__always)
  private mutating func update(
    _ block: UnsafeRawPointer, _ schedule: UnsafeMutablePointer<UInt64>,
    _ table: UnsafeBufferPointer<UInt64>
  ) {
    for index in 0..<16 {
      schedule[index] = UInt64(
        bigEndian: block.loadUnaligned(fromByteOffset: 8 &* index, as: UInt64.self))
    }
    for index in 16..<80 {
      let early = schedule[index &- 15]
      let late = schedule[index &- 2]
      let mixedEarly = (early &>> 1 | early &<< 63) ^ (early &>> 8 | early &<< 56) ^ (early &>> 7)
      let mixedLate = (late &>> 19 | late &<< 45) ^ (late &>> 61 | late &<< 3) ^ (late &>> 6)
      schedule[index] = schedule[index &- 16] &+ mixedEarly &+ schedule[index &- 7] &+ mixedLate
    }

    var (a, b, c, d) = (self.a, self.b, self.c, self.d)
    var (e, f, g, h) = (self.e, self.f, self.g, self.h)
    var step = 0
    while step < 80 {
      let mixedE = (e &>> 14 | e &<< 50) ^ (e &>> 18 | e &<< 46) ^ (e &>> 41 | e &<< 23)
      let mixedA = (a &>> 28 | a &<< 36) ^ (a &>> 34 | a &<< 30) ^ (a &>> 39 | a &<< 25)
      let first = h &+ mixedE &+ (g ^ (e & (f ^ g))) &+ table[step] &+ schedule[step]
      let second = mixedA &+ ((a & b) | (c & (a | b)))
      (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
      step &+= 1
    }
    self.a &+= a
    self.b &+= b
    self.c &+= c
    self.d &+= d
    self.e &+= e
    self.f &+= f
    self.g &+= g
    self.h &+= h
  }
}

/// The first 64 bits of the fractional parts of the cube roots of the first 80 primes.
private let cubeRoots: [UInt64] = [
  0x428A_2F98_D728_AE22, 0x7137_4491_23EF_65CD, 0xB5C0_FBCF_EC4D_3B2F, 0xE9B5_DBA5_8189_DBBC,
  0x3956_C25B_F348_B538, 0x59F1_11F1_B605_D019, 0x923F_82A4_AF19_4F9B, 0xAB1C_5ED5_DA6D_8118,
  0xD807_AA98_A303_0242, 0x1283_5B01_4570_6FBE, 0x2431_85BE_4EE4_B28C, 0x550C_7DC3_D5FF_B4E2,
  0x72BE_5D74_F27B_896F, 0x80DE_B1FE_3B16_96B1, 0x9BDC_06A7_25C7_1235, 0xC19B_F174_CF69_2694,
  0xE49B_69C1_9EF1_4AD2, 0xEFBE_4786_384F_25E3, 0x0FC1_9DC6_8B8C_D5B5, 0x240C_A1CC_77AC_9C65,
  0x2DE9_2C6F_592B_0275, 0x4A74_84AA_6EA6_E483, 0x5CB0_A9DC_BD41_FBD4, 0x76F9_88DA_8311_53B5,
  0x983E_5152_EE66_DFAB, 0xA831_C66D_2DB4_3210, 0xB003_27C8_98FB_213F, 0xBF59_7FC7_BEEF_0EE4,
  0xC6E0_0BF3_3DA8_8FC2, 0xD5A7_9147_930A_A725, 0x06CA_6351_E003_826F, 0x1429_2967_0A0E_6E70,
  0x27B7_0A85_46D2_2FFC, 0x2E1B_2138_5C26_C926, 0x4D2C_6DFC_5AC4_2AED, 0x5338_0D13_9D95_B3DF,
  0x650A_7354_8BAF_63DE, 0x766A_0ABB_3C77_B2A8, 0x81C2_C92E_47ED_AEE6, 0x9272_2C85_1482_353B,
  0xA2BF_E8A1_4CF1_0364, 0xA81A_664B_BC42_3001, 0xC24B_8B70_D0F8_9791, 0xC76C_51A3_0654_BE30,
  0xD192_E819_D6EF_5218, 0xD699_0624_5565_A910, 0xF40E_3585_5771_202A, 0x106A_A070_32BB_D1B8,
  0x19A4_C116_B8D2_D0C8, 0x1E37_6C08_5141_AB53, 0x2748_774C_DF8E_EB99, 0x34B0_BCB5_E19B_48A8,
  0x391C_0CB3_C5C9_5A63, 0x4ED8_AA4A_E341_8ACB, 0x5B9C_CA4F_7763_E373, 0x682E_6FF3_D6B2_B8A3,
  0x748F_82EE_5DEF_B2FC, 0x78A5_636F_4317_2F60, 0x84C8_7814_A1F0_AB72, 0x8CC7_0208_1A64_39EC,
  0x90BE_FFFA_2363_1E28, 0xA450_6CEB_DE82_BDE9, 0xBEF9_A3F7_B2C6_7915, 0xC671_78F2_E372_532B,
  0xCA27_3ECE_EA26_619C, 0xD186_B8C7_21C0_C207, 0xEADA_7DD6_CDE0_EB1E, 0xF57D_4F7F_EE6E_D178,
  0x06F0_67AA_7217_6FBA, 0x0A63_7DC5_A2C8_98A6, 0x113F_9804_BEF9_0DAE, 0x1B71_0B35_131C_471B,
  0x28DB_77F5_2304_7D84, 0x32CA_AB7B_40C7_2493, 0x3C9E_BE0A_15C9_BEBC, 0x431D_67C4_9C10_0D4C,
  0x4CC5_D4BE_CB3E_42B6, 0x597F_299C_FC65_7E2A, 0x5FCB_6FAB_3AD6_FAEC, 0x6C44_198C_4A47_5817,
]
