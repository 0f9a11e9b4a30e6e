import CZlib
import CZstd
import Testing

@testable import StepmillBatch

/// Proves that compressed rows are rows, in any pieces and of any number of members, and that a
/// stream which is cut off or damaged is an error with a place.
@Suite struct CompressionTests {
  static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    #expect(stepmill_gzip_begin(&stream, 6) == Z_OK)
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 200)
    let made = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
        return output.count - Int(stream.avail_out)
      }
    }
    return Array(output[..<made])
  }

  static func zstd(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    // With a checksum, as the command-line tool writes it.
    let context = ZSTD_createCCtx()
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    let made = ZSTD_compress2(context, &output, output.count, bytes, bytes.count)
    return Array(output[..<made])
  }

  private static func lines(_ count: Int) -> [String] { (0..<count).map { "{\"n\":\($0)}" } }

  @Test(arguments: [1, 5000]) func rowsOfOneStream(count: Int) throws {
    let lines = Self.lines(count)
    let text = Array((lines.joined(separator: "\n") + "\n").utf8)
    for packed in [Self.gzip(text), Self.zstd(text)] {
      for size in [1, 7, 1000, 1 << 20] {
        #expect(try RowTexts.read(packed, as: .jsonLines, pieces: { size }) == lines)
      }
    }
  }

  @Test func manyMembers() throws {
    let parts = (0..<20).map { "{\"part\":\($0)" }
    let joined = parts.map { Array("\($0)}\n".utf8) }
    let expected = parts.map { "\($0)}" }
    let gzip = joined.flatMap(Self.gzip)
    #expect(try RowTexts.read(gzip, as: .jsonLines, pieces: { 3 }) == expected)
    #expect(try RowTexts.read(gzip + [0, 0, 0], as: .jsonLines, pieces: { 50 }) == expected)
    #expect(try RowTexts.read(joined.flatMap(Self.zstd), as: .jsonLines, pieces: { 3 }) == expected)
  }

  /// A few bytes that stand for very many are taken apart a piece at a time.
  @Test func whatGrowsMuch() throws {
    let text = Array(String(repeating: "[0]\n", count: 500_000).utf8)
    for packed in [Self.gzip(text), Self.zstd(text)] {
      #expect(packed.count < 20_000)
      #expect(try RowTexts.read(packed, as: .jsonLines).count == 500_000)
    }
  }

  @Test func cutOffStreams() throws {
    let text = Array(Self.lines(3000).joined(separator: "\n").utf8)
    for packed in [Self.gzip(text), Self.zstd(text)] {
      for cut in [5, packed.count / 2, packed.count - 1] {
        let error = #expect(throws: RowError.self) {
          try RowTexts.read(Array(packed[..<cut]), as: .jsonLines, pieces: { 100 })
        }
        #expect(error?.kind == .truncated)
        #expect(error?.offset == cut)
      }
    }
  }

  @Test func damagedStreams() throws {
    let text = Array(Self.lines(3000).joined(separator: "\n").utf8)
    for packed in [Self.gzip(text), Self.zstd(text)] {
      var damaged = packed
      for index in packed.count / 2..<packed.count / 2 + 40 { damaged[index] ^= 0x55 }
      let error = #expect(throws: RowError.self) { try RowTexts.read(damaged, as: .jsonLines).count }
      #expect(error?.kind == .syntax)
      #expect(error?.offset != nil)
    }
    let error = #expect(throws: RowError.self) {
      try RowTexts.read(Self.gzip(text) + Array("hello".utf8), as: .jsonLines)
    }
    #expect(error?.offset == Self.gzip(text).count)
  }
}
