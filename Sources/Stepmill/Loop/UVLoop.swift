import CLibuv

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// One libuv loop as the engine sees it: something that can be polled, blocked on until a
// deadline, woken from any thread, and asked for the time.
//
// There are two ways to run. A loop of our own is driven from outside: the engine calls
// `poll` and `wait`. In a host's loop it is the host who calls `uv_run`, and the engine gets
// its turns by hooks:
//
//   timers → pending → idle → PREPARE (beforePoll) → poll → CHECK (afterPoll) → closing
//
// At the end of a turn before the poll the engine says what it waits for, with `rest`: an
// idle handle makes the poll return at once while there is ready work, otherwise our one
// timer bounds it. Nothing of ours keeps the host's `uv_run` going unless `keepsHostAlive`
// is set, as the engine does while executions are about.
//
// Who may touch what: everything here belongs to the loop's thread, except `waker`, which
// any thread may use until `close` is called.
//
// libuv owns the memory of a handle until its close callback has run. The handles hold a
// reference to this object, released by the last of these callbacks, so whoever drops a
// `UVLoop` without closing it leaks it, and does no worse.

/// An error of libuv.
struct UVError: Error, Equatable {
  /// A negative number of libuv's, such as `UV_EBUSY`.
  var code: Int32

  /// The symbolic name, such as "EBUSY".
  var name: String { String(cString: uv_err_name(code)) }
  var message: String { String(cString: uv_strerror(code)) }

  static func check(_ code: Int32) throws(UVError) {
    if code < 0 { throw UVError(code: code) }
  }
}

final class UVLoop {
  typealias Callback = @convention(c) (UnsafeMutableRawPointer) -> Void

  /// What a host's loop calls, on the loop's thread.
  struct Hooks {
    var context: UnsafeMutableRawPointer
    /// The host is about to block. Must end with `rest`.
    var beforePoll: Callback
    /// The host has polled; input and wake-ups are in.
    var afterPoll: Callback
  }

  private enum Phase { case open, closing, closed, freed }

  /// For whatever else the owner wants to do on this loop (sockets, files).
  let loop: UnsafeMutablePointer<uv_loop_t>
  private let ownsLoop: Bool
  private let hooks: Hooks?
  private let async: UnsafeMutablePointer<uv_async_t>
  private let timer: UnsafeMutablePointer<uv_timer_t>
  private let prepare: UnsafeMutablePointer<uv_prepare_t>
  private let check: UnsafeMutablePointer<uv_check_t>
  private let idle: UnsafeMutablePointer<uv_idle_t>
  private var phase = Phase.open
  private var handlesOpen = 0
  /// What the timer is set to, in the loop's time.
  private var armed = UVLoop.never
  private var isIdling = false
  private var closed: (callback: Callback, context: UnsafeMutableRawPointer)?

  private static let never = UInt64.max

  /// A loop of our own.
  convenience init() throws(UVError) {
    let loop = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
    let code = uv_loop_init(loop)
    guard code == 0 else {
      loop.deallocate()
      throw UVError(code: code)
    }
    try self.init(loop: loop, ownsLoop: true, hooks: nil)
  }

  /// Moves into a host's loop. Call it on the thread that runs that loop.
  convenience init(
    attachedTo loop: UnsafeMutablePointer<uv_loop_t>, hooks: Hooks
  ) throws(UVError) {
    try self.init(loop: loop, ownsLoop: false, hooks: hooks)
  }

  private init(loop: UnsafeMutablePointer<uv_loop_t>, ownsLoop: Bool, hooks: Hooks?) throws(UVError) {
    self.loop = loop
    self.ownsLoop = ownsLoop
    self.hooks = hooks
    async = .allocate(capacity: 1)
    timer = .allocate(capacity: 1)
    prepare = .allocate(capacity: 1)
    check = .allocate(capacity: 1)
    idle = .allocate(capacity: 1)
    // This is the one initialisation that can fail. It comes first, while there is
    // nothing to close.
    let code = uv_async_init(loop, async) { _ in }
    guard code == 0 else {
      freeMemory()
      throw UVError(code: code)
    }
    uv_timer_init(loop, timer)
    uv_prepare_init(loop, prepare)
    uv_check_init(loop, check)
    uv_idle_init(loop, idle)
    handlesOpen = 5
    let context = Unmanaged.passRetained(self).toOpaque()
    async.pointee.data = context
    timer.pointee.data = context
    prepare.pointee.data = context
    check.pointee.data = context
    idle.pointee.data = context
    if hooks != nil { startHooks() }
  }

  private func startHooks() {
    uv_prepare_start(prepare) { UVLoop.of($0!.pointee.data) { $0.hooks!.beforePoll($0.hooks!.context) } }
    uv_check_start(check) { UVLoop.of($0!.pointee.data) { $0.hooks!.afterPoll($0.hooks!.context) } }
    uv_unref(Self.handle(prepare))
    uv_unref(Self.handle(check))
    uv_unref(Self.handle(timer))
    uv_unref(Self.handle(async))
  }

  @inline(__always)
  private static func of(_ context: UnsafeMutableRawPointer?, _ body: (UVLoop) -> Void) {
    Unmanaged<UVLoop>.fromOpaque(context.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
  }

  private static func handle<Handle>(_ pointer: UnsafeMutablePointer<Handle>) -> UnsafeMutablePointer<
    uv_handle_t
  > {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: uv_handle_t.self)
  }

  // MARK: Waking

  /// Makes the poll return, from any thread. Not to be used once `close` was called.
  var waker: Waker {
    Waker(
      function: { uv_async_send($0.assumingMemoryBound(to: uv_async_t.self)) },
      context: UnsafeMutableRawPointer(async))
  }

  // MARK: Running a loop of our own

  /// Handles what has come in, without blocking.
  func poll() {
    assert(ownsLoop && phase == .open)
    uv_run(loop, UV_RUN_NOWAIT)
  }

  /// Blocks until something comes in, the loop is woken, or its time reaches
  /// `deadlineMilliseconds`; handles what has come in.
  func wait(until deadlineMilliseconds: UInt64?) {
    assert(ownsLoop && phase == .open)
    arm(deadlineMilliseconds ?? Self.never)
    uv_run(loop, UV_RUN_ONCE)
  }

  /// Keeps the `wait` in progress from blocking. For callbacks of other handles on this loop
  /// that make work for the engine: those that run ahead of the poll would leave that work
  /// lying until something ends the wait. On the loop's thread only.
  func interrupt() {
    assert(ownsLoop && phase == .open)
    uv_stop(loop)
  }

  /// The same for callers who do not know whose loop it is. A host's loop has its turn before
  /// the poll, behind all that could call this ahead of it.
  @inline(__always)
  func interruptAny() {
    if ownsLoop { uv_stop(loop) }
  }

  // MARK: Running in a host's loop

  /// Ends a turn: if there is `ready` work the host's loop comes round again without
  /// blocking, otherwise it may block until `deadlineMilliseconds` of its own time.
  func rest(ready: Bool, until deadlineMilliseconds: UInt64?) {
    assert(!ownsLoop && phase == .open)
    if ready != isIdling {
      isIdling = ready
      if ready { uv_idle_start(idle) { _ in } } else { uv_idle_stop(idle) }
    }
    // While the loop spins the timer is of no use, and setting it can wait.
    if !ready { arm(deadlineMilliseconds ?? Self.never) }
  }

  /// Whether the host's `uv_run` goes on for our sake.
  var keepsHostAlive = false {
    didSet {
      guard !ownsLoop, phase == .open, keepsHostAlive != oldValue else { return }
      if keepsHostAlive { uv_ref(Self.handle(async)) } else { uv_unref(Self.handle(async)) }
    }
  }

  private func arm(_ deadline: UInt64) {
    guard deadline != armed else { return }
    armed = deadline
    if deadline == Self.never {
      uv_timer_stop(timer)
      return
    }
    let now = uv_now(loop)
    uv_timer_start(
      timer, { UVLoop.of($0!.pointee.data) { $0.timerFired() } }, deadline > now ? deadline - now : 0, 0)
  }

  private func timerFired() {
    armed = Self.never
    // Up to libuv 1.44 a timer that fires at the start of `UV_RUN_ONCE` does not keep it
    // from blocking, and nothing else might end that. A loop that was told to stop does
    // not block, and forgets about it when `uv_run` returns.
    if ownsLoop { uv_stop(loop) }
  }

  // MARK: Time

  /// The loop's time, as of its last turn. It is monotonic, starts anywhere, and is what
  /// deadlines are measured in.
  var milliseconds: UInt64 { uv_now(loop) }

  /// Brings the loop's time up to date, after work that took long.
  func updateTime() { uv_update_time(loop) }

  /// A monotonic clock with the same zero as `milliseconds`, readable on any thread.
  static var monotonicNanoseconds: UInt64 { uv_hrtime() }

  // MARK: Closing

  /// Closes a loop of our own and frees it. Throws `EBUSY` if something else is still open
  /// on it; the owner then closes that and calls again.
  func close() throws(UVError) {
    precondition(ownsLoop, "Stepmill: a host's loop is left with `detach`")
    precondition(phase != .freed, "Stepmill: a loop was closed twice")
    if phase == .open { closeHandles() }
    // Closing handles keep the poll from blocking.
    while phase == .closing { uv_run(loop, UV_RUN_ONCE) }
    try UVError.check(uv_loop_close(loop))
    phase = .freed
    loop.deallocate()
  }

  /// Leaves a host's loop. `closed` is called on the loop's thread when libuv has let go of
  /// everything of ours; that takes one more round of the loop.
  func detach(context: UnsafeMutableRawPointer, closed: @escaping Callback) {
    precondition(!ownsLoop && phase == .open, "Stepmill: a loop was detached twice")
    self.closed = (closed, context)
    closeHandles()
  }

  private func closeHandles() {
    phase = .closing
    let closed: uv_close_cb = { handle in
      let unmanaged = Unmanaged<UVLoop>.fromOpaque(handle!.pointee.data)
      if unmanaged._withUnsafeGuaranteedRef({ $0.handleClosed() }) { unmanaged.release() }
    }
    uv_close(Self.handle(async), closed)
    uv_close(Self.handle(timer), closed)
    uv_close(Self.handle(prepare), closed)
    uv_close(Self.handle(check), closed)
    uv_close(Self.handle(idle), closed)
  }

  /// Returns true for the last handle.
  private func handleClosed() -> Bool {
    handlesOpen -= 1
    guard handlesOpen == 0 else { return false }
    phase = .closed
    freeMemory()
    if let closed { closed.callback(closed.context) }
    return true
  }

  private func freeMemory() {
    async.deallocate()
    timer.deallocate()
    prepare.deallocate()
    check.deallocate()
    idle.deallocate()
  }
}

/// The time of day, which may jump. For timestamps only; deadlines use the loop's time.
struct WallTime: BitwiseCopyable, Equatable {
  var seconds: Int64
  var nanoseconds: Int32

  static var now: WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
  }

  /// Milliseconds since 1970.
  var milliseconds: Int64 { seconds * 1000 + Int64(nanoseconds) / 1_000_000 }
}
