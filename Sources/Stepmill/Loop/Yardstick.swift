// The machinery below executions, for those who time it: parser, writer, timers, the inbox,
// calls of handlers. Each loops in here, so that the call from another module is paid once.
// Nothing in the library uses this.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

package enum Yardstick {
  /// A JSON document that is read into engine values and written from them.
  package final class Document {
    private let pool: UnsafeMutablePointer<ChunkPool>
    private let text: UnsafeMutableRawBufferPointer
    private var arena: Arena
    private var parser = JSONParser()
    private var writer = JSONWriter()
    private var output = OutputBuffer()

    package init(_ text: [UInt8]) {
      pool = .allocate(capacity: 1)
      pool.initialize(to: ChunkPool())
      arena = Arena(pool: pool)
      self.text = .allocate(byteCount: text.count + JSONParser.padding, alignment: 16)
      self.text.copyBytes(from: text)
    }

    deinit {
      arena.release()
      pool.deinitialize(count: 1)
      pool.deallocate()
      text.deallocate()
    }

    private var bytes: UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<(text.count - JSONParser.padding)])
    }

    private func parseOnce() throws(JSONSyntaxError) -> Value {
      try withUnsafeMutablePointer(to: &arena) { arena throws(JSONSyntaxError) in
        try parser.parse(bytes, into: arena)
      }
    }

    /// Reads it so many times; returns the bytes read.
    package func parse(times: Int) throws -> Int {
      for _ in 0..<times {
        arena.release()
        _ = try parseOnce()
      }
      return times * bytes.count
    }

    /// Reads it once and writes it so many times; returns the bytes written.
    package func write(times: Int) throws -> Int {
      arena.release()
      let value = try parseOnce()
      var written = 0
      for _ in 0..<times {
        output.removeAll()
        writer.write(value, to: &output)
        written += output.count
      }
      return written
    }

    package var written: [UInt8] { Array(output.bytes) }
  }

  /// Timers in a wheel, each with a record of 96 bytes that its owner looks at when it strikes,
  /// as fibers have one.
  package final class Timers {
    private var wheel = TimerWheel(now: 0)
    /// Deadlines; 0 for a timer that was cancelled.
    private let records: UnsafeMutablePointer<UInt64>
    private let count: Int
    private static let recordWords = 12
    private var spread: UInt64 = 1

    package init(count: Int) {
      self.count = count
      records = .allocate(capacity: count * Self.recordWords)
      records.initialize(repeating: 0, count: count * Self.recordWords)
    }

    deinit { records.deallocate() }

    /// Starts all, due in scattered order within the next `spread` milliseconds.
    package func start(spread: UInt32) {
      self.spread = UInt64(spread)
      let now = wheel.position
      for index in 0..<UInt32(truncatingIfNeeded: count) {
        let scattered = UInt64(index &* 2_654_435_769) &* UInt64(spread) &>> 32
        let deadline = now &+ 1 &+ scattered
        records[Int(index) &* Self.recordWords] = deadline
        wheel.schedule(index, at: deadline)
      }
    }

    /// Cancels all. That is a word in the record; the wheel's entry goes when it is due, which
    /// is part of the price and happens here.
    package func cancel() -> Int {
      for index in 0..<count { records[index &* Self.recordWords] = 0 }
      return count - strike()
    }

    /// Moves the clock until all have struck; returns how many did.
    package func fire() -> Int { strike() }

    private func strike() -> Int {
      var struck = 0
      let last = wheel.position &+ spread &+ 1
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { due in
        let buffer = due.baseAddress.unsafelyUnwrapped
        var now = wheel.position
        while now <= last {
          while true {
            let count = wheel.popDue(now, into: buffer, limit: 256)
            for index in 0..<count {
              let record = Int(due[index]) &* Self.recordWords
              if records[record] != 0 {
                records[record] = 0
                struck &+= 1
              }
            }
            if count < 256 { break }
          }
          now &+= 1
        }
      }
      return struck
    }
  }

  /// Hands `count` records of 64 bytes from foreign threads to a loop on this one, through an
  /// inbox that wakes the loop when it sleeps. Returns how many arrived whole, and the time
  /// from the first to the last. Each producer calls `settle` with its number before it begins.
  package static func handOver(
    count: Int, producers: Int, settle: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> (arrived: Int, nanoseconds: UInt64, wakeUps: Int) {
    let uv = try UVLoop()
    let shared = UnsafeMutablePointer<LoopShared>.allocate(capacity: 1)
    shared.initialize(to: LoopShared(waker: uv.waker))
    let size = 64
    let nodes = UnsafeMutableRawPointer.allocate(byteCount: count * size, alignment: 64)
    memset(nodes, 1, count * size)  // touches every page
    nonisolated(unsafe) let all = nodes
    nonisolated(unsafe) let inbox = shared

    let gate = StartGate()
    var threads: [Thread] = []
    for producer in 0..<producers {
      let first = count / producers * producer
      let end = producer + 1 == producers ? count : first + count / producers
      threads.append(
        try Thread(name: "producer") {
          settle(producer)
          gate.wait()
          for index in first..<end {
            let node = all + index * size
            node.storeBytes(of: UInt64(text.utf8CodeUnitCount), toByteOffset: 8, as: UInt64.self)
            (node + 16).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
            _ = inbox.pointee.submit(node)
          }
        })
    }
    gate.await(producers)
    let start = UVLoop.monotonicNanoseconds
    gate.open()
    var arrived = 0
    var seen = 0
    var wakeUps = 0
    while seen < count {
      var next = shared.pointee.submissions.takeAll()
      if next == nil, shared.pointee.announceSleep() {
        uv.wait(until: nil)
        shared.pointee.endSleep()
        wakeUps += 1
      }
      while let node = next {
        next = Inbox.next(node)
        seen &+= 1
        let length = node.load(fromByteOffset: 8, as: UInt64.self)
        if length == UInt64(text.utf8CodeUnitCount), memcmp(node + 16, text.utf8Start, Int(length)) == 0 {
          arrived &+= 1
        }
      }
    }
    let nanoseconds = UVLoop.monotonicNanoseconds &- start
    for thread in threads { thread.join() }
    try uv.close()
    shared.deinitialize(count: 1)
    shared.deallocate()
    nodes.deallocate()
    return (arrived, nanoseconds, wakeUps)
  }

  private static let text: StaticString = "{\"n\":1}"

  /// Calls an asynchronous handler so many times, `batch` at a time, on a loop's workers: from
  /// the invocation that a step makes to the answer that a step would get.
  package static func callOnWorkers(_ handler: TaskHandler, input: JSON, times: Int, batch: Int) throws -> Int
  {
    let loop = try Loop(number: 0, seed: 1, spins: 0)
    loop.executor.adopt()
    let entry = TaskHandlerEntry(kind: handler.kind, box: Unmanaged.passUnretained(handler.box))
    // As the engine does, calls that are over are used again.
    let calls = (0..<batch).map { _ in TaskInvocation(unawaited: entry, on: loop.shard, input: input) }
    var made = 0
    while made < times {
      let round = calls.prefix(times - made)
      for call in round { loop.workers.submit(call) }
      while loop.workers.hasWork || loop.workers.callsRunning > 0 { _ = loop.workers.drain(limit: 256) }
      made += round.count { $0.phase == .finished }
    }
    loop.executor.abandon()
    loop.close()
    return made
  }
}

extension TaskCall {
  /// Calls another synchronous handler so many times, each time as a step calls it. For use
  /// inside a handler, whose own answer comes after it.
  package func call(_ handler: TaskHandler, times: Int) -> Int {
    var entry = TaskHandlerEntry(kind: handler.kind, box: Unmanaged.passUnretained(handler.box))
    return withUnsafePointer(to: &entry) { entry in
      var answered = 0
      for _ in 0..<times {
        let call = TaskCall(shard: shard, fiber: fiber, frame: frame, input: inputValue)
        if entry.pointee.box._withUnsafeGuaranteedRef({ $0.call(call) }) { answered &+= 1 }
      }
      return answered
    }
  }
}

/// Lets threads begin at once.
private final class StartGate: Sendable {
  private let state = Lock((ready: 0, isOpen: false))

  func wait() {
    state.withLock { $0.ready += 1 }
    while !state.withLock({ $0.isOpen }) { sched_yield() }
  }

  func await(_ count: Int) {
    while state.withLock({ $0.ready }) < count { sched_yield() }
  }

  func open() { state.withLock { $0.isOpen = true } }
}
