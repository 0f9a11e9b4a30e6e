import Stepmill

extension Simulation {
  /// A task that a workflow gives to its handler.
  public struct Call: Sendable {
    /// The Task's `Resource` as written.
    public let resource: String
    /// The task's input, after InputPath and Parameters.
    public let input: JSON
    /// How often this task has been retried in this visit of its state.
    public let retryCount: Int
    /// How much virtual time has passed since the simulation began.
    public let time: Duration
    /// Names this very attempt: for ``Simulation/complete(_:with:)``.
    public let token: String
  }

  /// What a handler does about a call.
  public indirect enum Reply: Sendable {
    /// It answers with this output.
    case success(JSON)
    /// It fails, as Retry and Catch see it.
    case failure(error: String?, cause: String? = nil)
    /// It does the rest after some virtual time.
    case delay(Duration, Reply)
    /// It sends signs of life, `count` of them, one at the end of each period, then does the rest.
    case heartbeats(every: Duration, count: Int, Reply)
    /// It never answers.
    case never
    /// It answers more often than it should.
    case twice(Reply, Reply)
  }

  /// What goes wrong with the calls of one resource, beside what its handler does.
  public struct Faults: Sendable {
    /// How many calls fail with ``error`` instead of reaching the handler, from 0 to 1.
    public var errorRate = 0.0
    /// What those fail with.
    public var error = TaskFailure(error: "Simulation.Fault", cause: "An injected fault.")
    /// How long calls take in addition, equally distributed.
    public var delay: ClosedRange<Duration> = .zero ... .zero
    /// How many calls are never answered, from 0 to 1.
    public var neverRate = 0.0
    /// How many calls are answered twice, from 0 to 1.
    public var twiceRate = 0.0
    /// How many calls are answered once more after a long time, when their execution has
    /// probably ended, from 0 to 1.
    public var lateRate = 0.0

    public init() {}

    /// Fails this part of the calls, from 0 to 1.
    public static func errors(_ rate: Double) -> Faults {
      var faults = Faults()
      faults.errorRate = rate
      return faults
    }
  }
}

/// Why a simulation did not get to an outcome.
public enum SimulationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Tasks of the workflow name resources that have no handler.
  case missingHandlers([String])
  /// An execution waits for an answer that never comes.
  case stuck
  /// The executions were not over after ``Simulation/stepsMax`` steps.
  case endless

  public var description: String {
    switch self {
    case .missingHandlers(let resources):
      "no handler is registered for " + resources.map { "'\($0)'" }.joined(separator: ", ")
    case .stuck: "an execution waits for an answer that never comes, and no timeout ends it"
    case .endless: "the executions did not end within the steps that a simulation may take"
    }
  }
}
