#if !STEPMILL_FUZZER
  @testable import StepmillHTTP
#endif

#if canImport(CHTTPParser)
  import CHTTPParser
#endif

/// Any bytes as a stream of requests. Cut in two places chosen by the bytes themselves, it means
/// the same as in one piece; and where http-parser is at hand, every request that is accepted
/// here means the same there. (The other way round they differ on purpose: this parser refuses
/// what http-parser lets pass.)
enum HTTPFuzz {
  struct Request: Equatable {
    var method: [UInt8] = []
    var target: [UInt8] = []
    var names: [[UInt8]] = []
    var values: [[UInt8]] = []
    var body: [UInt8] = []
  }

  static func run(_ bytes: UnsafeRawBufferPointer) {
    var limits = HTTPLimits()
    limits.fieldsMax = 16
    limits.headBytesMax = 2048
    limits.bodyBytesMax = 3000
    let whole = parse(Array(bytes), cuts: [], limits)
    if bytes.count > 1 {
      let sum = bytes.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF }
      let cuts = [sum % bytes.count, (sum / 7) % bytes.count].sorted()
      precondition(parse(Array(bytes), cuts: cuts, limits) == whole, "cut at \(cuts) it means something else")
    }
    #if canImport(CHTTPParser)
      compare(whole.requests, bytes)
    #endif
  }

  struct Parsed: Equatable {
    var requests: [Request] = []
    var refusal: HTTPRefusal?
    /// How the connection of a request goes on.
    var keepsAlive: [Bool] = []
  }

  static func parse(_ bytes: [UInt8], cuts: [Int], _ limits: HTTPLimits) -> Parsed {
    var result = Parsed()
    var head = HTTPHead(fieldsMax: limits.fieldsMax)
    var parser = HTTPRequestParser()
    var kept: [UInt8] = []
    var offset = 0
    for end in cuts + [bytes.count] where result.refusal == nil {
      kept += bytes[offset..<end]
      offset = end
      var done = 0
      var copy = kept
      var count = kept.count
      copy.withUnsafeMutableBytes { memory in
        while done < count {
          let base = memory.baseAddress! + done
          var available = count - done
          let step = parser.parse(base, &available, limits, into: &head)
          count = done + available
          if case .refused(let refusal) = step { result.refusal = refusal }
          guard case .complete(let length) = step else { break }
          let request = HTTPRequest(base, head, parser)
          result.requests.append(
            Request(
              method: Array(request.methodBytes), target: Array(request.targetBytes),
              names: request.headers.map { Array($0.name.utf8) },
              values: (0..<head.fieldCount).map { Array(head.fields[$0].value.bytes(base)) },
              body: Array(request.body)))
          result.keepsAlive.append(parser.keepsAlive)
          done += length
          parser = HTTPRequestParser()
        }
      }
      kept = Array(copy[done..<count])
    }
    return result
  }

  #if canImport(CHTTPParser)
    /// What http-parser makes of the same bytes.
    final class Oracle {
      var requests: [Request] = []
      var isInValue = false
      var current = Request()
      var isInTrailer = false

      static func of(_ parser: UnsafeMutablePointer<http_parser>?) -> Oracle {
        Unmanaged<Oracle>.fromOpaque(parser!.pointee.data).takeUnretainedValue()
      }
    }

    private static func compare(_ requests: [Request], _ bytes: UnsafeRawBufferPointer) {
      guard !requests.isEmpty else { return }
      // http-parser knows a list of methods, and stops at the end of what it takes for an upgrade.
      let known = Set(
        (0...33).compactMap { http_method_str(http_method(UInt32($0))).map { String(cString: $0) } })
      guard requests.allSatisfy({ known.contains(String(decoding: $0.method, as: UTF8.self)) }) else {
        return
      }
      // Its own mistake: a name that only begins like this counts as the field itself.
      let prefix = "transfer-encoding"
      let isMistaken = requests.contains {
        $0.names.contains {
          $0.count > prefix.utf8.count
            && String(decoding: $0.prefix(17), as: UTF8.self).lowercased() == prefix
        }
      }
      guard !isMistaken else { return }
      var settings = http_parser_settings()
      http_parser_settings_init(&settings)
      settings.on_message_begin = { parser in
        Oracle.of(parser).current = Request()
        Oracle.of(parser).isInValue = false
        Oracle.of(parser).isInTrailer = false
        return 0
      }
      settings.on_url = { parser, text, count in
        Oracle.of(parser).current.target += Array(UnsafeRawBufferPointer(start: text, count: count))
        return 0
      }
      settings.on_header_field = { parser, text, count in
        let oracle = Oracle.of(parser)
        if oracle.isInTrailer { return 0 }
        if oracle.isInValue || oracle.current.names.isEmpty {
          oracle.current.names.append([])
          oracle.current.values.append([])
        }
        oracle.isInValue = false
        oracle.current.names[oracle.current.names.count - 1] += Array(
          UnsafeRawBufferPointer(start: text, count: count))
        return 0
      }
      settings.on_header_value = { parser, text, count in
        let oracle = Oracle.of(parser)
        if oracle.isInTrailer { return 0 }
        oracle.isInValue = true
        oracle.current.values[oracle.current.values.count - 1] += Array(
          UnsafeRawBufferPointer(start: text, count: count))
        return 0
      }
      settings.on_headers_complete = { parser in
        let oracle = Oracle.of(parser)
        oracle.isInTrailer = true
        oracle.current.method = Array(
          String(cString: http_method_str(http_method(UInt32(stepmill_http_method(parser))))).utf8)
        return 0
      }
      settings.on_body = { parser, text, count in
        Oracle.of(parser).current.body += Array(UnsafeRawBufferPointer(start: text, count: count))
        return 0
      }
      settings.on_message_complete = { parser in
        Oracle.of(parser).requests.append(Oracle.of(parser).current)
        return 0
      }
      let oracle = Oracle()
      var parser = http_parser()
      http_parser_init(&parser, HTTP_REQUEST)
      parser.data = Unmanaged.passUnretained(oracle).toOpaque()
      _ = http_parser_execute(
        &parser, &settings, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
      withExtendedLifetime(oracle) {}
      let error = String(cString: http_errno_name(http_errno(UInt32(stepmill_http_errno(&parser)))))
      // In a trailer it reads fields that have no say there.
      if oracle.isInTrailer, oracle.requests.count < requests.count,
        error.hasSuffix("CONTENT_LENGTH") || error.hasSuffix("TRANSFER_ENCODING")
      {
        return
      }
      // What it takes for an upgrade, or the end of a connection, ends its part.
      let ended = stepmill_http_upgrade(&parser) != 0 || stepmill_http_errno(&parser) == 4
      let comparable = ended ? min(oracle.requests.count, requests.count) : requests.count
      precondition(
        oracle.requests.count >= comparable,
        "http-parser refuses request \(oracle.requests.count) with \(error): "
          + String(decoding: bytes, as: UTF8.self).debugDescription)
      for index in 0..<comparable {
        var theirs = oracle.requests[index]
        // It leaves trailing white space on values.
        theirs.values = theirs.values.map { trimmed($0) }
        precondition(
          theirs == requests[index], "\(index): http-parser reads \(theirs), we read \(requests[index])")
      }
    }

    private static func trimmed(_ value: [UInt8]) -> [UInt8] {
      var value = value[...]
      while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
      return Array(value)
    }
  #endif
}
