#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// An incremental parser of HTTP/1.1 requests (RFC 9112) that copies nothing.
//
// The caller keeps the bytes of one request together, from its first byte on, and calls
// `parse` whenever there are more of them; it may move them between calls. The parser holds
// offsets only, so a connection that waits costs a few words. It looks at each byte of the
// head once for line ends as it comes, and once more for its grammar when the head is
// complete. Chunks are put together in place, directly behind the head: what a handler sees is
// one contiguous body, however it was sent.
//
// Where other servers are lenient this one refuses, as two programs that disagree on where a
// request ends are how requests get smuggled: no line ends but CR LF, no folded lines, no
// white space before a colon, one Content-Length at most, never together with
// Transfer-Encoding, no coding but "chunked", no white space around chunk sizes. The names of
// the refusals are `HTTPRefusal`.

/// A part of a request, as offsets from its first byte.
struct HTTPSpan: BitwiseCopyable, Equatable {
  var start: UInt32 = 0
  var count: UInt32 = 0

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ start: Int, _ end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.count = UInt32(truncatingIfNeeded: end &- start)
  }

  @inline(__always)
  func bytes(_ base: UnsafeRawPointer) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base + Int(start), count: Int(count))
  }
}

struct HTTPField: BitwiseCopyable {
  var name = HTTPSpan()
  var value = HTTPSpan()
}

/// The parts of a head. Valid as long as the request's bytes stay where they are.
@safe struct HTTPHead: ~Copyable {
  var method = HTTPSpan()
  var target = HTTPSpan()
  var fieldCount = 0
  /// Room for `fieldsMax`.
  let fields: UnsafeMutablePointer<HTTPField>

  init(fieldsMax: Int) { unsafe fields = .allocate(capacity: fieldsMax) }
  deinit { unsafe fields.deallocate() }
}

struct HTTPRequestParser: BitwiseCopyable {
  enum Step: Equatable {
    case needsMore
    /// A whole request is there; its bytes end here.
    case complete(end: Int)
    case refused(HTTPRefusal)
  }

  private enum Phase: UInt8 {
    case head, sizedBody, chunkSize, chunkData, chunkEnd, trailer
  }

  private var phase = Phase.head
  /// HTTP/1.1 unless the client speaks 1.0.
  private(set) var isHTTP10 = false
  /// The connection can go on after this request.
  private(set) var keepsAlive = true
  /// The client waits for a 100 before it sends the body.
  private(set) var expectsContinue = false
  private var isChunked = false
  /// Where the request line begins: behind empty lines that were skipped.
  private var start = 0
  /// Up to here the head, or the trailer, was searched for line ends.
  private var scanned = 0
  private var lineStart = 0
  /// Where the body begins; 0 while the head is incomplete.
  private(set) var headEnd = 0
  private(set) var bodyEnd = 0
  /// Where the undecoded rest of a chunked body begins.
  private var position = 0
  /// Bytes of the body, or of the chunk, that are missing.
  private var remaining = 0
  private var trailerBytes = 0

  init() {}

  var hasHead: Bool { headEnd > 0 }
  var bodyCount: Int { bodyEnd &- headEnd }
  /// How many bytes the whole request will have, where that is known: room worth having.
  var bytesWanted: Int { phase == .sizedBody ? headEnd &+ remaining : 0 }

  /// Goes on with a request of which `count` bytes are at `base`. Where a chunked body is
  /// incomplete its bytes are moved together, and `count` becomes smaller.
  @inline(__always)
  mutating func parse(
    _ base: UnsafeMutableRawPointer, _ count: inout Int, _ limits: HTTPLimits, into head: inout HTTPHead
  ) -> Step {
    if phase == .head {
      if let refusal = unsafe findHeadEnd(base, count, limits) { return .refused(refusal) }
      guard headEnd > 0 else { return .needsMore }
      if let refusal = unsafe readHead(base, limits, &head) { return .refused(refusal) }
      if phase == .head { return .complete(end: headEnd) }
      if phase == .sizedBody, headEnd &+ remaining <= count {
        bodyEnd = headEnd &+ remaining
        return .complete(end: bodyEnd)
      }
    }
    return unsafe parseBody(base, &count, limits, into: &head)
  }

  @inline(never)
  private mutating func parseBody(
    _ base: UnsafeMutableRawPointer, _ count: inout Int, _ limits: HTTPLimits, into head: inout HTTPHead
  ) -> Step {
    if phase == .sizedBody {
      guard headEnd &+ remaining <= count else { return .needsMore }
      // The table of fields is shared by all connections of a loop; fill it again.
      _ = unsafe readHead(base, limits, &head)
      bodyEnd = headEnd &+ remaining
      return .complete(end: bodyEnd)
    }
    let step = unsafe parseChunks(base, count, limits)
    switch step {
    case .needsMore:
      if position > bodyEnd {
        unsafe memmove(base + bodyEnd, base + position, count &- position)
        let moved = position &- bodyEnd
        count &-= moved
        position &-= moved
        scanned &-= moved
        lineStart &-= moved
      }
    case .complete:
      // Only the framing is read again, and it was found to be right.
      let (end, bodyEnd) = (position, self.bodyEnd)
      _ = unsafe readHead(base, limits, &head)
      self.bodyEnd = bodyEnd
      return .complete(end: end)
    case .refused: break
    }
    return step
  }

  // MARK: The head

  /// Looks for the empty line. It also finds what must not wait for it: line ends that are
  /// none, and heads that are too large.
  @inline(__always)
  private mutating func findHeadEnd(
    _ base: UnsafeRawPointer, _ count: Int, _ limits: HTTPLimits
  ) -> HTTPRefusal? {
    if _slowPath(scanned == start) {
      // RFC 9112, 2.2: empty lines ahead of a request are skipped. Old clients send one too many.
      while start &+ 1 < count,
        unsafe base.loadUnaligned(fromByteOffset: start, as: UInt16.self).littleEndian == 0x0A0D
      {
        start &+= 2
        if start > 16 { return .badRequestLine }
      }
      scanned = start
      guard start < count else { return nil }
      let first = unsafe base.load(fromByteOffset: start, as: UInt8.self)
      if first == 0x0D {
        if start &+ 1 < count { return .bareCarriageReturn }
        return nil
      }
      if first == 0x0A { return .bareLineFeed }
      if !Characters.isToken(first) { return .badMethod }
      lineStart = start
    }
    while scanned < count {
      guard let found = unsafe memchr(base + scanned, 0x0A, count &- scanned) else {
        scanned = count
        break
      }
      let lineFeed = unsafe UnsafeRawPointer(found) - base
      scanned = lineFeed &+ 1
      guard lineFeed > lineStart, unsafe base.load(fromByteOffset: lineFeed &- 1, as: UInt8.self) == 0x0D
      else {
        return .bareLineFeed
      }
      let isEmpty = lineFeed &- 1 == lineStart
      lineStart = scanned
      if isEmpty {
        if scanned &- start > limits.headBytesMax { return .headTooLarge }
        headEnd = scanned
        return nil
      }
    }
    return count &- start > limits.headBytesMax ? .headTooLarge : nil
  }

  /// Takes a complete head apart and decides how the body is framed.
  private mutating func readHead(
    _ base: UnsafeRawPointer, _ limits: HTTPLimits, _ head: inout HTTPHead
  ) -> HTTPRefusal? {
    var cursor = start
    if let refusal = unsafe readRequestLine(base, &cursor, &head) { return refusal }

    var framing = Framing()
    var count = 0
    let end = headEnd &- 2
    while cursor < end {
      guard count < limits.fieldsMax else { return .tooManyFields }
      let nameStart = cursor
      let nameEnd = unsafe Characters.endOfToken(base, cursor, end)
      let stop = unsafe base.load(fromByteOffset: nameEnd, as: UInt8.self)
      guard stop == 0x3A, nameEnd > nameStart else {
        let isFolded = nameEnd == nameStart && (stop == 0x20 || stop == 0x09)
        return isFolded ? .foldedField : .badFieldName
      }
      // There is a line feed: the head ends with one.
      let lineFeed =
        unsafe UnsafeRawPointer(memchr(base + nameEnd, 0x0A, end &- nameEnd).unsafelyUnwrapped) - base
      cursor = lineFeed &+ 1
      let (valueStart, valueEnd) = unsafe trim(base, nameEnd &+ 1, lineFeed &- 1)
      if unsafe Characters.hasControl(base, valueStart, valueEnd) {
        return unsafe controlRefusal(base, valueStart, valueEnd)
      }
      unsafe head.fields[count] = HTTPField(
        name: HTTPSpan(nameStart, nameEnd), value: HTTPSpan(valueStart, valueEnd))
      count &+= 1
      if let refusal = unsafe framing.note(base, nameStart, nameEnd &- nameStart, valueStart, valueEnd) {
        return refusal
      }
    }
    head.fieldCount = count
    return decide(framing, limits)
  }

  @inline(__always)
  private mutating func readRequestLine(
    _ base: UnsafeRawPointer, _ cursor: inout Int, _ head: inout HTTPHead
  ) -> HTTPRefusal? {
    let end = headEnd &- 2
    let methodEnd = unsafe Characters.endOfToken(base, cursor, end)
    let methodStart = cursor
    guard methodEnd > cursor, methodEnd &- cursor <= 32,
      unsafe base.load(fromByteOffset: methodEnd, as: UInt8.self) == 0x20
    else {
      return unsafe methodEnd > cursor && base.load(fromByteOffset: methodEnd, as: UInt8.self) == 0x0D
        ? .badRequestLine : .badMethod
    }
    head.method = HTTPSpan(cursor, methodEnd)
    cursor = methodEnd &+ 1
    let targetStart = cursor
    while cursor < end {
      let byte = unsafe base.load(fromByteOffset: cursor, as: UInt8.self)
      if byte &- 0x21 > 0x7E &- 0x21 { break }
      cursor &+= 1
    }
    let stop = unsafe base.load(fromByteOffset: cursor, as: UInt8.self)
    guard stop == 0x20 else { return stop == 0x0D ? .badRequestLine : .badTarget }
    head.target = HTTPSpan(targetStart, cursor)
    guard
      unsafe isTarget(base + targetStart, cursor &- targetStart, base + methodStart, methodEnd &- methodStart)
    else { return .badTarget }
    cursor &+= 1
    return unsafe readVersion(base, &cursor, end)
  }

  @inline(__always)
  private mutating func readVersion(
    _ base: UnsafeRawPointer, _ cursor: inout Int, _ end: Int
  ) -> HTTPRefusal? {
    // "HTTP/1.1" as it lies in memory.
    guard cursor &+ 8 <= end else { return .badRequestLine }
    let version = unsafe base.loadUnaligned(fromByteOffset: cursor, as: UInt64.self).littleEndian
    let http11: UInt64 = 0x312E_312F_5054_5448
    isHTTP10 = false
    if version != http11 {
      if version == http11 &- (1 &<< 56) {
        isHTTP10 = true
      } else {
        let isVersion =
          unsafe version & 0x00FF_00FF_FFFF_FFFF == 0x002E_002F_5054_5448
          && base.load(fromByteOffset: cursor &+ 5, as: UInt8.self) &- 0x30 < 10
          && base.load(fromByteOffset: cursor &+ 7, as: UInt8.self) &- 0x30 < 10
        return isVersion ? .unsupportedVersion : .badRequestLine
      }
    }
    cursor &+= 8
    guard unsafe base.loadUnaligned(fromByteOffset: cursor, as: UInt16.self).littleEndian == 0x0A0D else {
      return .badRequestLine
    }
    cursor &+= 2
    return nil
  }

  /// origin-form, absolute-form, or the '*' of OPTIONS. CONNECT and its form are for proxies.
  @inline(__always)
  private func isTarget(
    _ target: UnsafeRawPointer, _ count: Int, _ method: UnsafeRawPointer, _ methodCount: Int
  ) -> Bool {
    guard count > 0 else { return false }
    if unsafe target.load(as: UInt8.self) == 0x2F { return true }
    if count == 1, unsafe target.load(as: UInt8.self) == 0x2A {
      return unsafe methodCount == 7 && memcmp(method, "OPTIONS", 7) == 0
    }
    return unsafe (count > 7 && strncasecmp(target.assumingMemoryBound(to: CChar.self), "http://", 7) == 0)
      || (count > 8 && strncasecmp(target.assumingMemoryBound(to: CChar.self), "https://", 8) == 0)
  }

  @inline(__always)
  private func trim(_ base: UnsafeRawPointer, _ from: Int, _ to: Int) -> (Int, Int) {
    var (from, to) = (from, to)
    while from < to, unsafe isBlank(base.load(fromByteOffset: from, as: UInt8.self)) { from &+= 1 }
    while to > from, unsafe isBlank(base.load(fromByteOffset: to &- 1, as: UInt8.self)) { to &-= 1 }
    return (from, to)
  }

  @inline(__always)
  private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private func controlRefusal(_ base: UnsafeRawPointer, _ from: Int, _ to: Int) -> HTTPRefusal {
    unsafe memchr(base + from, 0x0D, to &- from) == nil ? .badFieldValue : .bareCarriageReturn
  }

  /// From the fields that say where the body ends and what happens then.
  @inline(__always)
  private mutating func decide(_ framing: Framing, _ limits: HTTPLimits) -> HTTPRefusal? {
    if framing.hosts == 0, !isHTTP10 { return .missingHost }
    if framing.isChunked {
      if framing.length >= 0 { return .lengthAndChunked }
      if isHTTP10 { return .chunkedBeforeHTTP11 }
    }
    keepsAlive = isHTTP10 ? framing.keepAlive && !framing.close : !framing.close
    expectsContinue = framing.expectsContinue && !isHTTP10
    bodyEnd = headEnd
    position = headEnd
    if framing.isChunked {
      isChunked = true
      phase = .chunkSize
      scanned = headEnd
    } else if framing.length > 0 {
      if framing.length > limits.bodyBytesMax { return .bodyTooLarge }
      phase = .sizedBody
      remaining = framing.length
    }
    return nil
  }

  // MARK: Chunks

  private mutating func parseChunks(
    _ base: UnsafeMutableRawPointer, _ count: Int, _ limits: HTTPLimits
  ) -> Step {
    while true {
      switch phase {
      case .chunkSize:
        switch unsafe readChunkSize(base, count, limits) {
        case .needsMore: return .needsMore
        case .refused(let refusal): return .refused(refusal)
        case .done: break
        }
      case .chunkData:
        let ready = min(remaining, count &- position)
        if ready > 0 {
          unsafe memmove(base + bodyEnd, base + position, ready)
          bodyEnd &+= ready
          position &+= ready
          remaining &-= ready
        }
        guard remaining == 0 else { return .needsMore }
        phase = .chunkEnd
      case .chunkEnd:
        guard position < count else { return .needsMore }
        guard unsafe base.load(fromByteOffset: position, as: UInt8.self) == 0x0D else {
          return .refused(.badChunkEnd)
        }
        guard position &+ 1 < count else { return .needsMore }
        guard unsafe base.load(fromByteOffset: position &+ 1, as: UInt8.self) == 0x0A else {
          return .refused(.badChunkEnd)
        }
        position &+= 2
        scanned = position
        phase = .chunkSize
      case .trailer:
        switch unsafe readTrailerLine(base, count, limits) {
        case .needsMore: return .needsMore
        case .refused(let refusal): return .refused(refusal)
        case .done: if phase == .head { return .complete(end: position) }
        }
      case .head, .sizedBody:
        preconditionFailure("BUG in Stepmill (please report): no chunk is under way")
      }
    }
  }

  private static let chunkLineMax = 1024

  /// What became of a line.
  private enum Progress {
    case needsMore, done
    case refused(HTTPRefusal)

    /// There is no line: because something is wrong, or yet.
    init(lacking refusal: HTTPRefusal?) { self = refusal.map { .refused($0) } ?? .needsMore }
  }

  /// Where the line from `position` on ends, without its CR LF. Nil while there is none.
  private mutating func line(
    _ base: UnsafeRawPointer, _ count: Int, longest: Int, _ refusal: inout HTTPRefusal?,
    tooLong: HTTPRefusal
  ) -> Int? {
    guard let found = unsafe memchr(base + scanned, 0x0A, count &- scanned) else {
      scanned = count
      if count &- position > longest { refusal = tooLong }
      return nil
    }
    let lineFeed = unsafe UnsafeRawPointer(found) - base
    scanned = lineFeed &+ 1
    if lineFeed &- position > longest {
      refusal = tooLong
      return nil
    }
    guard lineFeed > position, unsafe base.load(fromByteOffset: lineFeed &- 1, as: UInt8.self) == 0x0D else {
      refusal = .bareLineFeed
      return nil
    }
    return lineFeed &- 1
  }

  private mutating func readChunkSize(
    _ base: UnsafeRawPointer, _ count: Int, _ limits: HTTPLimits
  ) -> Progress {
    var refusal: HTTPRefusal?
    guard
      let end = unsafe line(base, count, longest: Self.chunkLineMax, &refusal, tooLong: .badChunkSize)
    else { return Progress(lacking: refusal) }
    var cursor = position
    var size = 0
    while cursor < end,
      let digit = unsafe Characters.hexValue(base.load(fromByteOffset: cursor, as: UInt8.self))
    {
      // Seven digits are more than any limit allows, and leading zeros need no bound but this.
      guard cursor &- position < 16 else { return .refused(.badChunkSize) }
      size = size &<< 4 | Int(digit)
      if size > 1 << 40 { return .refused(.bodyTooLarge) }
      cursor &+= 1
    }
    guard cursor > position else { return .refused(.badChunkSize) }
    if cursor < end {
      // An extension, which nobody has a use for. It is skipped, but not unseen.
      guard unsafe base.load(fromByteOffset: cursor, as: UInt8.self) == 0x3B,
        unsafe !Characters.hasControl(base, cursor, end)
      else { return .refused(.badChunkSize) }
    }
    position = end &+ 2
    scanned = position
    if size == 0 {
      phase = .trailer
      trailerBytes = 0
      return .done
    }
    guard size <= limits.bodyBytesMax &- bodyCount else { return .refused(.bodyTooLarge) }
    remaining = size
    phase = .chunkData
    return .done
  }

  /// Trailers are checked and forgotten: a field that comes after the body has no say.
  private mutating func readTrailerLine(
    _ base: UnsafeRawPointer, _ count: Int, _ limits: HTTPLimits
  ) -> Progress {
    var refusal: HTTPRefusal?
    guard
      let end = unsafe line(
        base, count, longest: limits.headBytesMax &- trailerBytes, &refusal, tooLong: .headTooLarge)
    else { return Progress(lacking: refusal) }
    let begin = position
    position = end &+ 2
    scanned = position
    trailerBytes &+= end &+ 2 &- begin
    if end == begin {
      phase = .head
      return .done
    }
    let nameEnd = unsafe Characters.endOfToken(base, begin, end)
    guard nameEnd > begin, nameEnd < end, unsafe base.load(fromByteOffset: nameEnd, as: UInt8.self) == 0x3A,
      unsafe !Characters.hasControl(base, nameEnd, end)
    else { return .refused(.badTrailer) }
    return .done
  }
}

/// What the fields of a head say about the message as a whole.
private struct Framing {
  var hosts = 0
  /// -1 without Content-Length.
  var length = -1
  var isChunked = false
  var close = false
  var keepAlive = false
  var expectsContinue = false

  @inline(__always)
  mutating func note(
    _ base: UnsafeRawPointer, _ name: Int, _ nameCount: Int, _ value: Int, _ valueEnd: Int
  ) -> HTTPRefusal? {
    switch nameCount {
    case 4:
      return unsafe Characters.isSameToken(base + name, 4, "host") ? noteHost(base, value, valueEnd) : nil
    case 6:
      return unsafe Characters.isSameToken(base + name, 6, "expect") ? noteExpect(base, value, valueEnd) : nil
    case 10:
      if unsafe Characters.isSameToken(base + name, 10, "connection") {
        unsafe noteConnection(base, value, valueEnd)
      }
      return nil
    case 14:
      guard unsafe Characters.isSameToken(base + name, 14, "content-length") else { return nil }
      return unsafe hasTab(base, valueEnd) ? .badContentLength : noteLength(base, value, valueEnd)
    case 17:
      guard unsafe Characters.isSameToken(base + name, 17, "transfer-encoding") else { return nil }
      return unsafe hasTab(base, valueEnd) ? .unsupportedTransferCoding : noteCoding(base, value, valueEnd)
    default: return nil
    }
  }

  /// Whether a tab is among the white space behind a value. It is allowed, and other parsers
  /// refuse it in the fields that say where a body ends.
  private func hasTab(_ base: UnsafeRawPointer, _ valueEnd: Int) -> Bool {
    var index = valueEnd
    while unsafe base.load(fromByteOffset: index, as: UInt8.self) == 0x20 { index &+= 1 }
    return unsafe base.load(fromByteOffset: index, as: UInt8.self) == 0x09
  }

  private mutating func noteHost(_ base: UnsafeRawPointer, _ value: Int, _ end: Int) -> HTTPRefusal? {
    hosts &+= 1
    if hosts > 1 { return .repeatedHost }
    for index in value..<end {
      let byte = unsafe base.load(fromByteOffset: index, as: UInt8.self)
      if byte == 0x20 || byte == 0x09 { return .badHost }
    }
    return nil
  }

  private mutating func noteExpect(_ base: UnsafeRawPointer, _ value: Int, _ end: Int) -> HTTPRefusal? {
    guard unsafe Characters.isSameToken(base + value, end &- value, "100-continue") else {
      return .unknownExpectation
    }
    expectsContinue = true
    return nil
  }

  private mutating func noteLength(_ base: UnsafeRawPointer, _ value: Int, _ end: Int) -> HTTPRefusal? {
    guard length < 0 else { return .repeatedContentLength }
    guard end > value else { return .badContentLength }
    var number = 0
    for index in value..<end {
      let digit = unsafe base.load(fromByteOffset: index, as: UInt8.self) &- 0x30
      guard digit < 10 else { return .badContentLength }
      number = number &* 10 &+ Int(digit)
      // Far above every limit, and far below an overflow.
      if number > 1 << 50 { number = 1 << 50 }
    }
    length = number
    return nil
  }

  private mutating func noteCoding(_ base: UnsafeRawPointer, _ value: Int, _ end: Int) -> HTTPRefusal? {
    if isChunked { return .repeatedTransferEncoding }
    guard unsafe Characters.isSameToken(base + value, end &- value, "chunked") else {
      return .unsupportedTransferCoding
    }
    isChunked = true
    return nil
  }

  private mutating func noteConnection(_ base: UnsafeRawPointer, _ value: Int, _ end: Int) {
    var cursor = value
    while cursor < end {
      let tokenEnd = unsafe Characters.endOfToken(base, cursor, end)
      let count = tokenEnd &- cursor
      if unsafe Characters.isSameToken(base + cursor, count, "close") { close = true }
      if unsafe Characters.isSameToken(base + cursor, count, "keep-alive") { keepAlive = true }
      cursor = max(tokenEnd, cursor &+ 1)
    }
  }
}
