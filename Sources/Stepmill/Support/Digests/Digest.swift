// What the digests have in common: how a message is cut into blocks and padded.
//
// Each digest is a state that takes whole blocks. `hashBlocks` feeds it the blocks of the
// message where they lie, then the padded rest from a small buffer on the stack, so that
// a digest needs no memory but its result's.

/// The running state of a digest.
protocol DigestState {
  /// 64 or 128 bytes.
  static var blockSize: Int { get }
  /// MD5 writes the message's length with its least significant byte first.
  static var lengthIsLittleEndian: Bool { get }
  mutating func update(_ blocks: UnsafeRawPointer, count: Int)
}

extension DigestState {
  /// Takes in the whole message and its padding: a one bit, zeros, the length in bits.
  @inline(__always)
  mutating func hashBlocks(of message: UnsafeRawBufferPointer) {
    let whole = message.count / Self.blockSize
    if whole > 0 { update(message.baseAddress.unsafelyUnwrapped, count: whole) }

    let rest = message.count - whole * Self.blockSize
    // Blocks of 128 bytes end in a length of 16 bytes, those of 64 bytes in one of 8.
    let lengthSize = Self.blockSize / 8
    let blocks = rest + 1 + lengthSize > Self.blockSize ? 2 : 1
    withUnsafeTemporaryAllocation(byteCount: 2 * Self.blockSize, alignment: 8) { tail in
      let base = tail.baseAddress.unsafelyUnwrapped
      base.initializeMemory(as: UInt8.self, repeating: 0, count: blocks * Self.blockSize)
      if rest > 0 {
        base.copyMemory(
          from: message.baseAddress.unsafelyUnwrapped + whole * Self.blockSize, byteCount: rest)
      }
      base.storeBytes(of: 0x80, toByteOffset: rest, as: UInt8.self)
      let bits = UInt64(message.count) &* 8
      base.storeBytes(
        of: Self.lengthIsLittleEndian ? bits.littleEndian : bits.bigEndian,
        toByteOffset: blocks * Self.blockSize - 8, as: UInt64.self)
      update(UnsafeRawPointer(base), count: blocks)
    }
  }
}

enum Digest: CaseIterable {
  case md5
  case sha1
  case sha256
  case sha384
  case sha512

  /// Bytes of the result.
  var size: Int {
    switch self {
    case .md5: 16
    case .sha1: 20
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  static let sizeMax = 64

  /// The algorithm of this name, exactly as the States Language spells it.
  init?(named name: Value) {
    if name.sameText("SHA-256") {
      self = .sha256
    } else if name.sameText("MD5") {
      self = .md5
    } else if name.sameText("SHA-1") {
      self = .sha1
    } else if name.sameText("SHA-384") {
      self = .sha384
    } else if name.sameText("SHA-512") {
      self = .sha512
    } else {
      return nil
    }
  }

  /// Writes the `size` bytes of the message's digest.
  func hash(_ message: UnsafeRawBufferPointer, into result: UnsafeMutableRawPointer) {
    switch self {
    case .md5: MD5.hash(message, into: result)
    case .sha1: SHA1.hash(message, into: result)
    case .sha256: SHA256.hash(message, into: result)
    case .sha384: SHA512.hash384(message, into: result)
    case .sha512: SHA512.hash(message, into: result)
    }
  }

  /// Writes the digest as `2 * size` lower-case hexadecimal digits.
  func hashAsText(_ message: UnsafeRawBufferPointer, into text: UnsafeMutableRawPointer) {
    withUnsafeTemporaryAllocation(byteCount: Digest.sizeMax, alignment: 8) { bytes in
      let base = bytes.baseAddress.unsafelyUnwrapped
      hash(message, into: base)
      for index in 0..<size {
        let byte = base.load(fromByteOffset: index, as: UInt8.self)
        text.storeBytes(of: Digest.digit(byte >> 4), toByteOffset: 2 * index, as: UInt8.self)
        text.storeBytes(of: Digest.digit(byte & 15), toByteOffset: 2 * index + 1, as: UInt8.self)
      }
    }
  }

  @inline(__always)
  static func digit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
  }
}
