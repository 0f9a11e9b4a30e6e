import Synchronization

/// The core's `Lock` once more: from another module, each use of that one would look its type up
/// at run time, which costs more than the lock.
struct Guarded<Value: ~Copyable>: ~Copyable, Sendable {
  private let mutex: Mutex<Value>
  /// What the thread sanitizer can see of the mutex.
  private let edge = Atomic<UInt8>(0)

  init(_ value: consuming sending Value) { mutex = Mutex(value) }

  @inline(__always)
  borrowing func withLock<Result: ~Copyable>(_ body: (inout sending Value) -> sending Result)
    -> sending Result
  {
    mutex.withLock { (value: inout sending Value) -> sending Result in
      _ = edge.load(ordering: .acquiring)
      defer { edge.store(1, ordering: .releasing) }
      return body(&value)
    }
  }
}
