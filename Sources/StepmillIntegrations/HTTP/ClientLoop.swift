import CCurl
import CLibuv
import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// libcurl on a libuv loop: curl says which sockets it waits for and until when, the loop says
// which of them are ready.
//
// curl takes a socket back after each request and asks for it again with the next, so a poll
// handle is kept for each descriptor and merely stopped in between: making one and closing it
// again would take a round of the loop each time. A handle that is stopped is known to nobody,
// so that a descriptor that is closed and comes back as something else does no harm.
//
// Completions are called out of callbacks of the loop only, with curl further up the stack
// nowhere: they may send and cancel as they like.
//
// Belongs to the loop's thread, except for `loop`; that is what `@unchecked Sendable` stands on.

@safe final class ClientLoop: LoopTenant, @unchecked Sendable {
  let loop: TenantLoop
  private let configuration: HTTPClient.Configuration
  private var multi: UnsafeMutableRawPointer?
  private let timer: UnsafeMutablePointer<uv_timer_t>
  private var polls: [curl_socket_t: UnsafeMutablePointer<uv_poll_t>] = unsafe [:]
  /// Easy handles that are at rest; their connections are the multi's.
  private var idle: [UnsafeMutableRawPointer] = unsafe []
  private var underWay: [UnsafeMutableRawPointer: HTTPCall] = unsafe [:]
  private var hasBegun = false
  private var hasEnded = false
  private var handlesOpen = 0

  private static let idleMax = 64

  init(_ loop: TenantLoop, _ configuration: HTTPClient.Configuration) {
    self.loop = loop
    self.configuration = configuration
    unsafe timer = .allocate(capacity: 1)
  }

  deinit {
    if !hasBegun { unsafe timer.deallocate() }
  }

  private var uv: UnsafeMutablePointer<uv_loop_t> {
    unsafe loop.uvLoop.assumingMemoryBound(to: uv_loop_t.self)
  }

  private static func of(_ data: UnsafeMutableRawPointer?) -> ClientLoop {
    unsafe Unmanaged<ClientLoop>.fromOpaque(data.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: Beginning

  private func start() {
    hasBegun = true
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe uv_timer_init(uv, timer)
    unsafe timer.pointee.data = unsafe context
    handlesOpen = 1
    let multi = unsafe curl_multi_init()
    unsafe precondition(multi != nil, "Stepmill: out of memory")
    unsafe self.multi = unsafe multi
    unsafe stepmill_curl_set_socket(
      multi,
      { _, socket, what, context, _ in
        unsafe ClientLoop.of(context).watch(socket, what)
        return 0
      }, unsafe context)
    unsafe stepmill_curl_set_timer(
      multi,
      { _, milliseconds, context in
        unsafe ClientLoop.of(context).wake(after: milliseconds)
        return 0
      }, unsafe context)
    _ = unsafe stepmill_curl_multi_set_long(
      multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.connectionsPerHostMax)
    _ = unsafe stepmill_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.connectionsKeptMax)
    loop.add(self)
  }

  func begin(_ call: HTTPCall) {
    guard !call.isDone else { return }
    if !hasBegun, !hasEnded { start() }
    guard !hasEnded else {
      return call.finish(.failure(HTTPClientError(.cancelled, "the HTTP client has been closed.")))
    }
    let easy = unsafe idle.popLast() ?? curl_easy_init()
    guard let easy = unsafe easy else {
      return call.finish(.failure(HTTPClientError(.other, "libcurl gave no handle.")))
    }
    let transfer = unsafe Transfer(call.request, easy, authorities: configuration.authorities)
    call.transfer = transfer
    unsafe underWay[easy] = call
    if let error = transfer.refusal { return fail(call, error) }
    let code = unsafe curl_multi_add_handle(multi, easy)
    guard code == CURLM_OK else {
      return fail(
        call, HTTPClientError(.other, unsafe "libcurl: \(String(cString: curl_multi_strerror(code)))."))
    }
    transfer.isAdded = true
  }

  /// Not within `send`, like every other end.
  private func fail(_ call: HTTPCall, _ error: HTTPClientError) {
    loop.post(isHeardToTheEnd: true) { [self] in
      if let transfer = call.transfer { end(transfer, .failure(error)) }
    }
  }

  // MARK: What curl waits for

  private func watch(_ socket: curl_socket_t, _ what: Int32) {
    if what == CURL_POLL_REMOVE {
      if let poll = unsafe polls[socket] { unsafe uv_poll_stop(poll) }
      return
    }
    var events: Int32 = 0
    if what & CURL_POLL_IN != 0 { events |= Int32(UV_READABLE.rawValue) }
    if what & CURL_POLL_OUT != 0 { events |= Int32(UV_WRITABLE.rawValue) }
    unsafe uv_poll_start(
      poll(for: socket), events,
      { poll, status, events in
        let poll = unsafe poll.unsafelyUnwrapped
        unsafe ClientLoop.of(poll.pointee.data).ready(poll, status, events)
      })
  }

  private func poll(for socket: curl_socket_t) -> UnsafeMutablePointer<uv_poll_t> {
    if let known = unsafe polls[socket] { return unsafe known }
    let poll = UnsafeMutablePointer<uv_poll_t>.allocate(capacity: 1)
    let code = unsafe uv_poll_init(uv, poll, socket)
    precondition(code == 0, "BUG in Stepmill (please report): libuv cannot poll curl's socket (\(code))")
    unsafe poll.pointee.data = unsafe Unmanaged.passUnretained(self).toOpaque()
    handlesOpen += 1
    unsafe polls[socket] = unsafe poll
    return unsafe poll
  }

  private func ready(_ poll: UnsafeMutablePointer<uv_poll_t>, _ status: Int32, _ events: Int32) {
    loop.beginCallback()
    var flags: Int32 = 0
    if status < 0 { flags = CURL_CSELECT_ERR }
    if events & Int32(UV_READABLE.rawValue) != 0 { flags |= CURL_CSELECT_IN }
    if events & Int32(UV_WRITABLE.rawValue) != 0 { flags |= CURL_CSELECT_OUT }
    var socket: uv_os_fd_t = -1
    unsafe uv_fileno(UnsafeMutableRawPointer(poll).assumingMemoryBound(to: uv_handle_t.self), &socket)
    drive(socket, flags)
  }

  private func wake(after milliseconds: Int) {
    if milliseconds < 0 {
      unsafe uv_timer_stop(timer)
      return
    }
    // A millisecond that is said in the middle of a turn counts from the turn's beginning.
    unsafe uv_timer_start(
      timer,
      { timer in
        let place = unsafe ClientLoop.of(timer.unsafelyUnwrapped.pointee.data)
        place.loop.beginCallback()
        place.drive(curl_socket_t(CURL_SOCKET_TIMEOUT), 0)
      }, UInt64(milliseconds), 0)
  }

  private func drive(_ socket: curl_socket_t, _ flags: Int32) {
    guard let multi = unsafe self.multi else { return }
    var running: Int32 = 0
    unsafe curl_multi_socket_action(multi, socket, flags, &running)
    // A completion may end this client, and with it the multi.
    var code = CURLE_OK
    while let multi = unsafe self.multi, let easy = unsafe stepmill_curl_next_done(multi, &code) {
      guard let transfer = unsafe underWay[easy]?.transfer else { continue }
      end(transfer, transfer.result(code))
    }
  }

  // MARK: Ending

  private func end(_ transfer: Transfer, _ result: Result<HTTPClientResponse, HTTPClientError>) {
    let easy = unsafe transfer.easy
    guard let call = unsafe underWay.removeValue(forKey: easy) else { return }
    if transfer.isAdded { unsafe curl_multi_remove_handle(multi, easy) }
    unsafe curl_easy_reset(easy)
    if unsafe idle.count < ClientLoop.idleMax, !hasEnded {
      unsafe idle.append(easy)
    } else {
      unsafe curl_easy_cleanup(easy)
    }
    call.finish(result)
    withExtendedLifetime(transfer) {}
  }

  func cancel(
    _ call: HTTPCall, _ error: HTTPClientError = HTTPClientError(.cancelled, "the request was cancelled.")
  ) {
    if let transfer = call.transfer {
      end(transfer, .failure(error))
    } else {
      call.finish(.failure(error))
    }
  }

  func loopEnds() {
    guard !hasEnded else { return }
    hasEnded = true
    let error = HTTPClientError(.cancelled, "the HTTP client has been closed.")
    for call in unsafe Array(underWay.values) { cancel(call, error) }
    for index in unsafe idle.indices { unsafe curl_easy_cleanup(idle[index]) }
    unsafe idle = []
    guard let multi = unsafe self.multi else { return }
    unsafe self.multi = nil
    // It closes its connections, and takes its sockets back.
    unsafe curl_multi_cleanup(multi)
    while let (_, poll) = unsafe polls.popFirst() { unsafe close(UnsafeMutableRawPointer(poll)) }
    unsafe close(UnsafeMutableRawPointer(timer))
  }

  private func close(_ memory: UnsafeMutableRawPointer) {
    unsafe uv_close(memory.assumingMemoryBound(to: uv_handle_t.self)) { handle in
      let place = unsafe ClientLoop.of(handle.unsafelyUnwrapped.pointee.data)
      place.handlesOpen -= 1
      if place.isGone { place.loop.remove(place) }
      unsafe UnsafeMutableRawPointer(handle.unsafelyUnwrapped).deallocate()
    }
  }

  var isGone: Bool { hasEnded && handlesOpen == 0 }
}
