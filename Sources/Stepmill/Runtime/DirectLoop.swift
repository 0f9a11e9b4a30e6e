// How a service on one of the runtime's own loops starts executions without leaving it.
//
// A request that came in on a loop, and asks for an execution, needs no letter to another thread:
// its input is parsed where it lies, and the execution runs between two turns of the engine, as
// far as it gets without waiting. Most short ones have ended when `start` returns; what is left
// goes on in the loop's turns like everything else.
//
// Who may touch what: all of this belongs to the loop's thread, and is used in callbacks of
// tenants only, where the shard is not at work. That is what `@unchecked Sendable` stands on.

/// Hears how direct executions ended, on the loop's thread.
package protocol DirectListener: AnyObject, Sendable {
  /// - Parameters:
  ///   - ticket: The number that the execution was started with.
  ///   - output: The output of a success as JSON text, valid during the call.
  ///   - error: What any other end has to say.
  func ended(
    _ ticket: UInt64, _ status: DirectStatus, output: UnsafeRawBufferPointer, error: String?, cause: String?)
}

/// Hears of the executions of one loop that are watched, on the loop's thread, while they stand
/// still. It knows each by the ticket that it was started with.
package protocol DirectWatcher: AnyObject, Sendable {
  /// What an execution is called.
  func name(_ ticket: UInt64) -> String
  /// An event of its history.
  func recorded(_ event: EventRecord, _ ticket: UInt64)
  /// Where one stood that did not succeed; it is about to end.
  func stopped(at point: ResumePoint, _ ticket: UInt64)
  /// It ended: the last that is heard of it.
  func ended(_ end: HostedEnd, _ ticket: UInt64)
}

package enum DirectStatus: Sendable { case succeeded, failed, timedOut, aborted }

/// Why a direct execution did not start.
package enum DirectRefusal: Error, Sendable { case notJSON, overloaded, shutDown }

/// One loop, for those whose requests come in on it.
package final class DirectLoop: @unchecked Sendable {
  private let core: RuntimeCore
  private let loop: Loop
  private let sink: DirectSink
  private let watchedSink: WatchedSink

  /// - Parameters:
  ///   - runtime: What the loop belongs to.
  ///   - loop: The loop.
  ///   - keeping: Kept as long as executions go on, since their tasks refer to it.
  ///   - watcher: Hears of watched ones; kept as long as they go on.
  package init(
    _ runtime: Runtime, _ loop: TenantLoop, keeping: AnyObject & Sendable, watcher: any DirectWatcher
  ) {
    core = runtime.core
    self.loop = loop.engine
    sink = DirectSink(runtime.core, keeping)
    watchedSink = WatchedSink(runtime.core, watcher)
  }

  /// The ticket of executions whose ends nobody wants to be told of.
  package static let nobody: UInt64 = 0

  /// Is told of ends; not kept.
  package func setListener(_ listener: any DirectListener) { sink.listener = listener }

  /// Brings the loop's time up to date: what starts now starts at that. In microseconds of a clock that
  /// only goes forward, and in milliseconds since 1970.
  @inline(__always)
  package func tick() -> (microseconds: Int, date: Int64) {
    loop.tick()
    return (Int(loop.nanoseconds / 1000), loop.shard.wallNow)
  }

  /// Starts an execution at the time of the last `tick`.
  ///
  /// - Parameters:
  ///   - text: The input as JSON text. It is copied.
  ///   - ticket: A number by which the listener knows it.
  ///   - runsNow: It runs before this returns, until it ends or waits; else in the loop's next
  ///     turn.
  package func start(
    _ workflow: BoundWorkflow, text: UnsafeRawBufferPointer, identity: ExecutionIdentity, ticket: UInt64,
    runsNow: Bool
  ) throws(DirectRefusal) {
    do throws(StepmillError) {
      try core.admit()
    } catch {
      throw error.isOverload ? .overloaded : .shutDown
    }
    do throws(JSONSyntaxError) {
      let fiber = try Shard.Start.with(workflow.core, sink, tag: ticket, identity: identity) {
        start throws(JSONSyntaxError) in try loop.shard.start(start, text: text)
      }
      if runsNow {
        loop.shard.run(fiber)
      } else {
        loop.shard.state.pointee.ready.append(fiber.pointee.index)
      }
    } catch {
      core.ended()
      throw .notJSON
    }
  }

  /// Starts an execution that the watcher hears of, at the time of the last `tick`. It runs before this
  /// returns, until it ends or waits.
  ///
  /// - Returns: What can stop it; nil where it has ended.
  package func startWatched(
    _ workflow: BoundWorkflow, text: UnsafeRawBufferPointer, ticket: UInt64
  ) throws(DirectRefusal) -> HostedExecution? {
    do throws(StepmillError) {
      try core.admit()
    } catch {
      throw error.isOverload ? .overloaded : .shutDown
    }
    let shard = loop.shard
    do throws(JSONSyntaxError) {
      let fiber = try Shard.Start.with(workflow.core, watchedSink, tag: ticket) {
        start throws(JSONSyntaxError) in try shard.start(start, text: text)
      }
      let handle = shard.handle(of: fiber.pointee.execution)
      shard.run(fiber)
      return shard.lasts(handle) ? HostedExecution(handle, on: loop) : nil
    } catch {
      core.ended()
      throw .notJSON
    }
  }
}

/// Hands on what becomes of those that are watched.
private final class WatchedSink: CompletionSink, @unchecked Sendable {
  private let core: RuntimeCore
  private let watcher: any DirectWatcher

  init(_ core: RuntimeCore, _ watcher: any DirectWatcher) {
    self.core = core
    self.watcher = watcher
    super.init()
    isForMany = true
  }

  override func name(tag: UInt64) -> String? { watcher.name(tag) }
  override func recorded(_ event: EventRecord, tag: UInt64) { watcher.recorded(event, tag) }
  override var wantsResumePoint: Bool { true }
  override func stopped(at point: ResumePoint, tag: UInt64) { watcher.stopped(at: point, tag) }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    core.ended()
    watcher.ended(
      HostedEnd(status, output: output, error: error, cause: cause, date: shard.wallNow), tag)
  }
}

/// Hands ends on.
private final class DirectSink: CompletionSink, @unchecked Sendable {
  private let core: RuntimeCore
  private let kept: AnyObject & Sendable
  // Set once, before the first execution.
  weak var listener: (any DirectListener)?

  init(_ core: RuntimeCore, _ kept: AnyObject & Sendable) {
    self.core = core
    self.kept = kept
  }

  override func turnedAway(tag: UInt64) { core.ended() }

  override func ended(
    _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
  ) {
    core.ended()
    guard tag != DirectLoop.nobody, let listener else { return }
    if _fastPath(status == .succeeded) {
      return listener.ended(tag, .succeeded, output: shard.write(output), error: nil, cause: nil)
    }
    let empty = UnsafeRawBufferPointer(start: nil, count: 0)
    func text(_ value: Value) -> String? { value.isString ? value.text : nil }
    switch status {
    case .succeeded: break
    case .failed: listener.ended(tag, .failed, output: empty, error: text(error), cause: text(cause))
    case .timedOut: listener.ended(tag, .timedOut, output: empty, error: nil, cause: nil)
    case .aborted: listener.ended(tag, .aborted, output: empty, error: text(error), cause: text(cause))
    }
  }
}

/// A JSON object of a few texts, read without making values of them: the body of a request. Keeps
/// its memory from one to the next. Belongs to one thread at a time.
package final class TextMembers: @unchecked Sendable {
  private let names: [StaticString]
  private let pool: UnsafeMutablePointer<ChunkPool>
  private let arena: UnsafeMutablePointer<Arena>
  private let texts: UnsafeMutablePointer<Value>
  @exclusivity(unchecked) private var parser = JSONParser()

  package init(_ names: [StaticString]) {
    self.names = names
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena(pool: pool))
    texts = .allocate(capacity: names.count)
    texts.initialize(repeating: .missing, count: names.count)
  }

  deinit {
    arena.pointee.release()
    arena.deallocate()
    pool.deinitialize(count: 1)
    pool.deallocate()
    texts.deallocate()
  }

  /// Reads an object. False where it is none, or has a member that is not among the names or no
  /// text; a null is as good as nothing. What it gave before is gone.
  package func read(_ text: UnsafeRawBufferPointer) -> Bool {
    arena.pointee.release()
    arena.initialize(to: Arena(pool: pool, reserving: text.count &* 3 &+ JSONParser.padding))
    texts.update(repeating: .missing, count: names.count)
    guard let base = text.baseAddress else { return false }
    let copy = arena.pointee.allocate(text.count &+ JSONParser.padding)
    copy.copyMemory(from: base, byteCount: text.count)
    guard
      let object = try? parser.parse(
        UnsafeRawBufferPointer(start: copy, count: text.count), into: arena),
      object.isObject
    else { return false }
    for member in object.members where !member.value.isNull {
      guard member.value.isString, let place = names.firstIndex(where: { member.key.sameText($0) }) else {
        return false
      }
      texts[place] = member.value
    }
    return true
  }

  /// The text of the name at this place; nil where there was none. Valid until the next `read`.
  package subscript(place: Int) -> UnsafeRawBufferPointer? {
    texts[place].isMissing ? nil : texts[place].bytes
  }
}

/// The number of a UUID of version 4.
package struct UUIDNumber: Sendable, Hashable {
  package let high: UInt64
  package let low: UInt64

  /// How many bytes `write` writes.
  package static let textCount = 36

  package var text: String { UUIDText.text((high, low)) }

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The number that is written like this, to the letter.
  package init?(_ text: String) {
    guard text.utf8.count == Self.textCount else { return nil }
    var digits = 0
    var (high, low): (UInt64, UInt64) = (0, 0)
    for (place, byte) in text.utf8.enumerated() {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "-") where [8, 13, 18, 23].contains(place): continue
      default: return nil
      }
      if digits < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
      digits += 1
    }
    guard digits == 32 else { return nil }
    self.init(high: high, low: low)
  }

  /// Writes the text.
  package func write(to target: UnsafeMutableRawPointer) { UUIDText.write((high, low), to: target) }
}

/// Makes identifiers for one thread.
package struct LocalIdentifiers: Sendable {
  private var random: RandomSource

  package init(_ source: IdentifierSource) { random = RandomSource(seed: source.seed()) }

  package mutating func next() -> UUIDNumber {
    let number = random.uuid()
    return UUIDNumber(high: number.high, low: number.low)
  }
}
