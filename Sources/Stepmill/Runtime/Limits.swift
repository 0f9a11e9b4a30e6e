/// The bounds of what an execution may hold and do.
public struct Limits: Hashable, Sendable {
  /// Bytes of JSON that an input, an output or a task's answer may take.
  public var payloadBytesMax = 16 << 20
  /// Bytes that the values of one `Assign` may take together.
  public var variableBytesMax = 16 << 20
  /// Bytes that all variables of an execution may take together.
  public var variableBytesTotalMax = 64 << 20
  /// Events of one execution's history, whether recorded or not; nil: no bound.
  public var historyEventsMax: Int?
  /// Seconds that an execution may take where its definition sets no shorter time; nil: no bound.
  public var executionSecondsMax: Int?
  /// The same for the Express children of a Distributed Map, where AWS's bounds hold.
  package var expressSecondsMax = 300
  /// Iterations of one Map that are under way at once where its definition does not say less.
  public var mapConcurrencyMax = 1000
  /// Objects and arrays inside one another that an input may have.
  public var nestingMax = 1000

  /// Steps that the evaluation of one JSONata expression may take.
  public var expressionStepsMax = 10_000_000
  /// Levels of nesting and of calls that the evaluation of one JSONata expression may reach.
  public var expressionDepthMax = 500
  /// Bytes that a value may take which a JSONata expression builds: one for each character of a text, eight
  /// for each element of an array. The memory that an evaluation takes as a whole is bounded in proportion.
  public var expressionBytesMax = 16 << 20

  /// Stepmill's own bounds: generous, but bounds.
  public init() {}

  /// What AWS allows an Express workflow, except that nothing ends after five minutes.
  public static var aws: Limits {
    var limits = Limits()
    limits.payloadBytesMax = 262_144
    limits.variableBytesMax = 262_144
    limits.variableBytesTotalMax = 10_485_760
    limits.mapConcurrencyMax = 40
    limits.expressionDepthMax = 100
    limits.expressionBytesMax = 6_990_256
    return limits
  }

  /// What AWS allows a Standard workflow: as ``aws``, and 25,000 events.
  public static var awsStandard: Limits {
    var limits = Limits.aws
    limits.historyEventsMax = 25_000
    return limits
  }

  /// What AWS allows an Express workflow, the five minutes included.
  public static var awsExpress: Limits {
    var limits = Limits.aws
    limits.executionSecondsMax = limits.expressSecondsMax
    return limits
  }
}
