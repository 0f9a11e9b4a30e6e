import CLibuv
import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// One connection of a server: bytes in, requests to the handler, answers out.
//
// Bytes are read into the loop's buffer and parsed there; only what is left over at the end (a
// request that is incomplete, or must wait for its turn) moves into memory of the connection's
// own, which goes as soon as it is empty. So a connection that waits between requests has none.
//
// Requests of one connection are handled one after the other. While one waits for its answer
// the next ones stay bytes: answers cannot come out of order, and a client that sends without
// reading is stopped by a small bound.
//
// Answers gather in the loop's output, whoever gives them, and leave in `turnEnded`: those of one
// connection with one system call, those of all connections one right after the other. A client
// with many connections is then woken once for all of them. Written as soon as it was there, an
// answer that took some work found a client that had gone to sleep over the last one, and waking
// it cost a fifth of the whole request.
//
// How a connection ends: after an answer that says so it is shut down for writing and read to
// its end for a moment, because closing a socket with unread bytes would make the system throw
// away the answer on its way. Everything else closes at once.
//
// Who may touch what: `loop`, `number` and `remoteAddress` never change. Everything else belongs
// to the loop's thread; that is what `@unchecked Sendable` stands on.

@safe final class Connection: @unchecked Sendable {
  enum Phase: UInt8 {
    /// Between requests, or in the middle of reading one.
    case reading
    /// A request is with the handler.
    case handling
    /// An answer is sent part by part.
    case streaming
    /// The last answer is given; waits until it has left.
    case finishing
    /// Shut down for writing; what comes in is thrown away.
    case lingering
    case closed
  }

  /// What the deadline is for.
  private enum Wait: UInt8 { case idle, head, body, answer, linger }

  let loop: TenantLoop
  let number: UInt64
  let remoteAddress: String
  /// The loop's tenant. Not to be touched once the connection is closed.
  private unowned(unsafe) let owner: ServerLoop
  let stream: UnsafeMutablePointer<uv_stream_t>
  /// Where this is in the owner's table.
  var place = 0
  private(set) var phase = Phase.reading
  private var wait = Wait.idle
  private var isReadStopped = false
  private var inputEnded = false
  private var sentContinue = false
  private var closesAfterAnswer = false
  private var answersHead = false
  private var isHTTP10 = false
  private var exchange: UInt32 = 0
  /// Parts of answers that wait for the end of the turn.
  var parts = 0
  private var deadline: UInt64 = 0
  private var parser = HTTPRequestParser()
  private var input = InputBuffer()
  private var slow: SlowOutput?
  private var tls: TLSSession?
  private var abandoned: (@Sendable () -> Void)?
  private var record: AccessRecord?

  init(_ owner: ServerLoop, stream: UnsafeMutablePointer<uv_stream_t>, number: UInt64, remoteAddress: String)
  {
    unsafe self.owner = owner
    loop = owner.loop
    unsafe self.stream = unsafe stream
    self.number = number
    self.remoteAddress = remoteAddress
  }

  /// Begins to read. The socket's handle holds this object from here on.
  func start(tls: TLSSession?) {
    self.tls = tls
    unsafe stream.pointee.data = unsafe Unmanaged.passRetained(self).toOpaque()
    unsafe setWait(.idle, owner.limits.idleMilliseconds)
    startReading()
  }

  @inline(__always)
  private static func of(_ data: UnsafeMutableRawPointer?, _ body: (Connection) -> Void) {
    unsafe Unmanaged<Connection>.fromOpaque(data.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
  }

  // MARK: Reading

  private func startReading() {
    isReadStopped = false
    let code = unsafe uv_read_start(
      stream,
      { handle, _, buffer in
        unsafe Connection.of(handle.unsafelyUnwrapped.pointee.data) {
          unsafe buffer.unsafelyUnwrapped.pointee = unsafe $0.readBuffer()
        }
      },
      { handle, count, _ in
        unsafe Connection.of(handle.unsafelyUnwrapped.pointee.data) { $0.didRead(count) }
      })
    if code < 0 { close() }
  }

  @inline(__always)
  private func readBuffer() -> uv_buf_t {
    if _fastPath(input.count == 0 || tls != nil || phase == .lingering) { return unsafe owner.readBuffer }
    return unsafe input.room(for: parser.bytesWanted)
  }

  @inline(__always)
  private func didRead(_ count: Int) {
    guard _fastPath(count > 0) else {
      // Zero means that there was nothing after all.
      if count < 0 { readFailed(count) }
      return
    }
    loop.beginCallback()
    unsafe owner.counters.bytesIn.add(count)
    if _slowPath(phase == .closed || phase == .finishing) { return }
    if _slowPath(phase == .lingering) { return }
    if _slowPath(tls != nil) { return didReadCipher(count) }
    if input.count == 0 {
      unsafe consume(owner.readBuffer.base.unsafelyUnwrapped, count)
    } else {
      input.grew(by: count)
      consumeInput()
    }
    unsafe owner.flushIfMany()
  }

  /// Parses bytes of the loop's buffer, and keeps what is left.
  @inline(__always)
  private func consume(_ base: UnsafeMutableRawPointer, _ count: Int) {
    var count = count
    let used = unsafe process(base, &count)
    if _slowPath(used < count), phase.rawValue <= Phase.streaming.rawValue {
      unsafe input.append(base + used, count &- used)
      stopIfTooMuch()
    }
  }

  /// Parses what the connection has kept.
  private func consumeInput() {
    guard input.count > 0, phase == .reading else { return stopIfTooMuch() }
    var count = input.count
    let used = unsafe process(input.base.unsafelyUnwrapped, &count)
    if phase.rawValue > Phase.streaming.rawValue { return input.clear() }
    input.keep(from: used, to: count)
    stopIfTooMuch()
  }

  /// While a request waits for its answer, those behind it may not fill the memory.
  private func stopIfTooMuch() {
    guard phase == .handling || phase == .streaming, !isReadStopped,
      unsafe input.count > owner.limits.pipelineBytesMax
    else { return }
    unsafe uv_read_stop(stream)
    isReadStopped = true
  }

  /// Handles the requests that are complete. Returns how many bytes are done with.
  @inline(__always)
  private func process(_ base: UnsafeMutableRawPointer, _ count: inout Int) -> Int {
    var offset = 0
    while phase == .reading, offset < count {
      let before = count &- offset
      var available = before
      let step = unsafe parser.parse(base + offset, &available, owner.limits, into: &owner.head.pointee)
      count &-= before &- available
      switch step {
      case .needsMore:
        if _slowPath(available > 0) { needsMore(hasBody: available > parser.headEnd) }
        return offset
      case .complete(let end):
        unsafe begin(base + offset)
        offset &+= end
      case .refused(let refusal):
        refuse(refusal)
        offset = count
      }
    }
    return offset
  }

  @inline(__always)
  private func begin(_ base: UnsafeMutableRawPointer) {
    let request = unsafe HTTPRequest(base, owner.head.pointee, parser)
    closesAfterAnswer = !parser.keepsAlive
    isHTTP10 = parser.isHTTP10
    answersHead = request.isMethod("HEAD")
    parser = HTTPRequestParser()
    sentContinue = false
    exchange &+= 1
    phase = .handling
    unsafe setWait(.answer, owner.limits.answerMilliseconds)
    unsafe owner.counters.requests.add(1)
    if unsafe _slowPath(owner.log != nil) { record = AccessRecord(request) }
    unsafe owner.handler.handle(request, respond: HTTPResponder(connection: self, exchange: exchange))
  }

  /// A request is incomplete: sets its deadline when a part of it begins.
  private func needsMore(hasBody: Bool) {
    guard parser.hasHead else {
      if wait == .idle { unsafe setWait(.head, owner.limits.headMilliseconds) }
      return
    }
    if wait != .body { unsafe setWait(.body, owner.limits.bodyMilliseconds) }
    if parser.expectsContinue, !hasBody, !sentContinue {
      sentContinue = true
      unsafe owner.append(self) { $0.append("HTTP/1.1 100 Continue\r\n\r\n") }
    }
  }

  @inline(__always)
  private func setWait(_ wait: Wait, _ milliseconds: UInt64) {
    self.wait = wait
    deadline = unsafe owner.now &+ milliseconds
  }

  /// The client sends no more, or the connection is broken.
  private func readFailed(_ code: Int) {
    loop.beginCallback()
    guard phase != .closed else { return }
    unsafe owner.turnEnded()
    guard phase != .closed else { return }
    inputEnded = true
    guard code == Int(UV_EOF.rawValue), abandoned == nil else { return close() }
    // Shut down for writing only, as far as anybody can tell: the answer is still wanted.
    if phase == .reading, slow != nil { phase = .finishing }
    guard phase == .handling || phase == .finishing else { return close() }
    unsafe uv_read_stop(stream)
  }

  // MARK: Answers

  @inline(__always)
  func answer(
    _ exchange: UInt32, status: Int, fields: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer
  ) {
    guard phase == .handling, exchange == self.exchange else { return }
    // 304 has no body, and 204 not even a size.
    let hasBody = !answersHead && status != 204 && status != 304
    let keepsAlive = unsafe !closesAfterAnswer && !owner.isDraining && !inputEnded
    let head = unsafe HTTPResponseWriter.Head(
      status: status, fields: fields, bodyCount: body.count, keepsAlive: keepsAlive, isHTTP10: isHTTP10,
      date: owner.date)
    unsafe owner.append(self) { output in
      HTTPResponseWriter.write(head, to: &output)
      if hasBody { unsafe output.append(body) }
    }
    endExchange(keepsAlive: keepsAlive, status: status, bodyCount: body.count)
  }

  @inline(__always)
  private func endExchange(keepsAlive: Bool, status: Int, bodyCount: Int) {
    unsafe owner.counters.count(status: status)
    if _slowPath(abandoned != nil) { abandoned = nil }
    if _slowPath(record != nil) {
      unsafe owner.logAccess(
        record.unsafelyUnwrapped, remote: remoteAddress, status: status, bytes: bodyCount)
      record = nil
    }
    if _fastPath(keepsAlive) {
      phase = .reading
      unsafe setWait(.idle, owner.limits.idleMilliseconds)
    } else {
      phase = .finishing
    }
  }

  /// Answers a request that never became one, and ends the connection.
  private func refuse(_ refusal: HTTPRefusal) {
    unsafe owner.counters.refused.add(1)
    unsafe owner.counters.count(status: refusal.status)
    sendLastAnswer(status: refusal.status, text: refusal.message)
    unsafe owner.logRefusal(refusal, remote: remoteAddress)
  }

  /// In the middle of reading or handling.
  private func sendLastAnswer(status: Int, text: String) {
    let body = Array((text + "\n").utf8)
    unsafe owner.contentTypeText.withUnsafeBytes { fields in
      unsafe body.withUnsafeBytes { body in
        let head = unsafe HTTPResponseWriter.Head(
          status: status, fields: fields, bodyCount: body.count, keepsAlive: false, date: owner.date)
        unsafe owner.append(self) { output in
          HTTPResponseWriter.write(head, to: &output)
          unsafe output.append(body)
        }
      }
    }
    phase = .finishing
  }

  func setAbandoned(_ exchange: UInt32, _ body: @escaping @Sendable () -> Void) {
    if phase == .handling, exchange == self.exchange, !inputEnded {
      abandoned = body
    } else if exchange == self.exchange, phase == .handling || phase == .closed {
      body()
      close()
    }
  }

  // MARK: Streams

  func beginStream(
    _ exchange: UInt32, status: Int, fields: [UInt8], closed: @escaping @Sendable () -> Void
  ) {
    guard phase == .handling, exchange == self.exchange else { return closed() }
    abandoned = closed
    // A client of HTTP/1.0 knows no chunks: for it the body ends with the connection.
    if unsafe isHTTP10 || owner.isDraining { closesAfterAnswer = true }
    unsafe fields.withUnsafeBytes { fields in
      let head = unsafe HTTPResponseWriter.Head(
        status: status, fields: fields, bodyCount: nil, isChunked: !isHTTP10, keepsAlive: !closesAfterAnswer,
        date: owner.date)
      unsafe owner.append(self) { HTTPResponseWriter.write(head, to: &$0) }
    }
    phase = .streaming
    streamStatus = status
    // A stream may be quiet for as long as it likes.
    deadline = .max
  }

  private var streamStatus = 200

  func writeStream(_ exchange: UInt32, _ bytes: [UInt8]) {
    guard phase == .streaming, exchange == self.exchange, !bytes.isEmpty, !answersHead else { return }
    let isChunked = !isHTTP10
    unsafe owner.append(self) { output in
      if isChunked {
        output.append(number: bytes.count, radix: 16)
        output.append("\r\n")
      }
      unsafe bytes.withUnsafeBytes { unsafe output.append($0) }
      if isChunked { output.append("\r\n") }
    }
  }

  func endStream(_ exchange: UInt32) {
    guard phase == .streaming, exchange == self.exchange else { return }
    // What waits behind it goes on when this has left.
    let hasEnd = !isHTTP10 && !answersHead
    unsafe owner.append(self) { if hasEnd { $0.append("0\r\n\r\n") } }
    abandoned = nil
    unsafe endExchange(
      keepsAlive: !closesAfterAnswer && !owner.isDraining && !inputEnded, status: streamStatus, bodyCount: 0)
  }

  var bytesWaiting: Int { slow?.count ?? 0 }

  // MARK: Writing

  /// Sends a part of what has gathered, and goes on with what has waited for it.
  @inline(__always)
  func flush(_ bytes: UnsafeRawBufferPointer) {
    parts &-= 1
    guard phase != .closed else { return }
    if bytes.count > 0 { unsafe send(bytes) }
    // The answer may end in a later part.
    guard parts == 0 else { return }
    if _slowPath(phase == .finishing) { return finish() }
    guard phase == .reading else { return }
    if _slowPath(isReadStopped), !inputEnded { startReading() }
    if _slowPath(input.count > 0) { consumeInput() }
  }

  private func send(_ bytes: UnsafeRawBufferPointer) {
    guard _slowPath(tls != nil) else { return unsafe sendRaw(bytes) }
    guard unsafe tls.unsafelyUnwrapped.encrypt(bytes, { unsafe sendRaw($0) }) else { return close() }
  }

  private func sendRaw(_ bytes: UnsafeRawBufferPointer) {
    guard phase != .closed else { return }
    unsafe owner.counters.bytesOut.add(bytes.count)
    var bytes = unsafe bytes
    if _fastPath(slow == nil) {
      var buffer = unsafe uv_buf_t(
        base: UnsafeMutableRawPointer(mutating: bytes.baseAddress.unsafelyUnwrapped)
          .assumingMemoryBound(to: CChar.self), len: bytes.count)
      let written = unsafe Int(uv_try_write(stream, &buffer, 1))
      if _fastPath(written == bytes.count) { return }
      if written < 0 && written != Int(UV_EAGAIN.rawValue) { return close() }
      unsafe bytes = unsafe UnsafeRawBufferPointer(rebasing: bytes[max(written, 0)...])
      slow = SlowOutput()
    }
    let slow = unsafe slow.unsafelyUnwrapped
    unsafe slow.queued.append(bytes)
    if unsafe slow.count > owner.limits.outputBytesMax {
      unsafe owner.counters.evicted.add(1)
      return close()
    }
    if !slow.isWriting { writeQueued(slow) }
  }

  private func writeQueued(_ slow: SlowOutput) {
    swap(&slow.queued, &slow.writing)
    slow.queued.clear(keeping: 4096)
    slow.deadline = unsafe owner.now + owner.limits.writeMilliseconds
    slow.lastSize = .max
    slow.isWriting = true
    var buffer = unsafe uv_buf_t(
      base: slow.writing.base.assumingMemoryBound(to: CChar.self), len: slow.writing.count)
    // The buffers live as long as the object, which the request holds.
    unsafe slow.request.pointee.data = unsafe Unmanaged.passRetained(slow).toOpaque()
    slow.connection = self
    let code = unsafe uv_write(
      slow.request, stream, &buffer, 1,
      { request, status in
        let slow = unsafe Unmanaged<SlowOutput>.fromOpaque(request.unsafelyUnwrapped.pointee.data)
          .takeRetainedValue()
        let connection = slow.connection
        slow.connection = nil
        slow.isWriting = false
        connection?.didWrite(slow, status)
      })
    if code < 0 {
      unsafe Unmanaged.passUnretained(slow).release()
      slow.isWriting = false
      slow.connection = nil
      close()
    }
  }

  private func didWrite(_ slow: SlowOutput, _ status: Int32) {
    guard phase != .closed else { return }
    loop.beginCallback()
    if status < 0 { return close() }
    slow.writing.clear(keeping: 4096)
    if slow.queued.count > 0 { return writeQueued(slow) }
    self.slow = nil
    if phase == .finishing { finish() }
  }

  // MARK: TLS

  private func didReadCipher(_ count: Int) {
    let session = unsafe tls.unsafelyUnwrapped
    unsafe session.feed(UnsafeRawBufferPointer(start: owner.readBuffer.base, count: count))
    while phase.rawValue <= Phase.streaming.rawValue {
      let room = unsafe input.room(for: max(parser.bytesWanted, input.count + 16_384))
      let result = unsafe session.decrypt(
        into: UnsafeMutableRawBufferPointer(start: room.base, count: room.len))
      unsafe session.flush { unsafe sendRaw($0) }
      switch result {
      case .bytes(let count):
        input.grew(by: count)
        consumeInput()
      case .needsMore: return input.release()
      case .ended: return readFailed(Int(UV_EOF.rawValue))
      case .failed:
        unsafe owner.counters.refused.add(1)
        return close()
      }
    }
  }

  // MARK: Ending

  /// The last answer is given: ends the connection when it has left.
  private func finish() {
    guard phase == .finishing, slow == nil else { return }
    if inputEnded { return close() }
    if let tls { unsafe tls.shutDown { unsafe sendRaw($0) } }
    guard phase == .finishing, slow == nil else { return }
    var socket: uv_os_fd_t = -1
    unsafe uv_fileno(stream.asHandle, &socket)
    if socket < 0 || shutdown(socket, Int32(SHUT_WR)) != 0 { return close() }
    phase = .lingering
    input.clear()
    if isReadStopped { startReading() }
    setWait(.linger, 2000)
  }

  /// Called about twice a second.
  func sweep(_ now: UInt64) {
    guard phase != .closed else { return }
    if let slow, slow.isWriting, now >= slow.deadline {
      let size = unsafe uv_stream_get_write_queue_size(stream)
      if size >= slow.lastSize {
        unsafe owner.counters.evicted.add(1)
        return close()
      }
      slow.lastSize = size
      slow.deadline = unsafe now + owner.limits.writeMilliseconds
    }
    guard now >= deadline else { return }
    switch wait {
    case .idle, .linger:
      if phase == .reading || phase == .lingering { close() }
    case .head, .body:
      guard phase == .reading else { return }
      unsafe owner.counters.evicted.add(1)
      refuse(.requestTimeout)
    case .answer:
      guard phase == .handling else { return }
      let abandoned = self.abandoned
      self.abandoned = nil
      unsafe owner.counters.count(status: 503)
      sendLastAnswer(status: 503, text: "The request was not answered in time.")
      abandoned?()
    }
  }

  /// The server drains: what is idle goes now, the rest after its answer.
  func drain() {
    if phase == .reading, !parser.hasHead, input.count == 0 { close() }
  }

  func close() {
    guard phase != .closed else { return }
    phase = .closed
    unsafe owner.forget(self)
    input.clear()
    slow = nil
    let abandoned = self.abandoned
    self.abandoned = nil
    unsafe uv_close(stream.asHandle) { handle in
      let data = unsafe handle.unsafelyUnwrapped.pointee.data.unsafelyUnwrapped
      let connection = unsafe Unmanaged<Connection>.fromOpaque(data).takeRetainedValue()
      unsafe connection.owner.handleClosed()
      unsafe UnsafeMutableRawPointer(handle.unsafelyUnwrapped).deallocate()
    }
    abandoned?()
  }
}

/// The bytes of answers that the system did not take at once.
@safe final class SlowOutput {
  /// With libuv, until its callback.
  var writing = HTTPOutput(capacity: 16)
  var queued = HTTPOutput(capacity: 4096)
  let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
  var isWriting = false
  var deadline: UInt64 = .max
  var lastSize = Int.max
  /// While a write is under way.
  var connection: Connection?

  var count: Int { writing.count + queued.count }

  deinit { unsafe request.deallocate() }
}

/// What a connection has read and not used.
@safe struct InputBuffer: BitwiseCopyable {
  private(set) var base: UnsafeMutableRawPointer?
  private(set) var count = 0
  private var capacity = 0

  init() {}

  /// Memory behind the bytes: at least a few kilobytes, towards `wanted` altogether. What a
  /// client announces it gets step by step, as it sends it.
  mutating func room(for wanted: Int) -> uv_buf_t {
    let least = wanted > count ? min(2048, wanted - count) : 2048
    if capacity &- count < least {
      grow(max(4096, min(max(2 * capacity, count + 2048), max(wanted, count + 4096))))
    }
    return unsafe uv_buf_t(
      base: (base.unsafelyUnwrapped + count).assumingMemoryBound(to: CChar.self), len: capacity &- count)
  }

  private mutating func grow(_ wanted: Int) {
    unsafe base = unsafe realloc(base, wanted)
    capacity = wanted
    unsafe precondition(base != nil, "Stepmill: out of memory")
  }

  mutating func grew(by more: Int) { count &+= more }

  mutating func append(_ bytes: UnsafeRawPointer, _ more: Int) {
    if capacity &- count < more { grow(max(count + more, 512)) }
    unsafe memcpy(base.unsafelyUnwrapped + count, bytes, more)
    count &+= more
  }

  /// Drops what lies before `from` and behind `to`.
  mutating func keep(from: Int, to: Int) {
    guard to > from else { return clear() }
    if from > 0 { unsafe memmove(base.unsafelyUnwrapped, base.unsafelyUnwrapped + from, to &- from) }
    count = to &- from
  }

  /// Lets go of memory that holds nothing.
  mutating func release() {
    if count == 0 { clear() }
  }

  mutating func clear() {
    unsafe free(base)
    unsafe base = nil
    count = 0
    capacity = 0
  }
}
