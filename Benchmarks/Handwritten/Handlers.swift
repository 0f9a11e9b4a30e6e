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

  public func spawn(_ handler: @escaping Asynchronous, times: Int) async -> Int {
    var number = 0
    for _ in 0..<times {
      let input = number
      number = await Task { await handler(input) }.value
    }
    return number
  }
}
