/// Takes compression away, a piece at a time.
protocol ByteDecoder: AnyObject {
  /// Reads from `input`, writes to `output`, and says how much it has read.
  func decode(_ input: Span<UInt8>, into output: inout ByteRoom) throws(RowError) -> Int

  /// Nothing more comes: throws if that is too early.
  func finish() throws(RowError)
}

/// How bytes are compressed.
package enum Compression: Sendable {
  case none, gzip, zstandard

  /// How many first bytes tell.
  static let magicBytes = 4

  /// What the first bytes of a stream say.
  init(magic bytes: Span<UInt8>) {
    if bytes.count >= 2, bytes[0] == 0x1F, bytes[1] == 0x8B {
      self = .gzip
    } else if bytes.count >= 4, bytes[1] == 0xB5, bytes[2] == 0x2F, bytes[3] == 0xFD, bytes[0] == 0x28 {
      self = .zstandard
    } else if bytes.count >= 4, bytes[0] & 0xF0 == 0x50, bytes[1] == 0x2A, bytes[2] == 0x4D, bytes[3] == 0x18
    {
      // A frame to be skipped, which some tools put first.
      self = .zstandard
    } else {
      self = .none
    }
  }

  func decoder() throws(RowError) -> (any ByteDecoder)? {
    switch self {
    case .none: nil
    case .gzip: try GzipDecoder()
    case .zstandard: try ZstandardDecoder()
    }
  }
}
