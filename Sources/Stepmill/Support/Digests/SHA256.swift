// SHA-256, FIPS 180-4.

struct SHA256: DigestState {
  static let blockSize = 64
  static let lengthIsLittleEndian = false

  private var a: UInt32
  private var b: UInt32
  private var c: UInt32
  private var d: UInt32
  private var e: UInt32
  private var f: UInt32
  private var g: UInt32
  private var h: UInt32

  init() {
    a = 0x6A09_E667
    b = 0xBB67_AE85
    c = 0x3C6E_F372
    d = 0xA54F_F53A
    e = 0x510E_527F
    f = 0x9B05_688C
    g = 0x1F83_D9AB
    h = 0x5BE0_CD19
  }

  /// Writes 32 bytes.
  static func hash(_ message: UnsafeRawBufferPointer, into result: UnsafeMutableRawPointer) {
    var state = SHA256()
    state.hashBlocks(of: message)
    result.storeBytes(of: state.a.bigEndian, toByteOffset: 0, as: UInt32.self)
    result.storeBytes(of: state.b.bigEndian, toByteOffset: 4, as: UInt32.self)
    result.storeBytes(of: state.c.bigEndian, toByteOffset: 8, as: UInt32.self)
    result.storeBytes(of: state.d.bigEndian, toByteOffset: 12, as: UInt32.self)
    result.storeBytes(of: state.e.bigEndian, toByteOffset: 16, as: UInt32.self)
    result.storeBytes(of: state.f.bigEndian, toByteOffset: 20, as: UInt32.self)
    result.storeBytes(of: state.g.bigEndian, toByteOffset: 24, as: UInt32.self)
    result.storeBytes(of: state.h.bigEndian, toByteOffset: 28, as: UInt32.self)
  }

  mutating func update(_ blocks: UnsafeRawPointer, count: Int) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
      cubeRoots.withUnsafeBufferPointer { table in
        for block in 0..<count {
          update(blocks + block * SHA256.blockSize, schedule.baseAddress.unsafelyUnwrapped, table)
        }
      }
    }
  }

  @inline(__always)
  private mutating func update(
    _ block: UnsafeRawPointer, _ schedule: UnsafeMutablePointer<UInt32>,
    _ table: UnsafeBufferPointer<UInt32>
  ) {
    for index in 0..<16 {
      schedule[index] = UInt32(
        bigEndian: block.loadUnaligned(fromByteOffset: 4 &* index, as: UInt32.self))
    }
    for index in 16..<64 {
      let early = schedule[index &- 15]
      let late = schedule[index &- 2]
      let mixedEarly = (early &>> 7 | early &<< 25) ^ (early &>> 18 | early &<< 14) ^ (early &>> 3)
      let mixedLate = (late &>> 17 | late &<< 15) ^ (late &>> 19 | late &<< 13) ^ (late &>> 10)
      schedule[index] = schedule[index &- 16] &+ mixedEarly &+ schedule[index &- 7] &+ mixedLate
    }

    var (a, b, c, d) = (self.a, self.b, self.c, self.d)
    var (e, f, g, h) = (self.e, self.f, self.g, self.h)
    var step = 0
    while step < 64 {
      let mixedE = (e &>> 6 | e &<< 26) ^ (e &>> 11 | e &<< 21) ^ (e &>> 25 | e &<< 7)
      let mixedA = (a &>> 2 | a &<< 30) ^ (a &>> 13 | a &<< 19) ^ (a &>> 22 | a &<< 10)
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

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
private let cubeRoots: [UInt32] = [
  0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4, 0xAB1C_5ED5,
  0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE, 0x9BDC_06A7, 0xC19B_F174,
  0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F, 0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA,
  0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7, 0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967,
  0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC, 0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85,
  0xA2BF_E8A1, 0xA81A_664B, 0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070,
  0x19A4_C116, 0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
  0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7, 0xC671_78F2,
]
