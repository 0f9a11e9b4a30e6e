import CZstd

/// Zstandard, of any number of frames.
@safe final class ZstandardDecoder: ByteDecoder {
  private let stream: OpaquePointer
  private var offset = 0
  /// What the decoder still expects; 0 behind a frame.
  private var expected = 1

  init() throws(RowError) {
    guard let stream = unsafe ZSTD_createDStream() else {
      throw RowError(.source, "there is no memory to read zstd with")
    }
    unsafe self.stream = stream
  }

  deinit { unsafe ZSTD_freeDStream(stream) }

  func decode(_ input: Span<UInt8>, into output: inout ByteRoom) throws(RowError) -> Int {
    var taken = 0
    var made = 0
    let code = unsafe input.withUnsafeBytes { bytes in
      var source = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
      var code = 0
      unsafe output.fill { room in
        var target = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
        code = unsafe ZSTD_decompressStream(stream, &target, &source)
        made = unsafe target.pos
        return made
      }
      taken = unsafe source.pos
      return code
    }
    offset += taken
    if ZSTD_isError(code) != 0 {
      let reason = unsafe String(cString: ZSTD_getErrorName(code))
      throw RowError(.syntax, "the zstd stream is damaged: \(reason)", at: offset)
    }
    // Behind a frame, 0 stays until something of the next one has been read.
    if taken > 0 || made > 0 { expected = code }
    return taken
  }

  func finish() throws(RowError) {
    if expected != 0 {
      throw RowError(.truncated, "the zstd stream is cut off: it ends in the middle of its data", at: offset)
    }
  }
}
