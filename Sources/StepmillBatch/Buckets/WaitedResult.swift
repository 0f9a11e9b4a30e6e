import Stepmill

/// What a task comes to, for a thread that waits for it.
final class WaitedResult<Value: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  /// Behind the monitor.
  private var result: Result<Value, BucketError>?

  func settle(_ result: Result<Value, BucketError>) {
    monitor.locked { self.result = result }
    monitor.signal()
  }

  /// What a function comes to. Waits on the caller's thread.
  static func of(
    _ body: @escaping @Sendable () async throws(BucketError) -> Value
  ) -> Result<Value, BucketError> {
    let slot = WaitedResult()
    Task(executorPreference: BucketThreads.shared) {
      do throws(BucketError) {
        slot.settle(.success(try await body()))
      } catch {
        slot.settle(.failure(error))
      }
    }
    return slot.take()
  }

  var isThere: Bool { monitor.locked { result != nil } }

  func take() -> Result<Value, BucketError> {
    monitor.locked {
      while true {
        if let result { return result }
        monitor.wait()
      }
    }
  }

  func wait(milliseconds: Int) {
    let deadline = Monitor.now &+ UInt64(milliseconds) &* 1_000_000
    monitor.locked {
      while result == nil, Monitor.now < deadline { monitor.wait(untilNanoseconds: deadline) }
    }
  }
}
