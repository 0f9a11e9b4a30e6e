// What is told of a child in the results of a run.

/// What became of a child, or that it never began.
package struct MapChildRecord: Sendable {
  /// Which child it is, in the order of the dataset.
  package var number: Int
  /// The child's whole input.
  package var input: JSON
  package var itemCount: Int
  /// Nil for a child that was not started.
  package var ending: Ending?

  package struct Ending: Sendable {
    package var outcome: Outcome
    package var executionARN: String
    package var machineARN: String
    package var name: String
    package var startDate: Int64
    package var stopDate: Int64
    package var redriveCount: Int
    package var redriveDate: Int64?
  }

  /// Which of the result files it belongs to.
  package enum Part: String, Sendable, CaseIterable {
    case succeeded = "SUCCEEDED"
    case failed = "FAILED"
    case pending = "PENDING"
  }

  package var part: Part {
    guard let ending else { return .pending }
    return ending.outcome.isSuccess ? .succeeded : .failed
  }

  /// The whole record, as a `Transformation` of `NONE` shows it: names in alphabetical order,
  /// input and output as texts.
  package var json: JSON {
    guard let ending else {
      return ["Input": JSON(input.text), "InputDetails": ["Included": true], "Status": "PENDING"]
    }
    var members: [(key: String, value: JSON)] = []
    let (error, cause) = ending.failure
    if let cause { members.append(("Cause", JSON(cause))) }
    if let error { members.append(("Error", JSON(error))) }
    members.append(("ExecutionArn", JSON(ending.executionARN)))
    members.append(("Input", JSON(input.text)))
    members.append(("InputDetails", ["Included": true]))
    members.append(("Name", JSON(ending.name)))
    if let output = ending.outcome.output { members.append(("Output", JSON(output.text))) }
    members.append(("OutputDetails", ["Included": true]))
    members.append(("RedriveCount", JSON(ending.redriveCount)))
    if let date = ending.redriveDate { members.append(("RedriveDate", Self.time(date))) }
    if ending.outcome.isSuccess {
      members.append(("RedriveStatus", "NOT_REDRIVABLE"))
      members.append(("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven"))
    } else {
      members.append(("RedriveStatus", "REDRIVABLE_BY_MAP_RUN"))
    }
    members.append(("StartDate", Self.time(ending.startDate)))
    members.append(("StateMachineArn", JSON(ending.machineARN)))
    members.append(("Status", JSON(ending.outcome.status)))
    members.append(("StopDate", Self.time(ending.stopDate)))
    return JSON(members: members)
  }

  /// What stands for the child in its result file, or in the state's result. What did not succeed
  /// is always shown whole.
  package func shown(_ transformation: MapWriterConfig.Transformation) -> JSON {
    guard transformation != .none, let output = ending?.outcome.output else { return json }
    return output
  }

  private static func time(_ milliseconds: Int64) -> JSON {
    JSON(Timestamp(millisecondsSince1970: milliseconds).text)
  }
}

extension MapChildRecord.Ending {
  fileprivate var failure: (error: String?, cause: String?) {
    switch outcome {
    case .succeeded: (nil, nil)
    case .failed(let error, let cause), .aborted(let error, let cause): (error, cause)
    case .timedOut: ("States.Timeout", nil)
    }
  }
}

/// The results of a run that stay with the state: what its result is made of.
struct MapResultList {
  private let config: MapWriterConfig
  private let bytesMax: Int
  /// By the children's numbers; nil for those that have not succeeded.
  private var results: [JSON?] = []
  private var bytes = 2
  /// They take more than a payload may hold, and nothing of them is kept any more.
  private(set) var isTooLarge = false

  init(_ config: MapWriterConfig, bytesMax: Int) {
    self.config = config
    self.bytesMax = bytesMax
  }

  mutating func add(_ record: MapChildRecord) {
    // The failed ones are left out of an array of outputs.
    guard record.part == .succeeded || config.transformation == .none, !isTooLarge else { return }
    let result = record.shown(config.transformation)
    // Brackets of a result that is flattened go.
    bytes += result.withValue { $0.serializedSize(upTo: bytesMax + 2) } + 1
    if config.transformation == .flatten { bytes -= 2 }
    guard bytes <= bytesMax + 1 else {
      isTooLarge = true
      results = []
      return
    }
    while results.count <= record.number { results.append(nil) }
    results[record.number] = result
  }

  /// The state's result.
  func result() -> JSON {
    var all = results.compactMap { $0 }
    if config.transformation == .flatten {
      all = all.flatMap { result in result.array.map { Array($0) } ?? [result] }
    }
    guard config.isLines else { return JSON(all) }
    return JSON(all.map(\.text).joined(separator: "\n"))
  }
}
