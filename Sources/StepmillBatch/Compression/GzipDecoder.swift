import CZlib

/// gzip, of any number of members one behind the other.
@safe final class GzipDecoder: ByteDecoder {
  private let stream: UnsafeMutablePointer<z_stream>
  private var offset = 0
  private var state = Phase.member

  private enum Phase {
    case member
    /// A member has ended: another one, zeros, or nothing may follow.
    case between
    case padding
  }

  init() throws(RowError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    guard unsafe stepmill_gunzip_begin(stream) == Z_OK else {
      unsafe stream.deallocate()
      throw RowError(.source, "there is no memory to read gzip with")
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func decode(_ input: Span<UInt8>, into output: inout ByteRoom) throws(RowError) -> Int {
    var taken = 0
    if state != .member {
      taken = try skip(input)
      guard state == .member else { return taken }
    }
    let (code, used) = inflate(input.extracting(droppingFirst: taken), &output)
    offset += used
    switch code {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: state = .between
    default:
      let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "error \(code)"
      throw RowError(.syntax, "the gzip stream is damaged: \(reason)", at: offset)
    }
    return taken + used
  }

  /// One call of the library: its code, and how much it has read.
  private func inflate(_ input: Span<UInt8>, _ output: inout ByteRoom) -> (code: Int32, used: Int) {
    unsafe input.withUnsafeBytes { source in
      // The library does not write to its input, whatever its types say.
      let bytes = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let count = min(source.count, Int(UInt32.max))
      unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes)
      unsafe stream.pointee.avail_in = UInt32(count)
      var code = Z_OK
      unsafe output.fill { target in
        let room = min(target.count, Int(UInt32.max))
        unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(room)
        code = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        return unsafe room - Int(stream.pointee.avail_out)
      }
      return unsafe (code, count - Int(stream.pointee.avail_in))
    }
  }

  /// What stands between and behind members.
  private func skip(_ input: Span<UInt8>) throws(RowError) -> Int {
    var taken = 0
    while taken < input.count {
      if input[taken] == 0 {
        state = .padding
        taken += 1
        continue
      }
      guard state == .between, input[taken] == 0x1F else {
        throw RowError(.syntax, "what follows the gzip stream is no gzip", at: offset + taken)
      }
      state = .member
      unsafe inflateReset(stream)
      break
    }
    offset += taken
    return taken
  }

  func finish() throws(RowError) {
    if state == .member {
      throw RowError(.truncated, "the gzip stream is cut off: it ends in the middle of its data", at: offset)
    }
  }
}
