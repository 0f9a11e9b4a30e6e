import Synchronization

@testable import Stepmill

/// A door that is opened once, for those who wait for it.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Lock(State())

  func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiters.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  /// Waits until the door opens or the task is cancelled.
  func waitOrCancel() async throws {
    await withTaskCancellationHandler {
      await wait()
    } onCancel: {
      open()
    }
    try Task.checkCancellation()
  }
}

/// Something that comes once, for one who waits for it.
final class Delivery<Value: Sendable>: Sendable {
  private let gate = Gate()
  private let box = Lock<Value?>(nil)

  func put(_ value: Value) {
    box.withLock { $0 = value }
    gate.open()
  }

  var value: Value {
    get async {
      await gate.wait()
      return box.withLock { $0! }
    }
  }
}

/// What several threads write down.
final class Log<Entry: Sendable>: Sendable {
  private let list = Lock<[Entry]>([])
  func append(_ entry: Entry) { list.withLock { $0.append(entry) } }
  var entries: [Entry] { list.withLock { $0 } }
}

enum Definitions {
  /// One task, with whatever else is given for its state.
  static func task(_ resource: String = "work", _ fields: String = "") -> String {
    let more = fields.isEmpty ? "" : "," + fields
    let caught = fields.contains(#""Caught""#) ? #","Caught":{"Type":"Pass","End":true}"# : ""
    return
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"\#(resource)"\#(more),"End":true}\#(caught)}}"#
  }

  static let catchAll = #""Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}]"#

  static let pass = #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#

  /// Counts `n` up to 100.
  static let count =
    #"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":100,"Next":"D"}],"Default":"I"},"I":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"C"},"D":{"Type":"Succeed"}}}"#

  static func waitUntil(_ field: String = "$.at") -> String {
    #"{"StartAt":"W","States":{"W":{"Type":"Wait","TimestampPath":"\#(field)","End":true}}}"#
  }

  static let longWait = #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}}"#
}

extension Runtime {
  static func small(
    loops: Int = 1, _ change: (inout Configuration) -> Void = { _ in }
  ) throws -> Runtime {
    var configuration = Configuration()
    configuration.loops = loops
    configuration.seed = 1
    change(&configuration)
    return try Runtime(configuration)
  }
}

extension Outcome {
  var errorName: String? {
    switch self {
    case .failed(let error, _), .aborted(let error, _): error
    default: nil
    }
  }
}

extension JSON {
  /// The time of day so many milliseconds from now, as a Wait state takes it.
  static func timestamp(in milliseconds: Int64) -> JSON {
    let at = WallTime.now.milliseconds + milliseconds
    return JSON("\(Timestamp(seconds: at / 1000, nanoseconds: Int32(at % 1000) * 1_000_000))")
  }
}
