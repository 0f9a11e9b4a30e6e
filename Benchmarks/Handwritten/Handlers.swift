// What calling a handler costs without an engine: a closure, and a task spawned and awaited.

/// Handlers are looked up by name and called through what was found, as an engine must.
public struct Handlers: Sendable {
  public typealias Synchronous = @Sendable (Int) -> Int
  public typealias Asynchronous = @Sendable (Int) async -> Int

  public init() {}

  @inline(never)
  public func synchronous() -> Synchronous { { $0 &+ 1 } }

  @inline(never)
  public func asynchronous() -> Asynchronous { { $0 &+ 1 } }

  /// Suspends once in each call.
  @inline(never)
  public func suspending() -> Asynchronous {
    { number in
      await Task.yield()
      return number &+ 1
    }
  }

  public func call(times: Int) -> Int {
    let handler = synchronous()
    var number = 0
    for _ in 0..<times { number = handler(number) }
    return number
  }

  /// Spawns tasks by the batch and awaits each: one at a time, most of the cost would be
  /// waking the other threads of the pool.
  public func spawn(_ handler: @escaping Asynchronous, times: Int) async -> Int {
    let batch = 64
    var tasks: [Task<Int, Never>] = []
    tasks.reserveCapacity(batch)
    var sum = 0
    for start in stride(from: 0, to: times, by: batch) {
      for number in start..<min(start + batch, times) {
        tasks.append(Task { await handler(number) })
      }
      for task in tasks { sum &+= await task.value }
      tasks.removeAll(keepingCapacity: true)
    }
    return sum - times * (times - 1) / 2
  }
}
