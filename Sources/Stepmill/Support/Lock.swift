import Synchronization

/// A value that one thread at a time may touch.
///
/// It is the standard library's mutex, plus an edge that the thread sanitizer can see: that
/// mutex locks inside a library which is built without instrumentation, so the sanitizer
/// would report each of its uses as a race. The load and the store are plain moves.
package struct Lock<Value: ~Copyable>: ~Copyable, Sendable {
  private let mutex: Mutex<Value>
  private let edge = Atomic<UInt8>(0)

  package init(_ value: consuming sending Value) { mutex = Mutex(value) }

  @inline(__always)
  package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock { (value: inout sending Value) throws(Failure) -> sending Result in
      _ = edge.load(ordering: .acquiring)
      defer { edge.store(1, ordering: .releasing) }
      return try body(&value)
    }
  }
}
