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

final class ClientLoop: LoopTenant, @unchecked Sendable {
  let loop: TenantLoop
  private let configuration: HTTPClient.Configuration
  private var multi: UnsafeMutableRawPointer?
  private let timer: UnsafeMutablePointer<uv_timer_t>
  private var polls: [curl_socket_t: UnsafeMutablePointer<uv_poll_t>] = [:]
  /// Easy handles that are at rest; their connections are the multi's.
  private var idle: [UnsafeMutableRawPointer] = []
  private var underWay: [UnsafeMutableRawPointer: HTTPCall] = [:]
  private var hasBegun = false
  private var hasEnded = false
  private var handlesOpen = 0

  private static let idleMax = 64

  init(_ loop: TenantLoop, _ configuration: HTTPClient.Configuration) {
    self.loop = loop
    self.configuration = configuration
    timer = .allocate(capacity: 1)
  }

  deinit {
    if !hasBegun { timer.deallocate() }
  }

  private var uv: UnsafeMutablePointer<uv_loop_t> { loop.uvLoop.assumingMemoryBound(to: uv_loop_t.self) }

  private static func of(_ data: UnsafeMutableRawPointer?) -> ClientLoop {
    Unmanaged<ClientLoop>.fromOpaque(data.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: Beginning

  private func start() {
    hasBegun = true
    let context = Unmanaged.passUnretained(self).toOpaque()
    uv_timer_init(uv, timer)
    timer.pointee.data = context
    handlesOpen = 1
    let multi = curl_multi_init()
    precondition(multi != nil, "Stepmill: out of memory")
    self.multi = multi
    stepmill_curl_set_socket(
      multi,
      { _, socket, what, context, _ in
        ClientLoop.of(context).watch(socket, what)
        return 0
      }, context)
    stepmill_curl_set_timer(
      multi,
      { _, milliseconds, context in
        ClientLoop.of(context).wake(after: milliseconds)
        return 0
      }, context)
    _ = stepmill_curl_multi_set_long(
      multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.connectionsPerHostMax)
    _ = stepmill_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.connectionsKeptMax)
    loop.add(self)
  }

  func begin(_ call: HTTPCall) {
    guard !call.isDone else { return }
    if !hasBegun, !hasEnded { start() }
    guard !hasEnded else {
      return call.finish(.failure(HTTPClientError(.cancelled, "the HTTP client has been closed.")))
    }
    let easy = idle.popLast() ?? curl_easy_init()
    guard let easy else { return call.finish(.failure(HTTPClientError(.other, "libcurl gave no handle."))) }
    let transfer = Transfer(call.request, easy, authorities: configuration.authorities)
    call.transfer = transfer
    underWay[easy] = call
    if let error = transfer.refusal { return fail(call, error) }
    let code = curl_multi_add_handle(multi, easy)
    guard code == CURLM_OK else {
      return fail(call, HTTPClientError(.other, "libcurl: \(String(cString: curl_multi_strerror(code)))."))
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
      if let poll = polls[socket] { uv_poll_stop(poll) }
      return
    }
    var events: Int32 = 0
    if what & CURL_POLL_IN != 0 { events |= Int32(UV_READABLE.rawValue) }
    if what & CURL_POLL_OUT != 0 { events |= Int32(UV_WRITABLE.rawValue) }
    uv_poll_start(
      poll(for: socket), events,
      { poll, status, events in
        let poll = poll.unsafelyUnwrapped
        ClientLoop.of(poll.pointee.data).ready(poll, status, events)
      })
  }

  private func poll(for socket: curl_socket_t) -> UnsafeMutablePointer<uv_poll_t> {
    if let known = polls[socket] { return known }
    let poll = UnsafeMutablePointer<uv_poll_t>.allocate(capacity: 1)
    let code = uv_poll_init(uv, poll, socket)
    precondition(code == 0, "BUG in Stepmill (please report): libuv cannot poll curl's socket (\(code))")
    poll.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    handlesOpen += 1
    polls[socket] = poll
    return poll
  }

  private func ready(_ poll: UnsafeMutablePointer<uv_poll_t>, _ status: Int32, _ events: Int32) {
    loop.beginCallback()
    var flags: Int32 = 0
    if status < 0 { flags = CURL_CSELECT_ERR }
    if events & Int32(UV_READABLE.rawValue) != 0 { flags |= CURL_CSELECT_IN }
    if events & Int32(UV_WRITABLE.rawValue) != 0 { flags |= CURL_CSELECT_OUT }
    var socket: uv_os_fd_t = -1
    uv_fileno(UnsafeMutableRawPointer(poll).assumingMemoryBound(to: uv_handle_t.self), &socket)
    drive(socket, flags)
  }

  private func wake(after milliseconds: Int) {
    if milliseconds < 0 {
      uv_timer_stop(timer)
      return
    }
    // A millisecond that is said in the middle of a turn counts from the turn's beginning.
    uv_timer_start(
      timer,
      { timer in
        let place = ClientLoop.of(timer.unsafelyUnwrapped.pointee.data)
        place.loop.beginCallback()
        place.drive(curl_socket_t(CURL_SOCKET_TIMEOUT), 0)
      }, UInt64(milliseconds), 0)
  }

  private func drive(_ socket: curl_socket_t, _ flags: Int32) {
    guard let multi else { return }
    var running: Int32 = 0
    curl_multi_socket_action(multi, socket, flags, &running)
    // A completion may end this client, and with it the multi.
    var code = CURLE_OK
    while let multi = self.multi, let easy = stepmill_curl_next_done(multi, &code) {
      guard let transfer = underWay[easy]?.transfer else { continue }
      end(transfer, transfer.result(code))
    }
  }

  // MARK: Ending

  private func end(_ transfer: Transfer, _ result: Result<HTTPClientResponse, HTTPClientError>) {
    let easy = transfer.easy
    guard let call = underWay.removeValue(forKey: easy) else { return }
    if transfer.isAdded { curl_multi_remove_handle(multi, easy) }
    curl_easy_reset(easy)
    if idle.count < ClientLoop.idleMax, !hasEnded { idle.append(easy) } else { curl_easy_cleanup(easy) }
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
    for call in Array(underWay.values) { cancel(call, error) }
    for easy in idle { curl_easy_cleanup(easy) }
    idle = []
    guard let multi else { return }
    self.multi = nil
    // It closes its connections, and takes its sockets back.
    curl_multi_cleanup(multi)
    for poll in polls.values { close(UnsafeMutableRawPointer(poll)) }
    polls = [:]
    close(UnsafeMutableRawPointer(timer))
  }

  private func close(_ memory: UnsafeMutableRawPointer) {
    uv_close(memory.assumingMemoryBound(to: uv_handle_t.self)) { handle in
      let place = ClientLoop.of(handle.unsafelyUnwrapped.pointee.data)
      place.handlesOpen -= 1
      if place.isGone { place.loop.remove(place) }
      UnsafeMutableRawPointer(handle.unsafelyUnwrapped).deallocate()
    }
  }

  var isGone: Bool { hasEnded && handlesOpen == 0 }
}
