import CLibuv
import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What of a server lives on one loop: listeners, connections, and the memory that they share.
/// Belongs to the loop's thread; other threads touch `counters` and `loop` only, which is what
/// `@unchecked Sendable` stands on.
@safe final class ServerLoop: LoopTenant, @unchecked Sendable {
  let loop: TenantLoop
  let limits: HTTPLimits
  let handler: any HTTPHandler
  let counters = LoopCounters()
  let log: AccessLog?
  let contentTypeText = Array("Content-Type: text/plain; charset=utf-8\r\n".utf8)
  /// Shared by all loops of the server.
  private let total: ConnectionTotal
  private let tls: TLSContext?

  /// Where the connections read, one at a time.
  let readBuffer: uv_buf_t
  /// The head that is being looked at. (This and the output lie behind pointers: each use of a
  /// class's own variable in place would be a call to the exclusivity check.)
  let head: UnsafeMutablePointer<HTTPHead>

  /// Answers in the order in which they were given; and what has gathered while others leave.
  private let output: UnsafeMutablePointer<Gathered>
  private let leaving: UnsafeMutablePointer<Gathered>

  private struct Gathered: ~Copyable {
    var bytes = HTTPOutput(capacity: 64 << 10)
    /// What belongs to whom.
    var parts: [Part] = []
  }

  private struct Part {
    let connection: Connection
    var count: Int
  }

  /// More than so many parts do not wait for the end of the turn, nor more than so many bytes.
  private static let partsMax = 64
  private static let partBytesMax = 256 << 10

  private var connections: [Connection] = []
  /// What is listened on, each through a descriptor that its handle has to itself: closing that is the
  /// only way to have libuv stop accepting, and what waits to be accepted goes on to wait.
  private var listeners: [(socket: ListeningSocket, stream: UnsafeMutablePointer<uv_stream_t>?)] = unsafe []
  private let timer: UnsafeMutablePointer<uv_timer_t>
  private let dateText: UnsafeMutableRawPointer
  /// "Date: Sun, 06 Nov 1994 08:49:37 GMT" and its CR LF.
  private static let dateCount = 37
  private var dateSecond: Int64 = -1
  private var handlesOpen = 0
  private(set) var isDraining = false
  private var drainEnds = UInt64.max
  private var isEnding = false
  /// Runs once, when nothing is left.
  private var gone: [@Sendable () -> Void] = []

  init(
    _ loop: TenantLoop, handler: any HTTPHandler, limits: HTTPLimits, total: ConnectionTotal,
    tls: TLSContext?,
    log: AccessLog?
  ) {
    self.loop = loop
    self.handler = handler.handler(on: loop)
    self.limits = limits
    self.total = total
    self.tls = tls
    self.log = log
    let size = 64 << 10
    unsafe readBuffer = unsafe uv_buf_t(base: .allocate(capacity: size), len: size)
    unsafe head = .allocate(capacity: 1)
    unsafe head.initialize(to: HTTPHead(fieldsMax: limits.fieldsMax))
    unsafe output = .allocate(capacity: 1)
    unsafe output.initialize(to: Gathered())
    unsafe leaving = .allocate(capacity: 1)
    unsafe leaving.initialize(to: Gathered())
    unsafe dateText = .allocate(byteCount: ServerLoop.dateCount, alignment: 1)
    unsafe timer = .allocate(capacity: 1)
  }

  deinit {
    unsafe readBuffer.base.deallocate()
    unsafe head.deinitialize(count: 1)
    unsafe head.deallocate()
    unsafe output.deinitialize(count: 1)
    unsafe output.deallocate()
    unsafe leaving.deinitialize(count: 1)
    unsafe leaving.deallocate()
    unsafe dateText.deallocate()
  }

  private var uv: UnsafeMutablePointer<uv_loop_t> {
    unsafe loop.uvLoop.assumingMemoryBound(to: uv_loop_t.self)
  }

  @inline(__always)
  var now: UInt64 { unsafe uv_now(uv) }

  private static func of(_ data: UnsafeMutableRawPointer?) -> ServerLoop {
    unsafe Unmanaged<ServerLoop>.fromOpaque(data.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: Listening

  /// Takes over listening sockets. On the loop's thread, once.
  func start(_ sockets: [ListeningSocket]) {
    loop.add(self)
    updateDate()
    unsafe uv_timer_init(uv, timer)
    unsafe timer.pointee.data = unsafe Unmanaged.passUnretained(self).toOpaque()
    handlesOpen = 1
    unsafe uv_timer_start(
      timer, { unsafe ServerLoop.of($0.unsafelyUnwrapped.pointee.data).sweep() }, 500, 500)
    unsafe listeners = sockets.map { ($0, nil) }
    if isEnding {
      closeListeners()
      return closeHandles()
    }
    listen()
  }

  /// Listens where it does not: at the beginning, and some time after descriptors had run out.
  private func listen() {
    for index in unsafe listeners.indices where unsafe listeners[index].stream == nil {
      let socket = unsafe listeners[index].socket
      let descriptor = fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0)
      guard descriptor >= 0 else { return tellOfDescriptors() }
      let stream = unsafe makeHandle(isUnix: socket.isUnix)
      unsafe stream.pointee.data = unsafe Unmanaged.passUnretained(self).toOpaque()
      var code = unsafe openHandle(stream, descriptor, isUnix: socket.isUnix)
      if code == 0 {
        code = unsafe uv_listen(
          stream, 4096,
          { stream, status in
            unsafe ServerLoop.of(stream.unsafelyUnwrapped.pointee.data).offered(
              stream.unsafelyUnwrapped, status)
          })
      }
      handlesOpen += 1
      unsafe listeners[index].stream = unsafe stream
      // The socket was bound and listened on before it came here.
      precondition(
        code == 0, "BUG in Stepmill (please report): a listening socket was refused by libuv (\(code))")
    }
  }

  private func offered(_ listener: UnsafeMutablePointer<uv_stream_t>, _ status: Int32) {
    if _fastPath(status == 0) { return unsafe accept(listener) }
    // As long as the listener has its descriptor libuv would ask for the connection again, and never
    // return to those that could end.
    for index in unsafe listeners.indices where unsafe listeners[index].stream == listener {
      unsafe discard(listener)
      unsafe listeners[index].stream = nil
    }
    tellOfDescriptors()
  }

  private func tellOfDescriptors() {
    total.tell(
      "there are no more file descriptors: new connections wait until others end; 'ulimit -n' or LimitNOFILE= "
        + "allows more")
  }

  private func makeHandle(isUnix: Bool) -> UnsafeMutablePointer<uv_stream_t> {
    let size = unsafe max(MemoryLayout<uv_tcp_t>.size, MemoryLayout<uv_pipe_t>.size)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    if isUnix {
      unsafe uv_pipe_init(uv, memory.assumingMemoryBound(to: uv_pipe_t.self), 0)
    } else {
      unsafe uv_tcp_init(uv, memory.assumingMemoryBound(to: uv_tcp_t.self))
    }
    return unsafe memory.assumingMemoryBound(to: uv_stream_t.self)
  }

  private func openHandle(_ stream: UnsafeMutablePointer<uv_stream_t>, _ descriptor: Int32, isUnix: Bool)
    -> Int32
  {
    let memory = UnsafeMutableRawPointer(stream)
    return unsafe isUnix
      ? uv_pipe_open(memory.assumingMemoryBound(to: uv_pipe_t.self), descriptor)
      : uv_tcp_open(memory.assumingMemoryBound(to: uv_tcp_t.self), descriptor)
  }

  private func accept(_ listener: UnsafeMutablePointer<uv_stream_t>) {
    loop.beginCallback()
    let isUnix = unsafe listener.pointee.type == UV_NAMED_PIPE
    let stream = unsafe makeHandle(isUnix: isUnix)
    handlesOpen += 1
    guard unsafe uv_accept(listener, stream) == 0 else { return unsafe discard(stream) }
    guard total.admit(limits.connectionsMax) else {
      total.tell(
        "\(limits.connectionsMax) connections are open: others are turned away; --limit connections=N allows "
          + "more")
      unsafe turnAway(stream)
      return unsafe discard(stream)
    }
    counters.connections.add(1)
    if !isUnix {
      unsafe uv_tcp_nodelay(UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_tcp_t.self), 1)
    }
    let connection = unsafe Connection(
      self, stream: stream, number: total.number(), remoteAddress: isUnix ? "unix" : peerName(stream))
    connection.place = connections.count
    connections.append(connection)
    connection.start(tls: tls.flatMap { TLSSession($0) })
  }

  /// Says why, in so far as the system takes it at once.
  private func turnAway(_ stream: UnsafeMutablePointer<uv_stream_t>) {
    counters.refused.add(1)
    guard tls == nil else { return }
    let text = HTTPRefusal.tooManyConnections.message + "\n"
    var answer = Array(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)"
        .utf8)
    unsafe answer.withUnsafeMutableBytes { bytes in
      var buffer = unsafe uv_buf_t(
        base: bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), len: bytes.count)
      _ = unsafe uv_try_write(stream, &buffer, 1)
    }
  }

  private func discard(_ stream: UnsafeMutablePointer<uv_stream_t>) {
    unsafe stream.pointee.data = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe uv_close(stream.asHandle) { handle in
      unsafe ServerLoop.of(handle.unsafelyUnwrapped.pointee.data).handleClosed()
      unsafe UnsafeMutableRawPointer(handle.unsafelyUnwrapped).deallocate()
    }
  }

  private func peerName(_ stream: UnsafeMutablePointer<uv_stream_t>) -> String {
    var storage = sockaddr_storage()
    var size = Int32(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let tcp = unsafe UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_tcp_t.self)
        guard unsafe uv_tcp_getpeername(tcp, address, &size) == 0 else { return "unknown" }
        return unsafe HTTPAddress.text(of: address)
      }
    }
  }

  // MARK: Answers

  /// Adds to what a connection sends at the end of the turn.
  @inline(__always)
  func append(_ connection: Connection, _ body: (inout HTTPOutput) -> Void) {
    let before = unsafe output.pointee.bytes.count
    unsafe body(&output.pointee.bytes)
    let count = unsafe output.pointee.bytes.count &- before
    let last = unsafe output.pointee.parts.count &- 1
    if last >= 0, unsafe output.pointee.parts[last].connection === connection {
      unsafe output.pointee.parts[last].count &+= count
    } else {
      connection.parts &+= 1
      unsafe output.pointee.parts.append(Part(connection: connection, count: count))
    }
  }

  /// Sends what has gathered if it is much. Not while requests are handled.
  @inline(__always)
  func flushIfMany() {
    if unsafe _slowPath(
      output.pointee.parts.count >= Self.partsMax || output.pointee.bytes.count >= Self.partBytesMax)
    {
      turnEnded()
    }
  }

  func turnEnded() {
    handler.turnEnds()
    // What goes on may answer others in turn.
    while unsafe !output.pointee.parts.isEmpty {
      unsafe swap(&output.pointee, &leaving.pointee)
      var offset = 0
      for part in unsafe leaving.pointee.parts {
        unsafe part.connection.flush(
          UnsafeRawBufferPointer(start: leaving.pointee.bytes.base + offset, count: part.count))
        offset &+= part.count
      }
      unsafe leaving.pointee.parts.removeAll(keepingCapacity: true)
      unsafe leaving.pointee.bytes.clear()
      handler.turnEnds()
    }
  }

  // MARK: Time

  /// "Date: …" with its CR LF. It is renewed twice a second.
  @inline(__always)
  var date: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: dateText, count: ServerLoop.dateCount)
  }

  private func updateDate() {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    guard Int64(time.tv_sec) != dateSecond else { return }
    dateSecond = Int64(time.tv_sec)
    let text = Array("Date: \(HTTPDate.text(dateSecond))\r\n".utf8)
    precondition(
      text.count == ServerLoop.dateCount, "BUG in Stepmill (please report): a date of another size")
    unsafe text.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { unsafe dateText.copyMemory(from: base, byteCount: bytes.count) }
    }
  }

  private func sweep() {
    loop.beginCallback()
    updateDate()
    turnEnded()
    if !isDraining { listen() }
    let now = now
    if now >= drainEnds { return loopEnds() }
    // A connection that is closed takes the last one's place: backwards, each is seen once.
    var index = connections.count - 1
    while index >= 0 {
      if index < connections.count { connections[index].sweep(now) }
      index -= 1
    }
    log?.flush()
  }

  // MARK: Ending

  func forget(_ connection: Connection) {
    let last = connections.removeLast()
    if last !== connection {
      connections[connection.place] = last
      last.place = connection.place
    }
    counters.connections.add(-1)
    total.leave()
    if isDraining, connections.isEmpty { closeHandles() }
  }

  /// Stops listening; connections end with the answers that they still owe, or when so much
  /// time is over.
  func drain(milliseconds: UInt64, then: @escaping @Sendable () -> Void) {
    if isGone { return then() }
    gone.append(then)
    if milliseconds == 0 { return loopEnds() }
    drainEnds = min(drainEnds, now + milliseconds)
    guard !isDraining else { return }
    isDraining = true
    closeListeners()
    turnEnded()
    for connection in connections { connection.drain() }
    if connections.isEmpty { closeHandles() }
  }

  /// Closes what is left, whatever it is doing.
  func loopEnds() {
    isDraining = true
    turnEnded()
    closeListeners()
    for connection in connections { connection.close() }
    closeHandles()
  }

  private func closeListeners() {
    for index in unsafe listeners.indices {
      if let stream = unsafe listeners[index].stream { unsafe discard(stream) }
      unsafe closeDescriptor(listeners[index].socket.descriptor)
    }
    unsafe listeners = []
  }

  private func closeHandles() {
    isEnding = true
    guard handlesOpen > 0, unsafe uv_is_closing(timer.asHandle) == 0 else { return }
    unsafe uv_close(timer.asHandle) { handle in
      unsafe ServerLoop.of(handle.unsafelyUnwrapped.pointee.data).handleClosed()
      unsafe UnsafeMutableRawPointer(handle.unsafelyUnwrapped).deallocate()
    }
  }

  func handleClosed() {
    handlesOpen -= 1
    guard isGone else { return }
    loop.beginCallback()
    log?.flush()
    let gone = self.gone
    self.gone = []
    loop.remove(self)
    for body in gone { body() }
  }

  /// The timer is closed last, or at least not before the end.
  var isGone: Bool { isEnding && handlesOpen == 0 }

  // MARK: Logging

  func logAccess(_ record: AccessRecord, remote: String, status: Int, bytes: Int) {
    log?.write(record, remote: remote, status: status, bytes: bytes, second: dateSecond)
  }

  func logRefusal(_ refusal: HTTPRefusal, remote: String) {
    log?.write(refusal, remote: remote, second: dateSecond)
  }
}

/// Counts the connections of all loops.
final class ConnectionTotal: Sendable {
  private let count = Atomic<Int>(0)
  private let toldAt = Atomic<Int>(.min)
  private let onTrouble: (@Sendable (String) -> Void)?

  init(_ onTrouble: (@Sendable (String) -> Void)? = nil) { self.onTrouble = onTrouble }

  /// Says what keeps connections out, at most every ten seconds.
  func tell(_ trouble: String) {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    let last = toldAt.load(ordering: .relaxed)
    guard last == .min || time.tv_sec - last >= 10,
      toldAt.compareExchange(expected: last, desired: time.tv_sec, ordering: .relaxed).exchanged
    else { return }
    onTrouble?(trouble)
  }
  private let numbers = Atomic<UInt64>(1)

  func admit(_ most: Int) -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).oldValue < most { return true }
    leave()
    return false
  }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
  func number() -> UInt64 { numbers.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// A number with one writer and any number of readers.
struct LoopCounter: ~Copyable {
  private let number = Atomic<Int>(0)

  var value: Int { number.load(ordering: .relaxed) }

  @inline(__always)
  func add(_ more: Int) { number.store(number.load(ordering: .relaxed) &+ more, ordering: .relaxed) }
}

/// What a loop's part of a server has done. Written by the loop, read by any thread.
final class LoopCounters: Sendable {
  let requests = LoopCounter()
  let connections = LoopCounter()
  let refused = LoopCounter()
  let evicted = LoopCounter()
  let bytesIn = LoopCounter()
  let bytesOut = LoopCounter()
  let answers2xx = LoopCounter()
  let answers4xx = LoopCounter()
  let answers5xx = LoopCounter()

  @inline(__always)
  func count(status: Int) {
    if _fastPath(status < 400) { return answers2xx.add(1) }
    if status < 500 { answers4xx.add(1) } else { answers5xx.add(1) }
  }
}

extension UnsafeMutablePointer {
  /// Every handle of libuv begins as a `uv_handle_t`.
  var asHandle: UnsafeMutablePointer<uv_handle_t> {
    unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: uv_handle_t.self)
  }
}
