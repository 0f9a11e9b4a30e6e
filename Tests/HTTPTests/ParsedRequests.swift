@testable import StepmillHTTP

/// What the parser makes of a stream of bytes.
struct ParsedRequests: Equatable {
  struct Request: Equatable {
    var method: String
    var target: String
    var headers: [String]
    var body: [UInt8]
    var keepsAlive: Bool
  }
  var requests: [Request] = []
  var refusal: HTTPRefusal?
  /// Bytes behind the last complete request.
  var rest = 0

  /// Parses a stream that arrives in pieces of these sizes; the last piece is what is left.
  /// Between pieces the bytes are moved to other memory.
  init(_ bytes: [UInt8], pieces: [Int] = [], limits: HTTPLimits = HTTPLimits()) {
    var head = HTTPHead(fieldsMax: limits.fieldsMax)
    var parser = HTTPRequestParser()
    var kept: [UInt8] = []
    var offset = 0
    for piece in pieces + [bytes.count] {
      let end = min(bytes.count, offset + piece)
      kept += bytes[offset..<end]
      offset = end
      take(&kept, &parser, &head, limits)
      if refusal != nil { return }
      if offset == bytes.count { break }
    }
    rest = kept.count
  }

  private mutating func take(
    _ kept: inout [UInt8], _ parser: inout HTTPRequestParser, _ head: inout HTTPHead, _ limits: HTTPLimits
  ) {
    // Memory of just the right size, so that the address sanitizer sees a step too far.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(kept.count, 1), alignment: 1)
    defer { memory.deallocate() }
    kept.withUnsafeBytes {
      memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
    }
    var start = 0
    var count = kept.count
    while start < count {
      var available = count - start
      let step = parser.parse(memory + start, &available, limits, into: &head)
      count = start + available
      if case .complete(let end) = step {
        let request = HTTPRequest(memory + start, head, parser)
        requests.append(
          Request(
            method: request.method, target: request.target,
            headers: request.headers.map { "\($0.name): \($0.value)" }, body: Array(request.body),
            keepsAlive: parser.keepsAlive))
        start += end
        parser = HTTPRequestParser()
        continue
      }
      if case .refused(let refusal) = step { self.refusal = refusal }
      break
    }
    kept = Array(UnsafeRawBufferPointer(start: memory + start, count: count - start))
  }

  init(_ text: String, pieces: [Int] = [], limits: HTTPLimits = HTTPLimits()) {
    self.init(Array(text.utf8), pieces: pieces, limits: limits)
  }
}
