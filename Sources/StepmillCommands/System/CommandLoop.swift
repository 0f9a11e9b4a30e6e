import CLibuv
import Stepmill
import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The loop that a command runs on while it waits: signals, child processes, and mail from
// the engine's threads.
//
// Who may touch what: `post` may be called from any thread; everything else belongs to the
// thread that made the loop, which is what `@unchecked Sendable` stands on. libuv owns the
// memory of a handle until its close callback has run, so the loop is freed by `close`,
// which runs it until the last handle is gone.

/// An error of the system, in its own words.
struct SystemError: Error, CustomStringConvertible {
  /// A positive number as in `errno`.
  let code: Int32

  var description: String { unsafe String(cString: strerror(code)) }

  /// Throws for libuv's negative results.
  static func check(_ result: Int32) throws(SystemError) {
    if result < 0 { throw SystemError(code: -result) }
  }
}

@safe final class CommandLoop: @unchecked Sendable {
  let uv: UnsafeMutablePointer<uv_loop_t>
  private let waker: UnsafeMutablePointer<uv_async_t>
  private var signals: [UnsafeMutablePointer<uv_signal_t>]
  private let mail = Lock(Mail())
  /// Child processes that have not ended.
  private(set) var children: [ObjectIdentifier: ChildProcess] = [:]
  /// Called on this loop's thread with the number of each signal that is watched.
  var onSignal: (Int32) -> Void = { _ in }

  private struct Mail: ~Copyable {
    var letters: [@Sendable (CommandLoop) -> Void] = []
    var isOpen = true
  }

  init() throws(SystemError) {
    // A command that does not read its input must not end us.
    _ = signal(SIGPIPE, SIG_IGN)
    unsafe signals = []
    unsafe uv = .allocate(capacity: 1)
    unsafe waker = .allocate(capacity: 1)
    let result = unsafe uv_loop_init(uv)
    guard result == 0 else { throw SystemError(code: -result) }
    unsafe uv.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    try SystemError.check(
      unsafe uv_async_init(uv, waker) { handle in
        unsafe CommandLoop.of(handle!.pointee.loop).openMail()
      })
  }

  static func of(_ uv: UnsafeMutablePointer<uv_loop_t>) -> CommandLoop {
    unsafe Unmanaged<CommandLoop>.fromOpaque(uv.pointee.data).takeUnretainedValue()
  }

  /// Calls `onSignal` for these signals instead of what they would do.
  func watch(_ numbers: [Int32]) throws(SystemError) {
    for number in numbers {
      let handle = UnsafeMutablePointer<uv_signal_t>.allocate(capacity: 1)
      unsafe uv_signal_init(uv, handle)
      unsafe signals.append(handle)
      try SystemError.check(
        unsafe uv_signal_start(
          handle,
          { handle, number in unsafe CommandLoop.of(handle!.pointee.loop).onSignal(number) }, number))
    }
  }

  // MARK: Running

  /// Runs until `isDone`, asleep while nothing happens.
  func run(until isDone: () -> Bool) {
    while !isDone() { _ = unsafe uv_run(uv, UV_RUN_ONCE) }
  }

  /// Takes what has happened, without waiting.
  func poll() { _ = unsafe uv_run(uv, UV_RUN_NOWAIT) }

  /// Runs until no child is left, for at most so long.
  func waitForChildren(milliseconds: UInt64) {
    guard !children.isEmpty else { return }
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    unsafe uv_timer_init(uv, timer)
    unsafe uv_timer_start(timer, { _ in }, milliseconds, 0)
    run { unsafe children.isEmpty || uv_is_active(UnsafePointer(timer).asHandle) == 0 }
    unsafe uv_close(timer.asHandle) { unsafe UnsafeMutableRawPointer($0)?.deallocate() }
  }

  /// Sleeps for so long, or until `isDone` after something has happened.
  func sleep(milliseconds: UInt64, unless isDone: () -> Bool) {
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    unsafe uv_timer_init(uv, timer)
    unsafe uv_timer_start(timer, { _ in }, milliseconds, 0)
    run { unsafe isDone() || uv_is_active(UnsafePointer(timer).asHandle) == 0 }
    unsafe uv_close(timer.asHandle) { unsafe UnsafeMutableRawPointer($0)?.deallocate() }
  }

  // MARK: Mail

  /// Runs `body` on this loop's thread, soon. From any thread; after `close` it is dropped.
  func post(_ body: @escaping @Sendable (CommandLoop) -> Void) {
    mail.withLock { mail in
      guard mail.isOpen else { return }
      mail.letters.append(body)
      unsafe uv_async_send(waker)
    }
  }

  private func openMail() {
    let letters = mail.withLock { mail in
      defer { mail.letters = [] }
      return mail.letters
    }
    for letter in letters { letter(self) }
  }

  // MARK: Children

  func adopt(_ child: ChildProcess) { children[ObjectIdentifier(child)] = child }
  func forget(_ child: ChildProcess) { children[ObjectIdentifier(child)] = nil }

  func killChildren(_ signal: Int32) {
    for child in children.values { child.send(signal: signal) }
  }

  // MARK: Ending

  /// Frees everything. Children that are left are killed.
  func close() {
    mail.withLock { $0.isOpen = false }
    for child in children.values { child.abandon() }
    run { children.isEmpty }
    for index in unsafe signals.indices {
      unsafe uv_close(signals[index].asHandle) { unsafe UnsafeMutableRawPointer($0)?.deallocate() }
    }
    unsafe signals = []
    unsafe uv_close(waker.asHandle) { unsafe UnsafeMutableRawPointer($0)?.deallocate() }
    unsafe uv_run(uv, UV_RUN_DEFAULT)
    let result = unsafe uv_loop_close(uv)
    precondition(result == 0, "BUG in Stepmill (please report): a handle of the command's loop was left open")
    unsafe uv.deallocate()
  }
}

extension CommandLoop: ProcessLoop {
  /// Nothing else happens on this loop's thread.
  func beginCallback() {}
}
