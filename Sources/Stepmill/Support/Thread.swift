import CLibuv
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A thread of the system: what a loop runs on when it does not live in a host's.
///
/// The body is called once, on the new thread. Whoever made the thread joins it, once, or
/// drops this object and lets the thread run to its end alone.
package final class Thread: Sendable {
  /// A thread could not be started; `code` is the system's `errno` value.
  package struct StartError: Error, Equatable {
    package var code: Int32
  }

  private let id: pthread_t
  private let isJoined = Atomic<Bool>(false)

  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Starts a thread. The system shows the first 15 bytes of `name`.
  package init(
    name: String, stackBytes: Int = 8 << 20, body: @escaping @Sendable () -> Void
  ) throws(StartError) {
    var attributes = pthread_attr_t()
    var code = pthread_attr_init(&attributes)
    guard code == 0 else { throw StartError(code: code) }
    defer { pthread_attr_destroy(&attributes) }
    code = pthread_attr_setstacksize(&attributes, stackBytes)
    guard code == 0 else { throw StartError(code: code) }
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var id = pthread_t()
    code = pthread_create(
      &id, &attributes,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        stepmill_name_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    guard code == 0 else {
      start.release()
      throw StartError(code: code)
    }
    self.id = id
  }

  deinit {
    if !isJoined.load(ordering: .relaxed) { pthread_detach(id) }
  }

  /// Waits until the body has returned.
  package func join() {
    let before = isJoined.exchange(true, ordering: .relaxed)
    precondition(!before, "Stepmill: a thread was joined twice")
    let code = pthread_join(id, nil)
    precondition(code == 0, "Stepmill: a thread could not be joined (\(code))")
  }
}

extension Thread {
  /// A number that no other running thread has. One that has ended may hand it on.
  @inline(__always)
  static var currentID: UInt {
    #if canImport(Glibc)
      pthread_self()
    #else
      UInt(bitPattern: pthread_self())
    #endif
  }
}
