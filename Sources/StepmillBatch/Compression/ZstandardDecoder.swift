import CZstd

/// Zstandard, of any number of frames.
final class ZstandardDecoder: ByteDecoder {
  private let stream: OpaquePointer
  private var offset = 0
  /// What the decoder still expects; 0 behind a frame.
  private var expected = 1

  init() throws(RowError) {
    guard let stream = ZSTD_createDStream() else {
      throw RowError(.source, "there is no memory to read zstd with")
    }
    self.stream = stream
  }

  deinit { ZSTD_freeDStream(stream) }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(RowError) -> (taken: Int, made: Int) {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let code = ZSTD_decompressStream(stream, &target, &source)
    offset += source.pos
    if ZSTD_isError(code) != 0 {
      throw RowError(
        .syntax, "the zstd stream is damaged: \(String(cString: ZSTD_getErrorName(code)))", at: offset)
    }
    // Behind a frame, 0 stays until something of the next one has been read.
    if source.pos > 0 || target.pos > 0 { expected = code }
    return (source.pos, target.pos)
  }

  func finish() throws(RowError) {
    if expected != 0 {
      throw RowError(.truncated, "the zstd stream is cut off: it ends in the middle of its data", at: offset)
    }
  }
}
