// SHA-1, FIPS 180-4. Broken as a signature; the States Language offers it as a checksum.

struct SHA1: DigestState {
  static let blockSize = 64
  static let lengthIsLittleEndian = false

  private var a: UInt32 = 0x6745_2301
  private var b: UInt32 = 0xEFCD_AB89
  private var c: UInt32 = 0x98BA_DCFE
  private var d: UInt32 = 0x1032_5476
  private var e: UInt32 = 0xC3D2_E1F0

  /// Writes 20 bytes.
  static func hash(_ message: UnsafeRawBufferPointer, into result: UnsafeMutableRawPointer) {
    var state = SHA1()
    state.hashBlocks(of: message)
    result.storeBytes(of: state.a.bigEndian, toByteOffset: 0, as: UInt32.self)
    result.storeBytes(of: state.b.bigEndian, toByteOffset: 4, as: UInt32.self)
    result.storeBytes(of: state.c.bigEndian, toByteOffset: 8, as: UInt32.self)
    result.storeBytes(of: state.d.bigEndian, toByteOffset: 12, as: UInt32.self)
    result.storeBytes(of: state.e.bigEndian, toByteOffset: 16, as: UInt32.self)
  }

  mutating func update(_ blocks: UnsafeRawPointer, count: Int) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { schedule in
      for block in 0..<count {
        update(blocks + block * SHA1.blockSize, schedule.baseAddress.unsafelyUnwrapped)
      }
    }
  }

  @inline(__always)
  private mutating func update(_ block: UnsafeRawPointer, _ schedule: UnsafeMutablePointer<UInt32>) {
    for index in 0..<16 {
      schedule[index] = UInt32(
        bigEndian: block.loadUnaligned(fromByteOffset: 4 &* index, as: UInt32.self))
    }
    for index in 16..<80 {
      let word =
        schedule[index &- 3] ^ schedule[index &- 8] ^ schedule[index &- 14] ^ schedule[index &- 16]
      schedule[index] = word &<< 1 | word &>> 31
    }

    var (a, b, c, d, e) = (self.a, self.b, self.c, self.d, self.e)
    var step = 0
    while step < 80 {
      let mixed: UInt32
      if step < 20 {
        mixed = (d ^ (b & (c ^ d))) &+ 0x5A82_7999
      } else if step < 40 {
        mixed = (b ^ c ^ d) &+ 0x6ED9_EBA1
      } else if step < 60 {
        mixed = ((b & c) | (d & (b | c))) &+ 0x8F1B_BCDC
      } else {
        mixed = (b ^ c ^ d) &+ 0xCA62_C1D6
      }
      let sum = (a &<< 5 | a &>> 27) &+ mixed &+ e &+ schedule[step]
      (e, d, c, b, a) = (d, c, b &<< 30 | b &>> 2, a, sum)
      step &+= 1
    }
    self.a &+= a
    self.b &+= b
    self.c &+= c
    self.d &+= d
    self.e &+= e
  }
}
