import CZlib

/// gzip, of any number of members one behind the other.
final class GzipDecoder: ByteDecoder {
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
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard stepmill_gunzip_begin(stream) == Z_OK else {
      stream.deallocate()
      throw RowError(.source, "there is no memory to read gzip with")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(RowError) -> (taken: Int, made: Int) {
    var taken = 0
    if state != .member {
      taken = try skip(input)
      guard state == .member else { return (taken, 0) }
    }
    let count = min(input.count - taken, Int(UInt32.max))
    let room = min(output.count, Int(UInt32.max))
    guard room > 0 else { return (taken, 0) }
    let source = input.baseAddress.map { ($0 + taken).assumingMemoryBound(to: UInt8.self) }
    stream.pointee.next_in = UnsafeMutablePointer(mutating: source)
    stream.pointee.avail_in = UInt32(count)
    stream.pointee.next_out = output.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let code = inflate(stream, Z_NO_FLUSH)
    let used = count - Int(stream.pointee.avail_in)
    offset += used
    switch code {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: state = .between
    default:
      let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(code)"
      throw RowError(.syntax, "the gzip stream is damaged: \(reason)", at: offset)
    }
    return (taken + used, room - Int(stream.pointee.avail_out))
  }

  /// What stands between and behind members.
  private func skip(_ input: UnsafeRawBufferPointer) throws(RowError) -> Int {
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
      inflateReset(stream)
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
