import Stepmill
import StepmillBatch

/// What a Map that is tested does before its first iteration: its items, what is made of them,
/// and its bounds.
///
/// The Map itself does it, around a processor that does nothing: what reaches that processor is
/// what a stage has made of the items. Each stage is a Map with the fields up to there. The last
/// one runs first, since what it fails with is what the state fails with; those before it show
/// how far the data came.
final class MapStages: Sendable {
  private let order: TestOrder
  private let bench: TestBench

  struct Result: Sendable {
    var texts: [String: String] = [:]
    var maxConcurrency: Int?
    var toleratedCount: Int?
    var toleratedPercentage: Double?
    /// Iterations, after batching.
    var iterations = 0
    var failure: TaskFailure?
    /// The mocked result has another number of items.
    var hasOtherSize = false
  }

  private enum Stage: Sendable {
    case items, selector, batcher

    var fields: [String] {
      switch self {
      case .items:
        [
          "InputPath", "ItemsPath", "Items", "ItemReader", "MaxConcurrency", "MaxConcurrencyPath",
          "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
          "ToleratedFailurePercentagePath",
        ]
      case .selector: Stage.items.fields + ["ItemSelector", "Parameters"]
      case .batcher: Stage.selector.fields + ["ItemBatcher"]
      }
    }
  }

  init(_ order: TestOrder, bench: TestBench) {
    self.order = order
    self.bench = bench
  }

  func begin(_ then: @escaping @Sendable (Result) -> Void) {
    var stages = [Stage.items]
    if order.state["ItemSelector"] != nil || order.state["Parameters"] != nil { stages.append(.selector) }
    if order.state["ItemBatcher"] != nil { stages.append(.batcher) }
    let last = stages.removeLast()
    run(last) { [self, stages] items, failure in
      var result = Result()
      result.failure = failure
      result.iterations = items.count
      if case .result(let mocked) = order.mock { result.hasOtherSize = mocked.count != items.count }
      show(stages[...], result) { [self] result in
        guard result.isShown, failure == nil else { return then(result.result) }
        show(last, items, result.result, then)
      }
    }
  }

  // MARK: Showing

  /// Shows stages as long as they succeed, and says whether all of them did.
  private func show(
    _ stages: ArraySlice<Stage>, _ result: Result,
    _ then: @escaping @Sendable ((result: Result, isShown: Bool)) -> Void
  ) {
    guard let stage = stages.first else { return then((result, true)) }
    run(stage) { [self] items, failure in
      guard failure == nil else { return then((result, false)) }
      show(stage, items, result) { [self] in show(stages.dropFirst(), $0, then) }
    }
  }

  private func show(
    _ stage: Stage, _ items: [JSON], _ known: Result, _ then: @escaping @Sendable (Result) -> Void
  ) {
    var result = known
    switch stage {
    case .items: return showBounds(known, then)
    case .selector: result.texts["afterItemSelector"] = Self.listed(items)
    case .batcher: result.texts["afterItemBatcher"] = Self.listed(items.map(Self.batch))
    }
    then(result)
  }

  /// Shows the bounds and, of JSONPath, the items; a Pass can tell what they come to, since the
  /// Map has found nothing wrong with them.
  private func showBounds(_ known: Result, _ then: @escaping @Sendable (Result) -> Void) {
    let state = order.state
    var members: [(key: String, value: JSON)] = []
    for field in Self.bounds {
      if let value = state[field] { members.append((field, value)) }
      if let path = state["\(field)Path"] { members.append(("\(field).$", path)) }
    }
    let path = order.readerData == nil ? state["ItemsPath"] : nil
    if let path { members.append(("items.$", path)) }
    let values = JSON(members: members)
    let probe: JSON =
      order.isJSONata
      ? ["Type": "Pass", "QueryLanguage": "JSONata", "Output": values, "End": true]
      : ["Type": "Pass", "InputPath": state["InputPath"] ?? "$", "Parameters": values, "End": true]
    bench.run(probe, handler: nil) { [self] run in
      var result = known
      if case .left(let output, _) = run.end, let values = try? JSON(parsing: output) {
        func number(_ field: String) -> Double? {
          values[field]?.double ?? values[field]?.string.flatMap { Double($0) }
        }
        result.maxConcurrency = number("MaxConcurrency").flatMap { Int(exactly: $0) } ?? 0
        result.toleratedCount = number("ToleratedFailureCount").flatMap { Int(exactly: $0) }
        result.toleratedPercentage = number("ToleratedFailurePercentage")
        if let items = values["items"] {
          result.texts["afterItemsPath"] = items.array.map { Self.listed(Array($0)) } ?? items.text
        }
      }
      result.texts["afterItemsPointer"] = pointed?.text
      then(result)
    }
  }

  private static let bounds = ["MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"]

  /// The part of the dataset that an ItemsPointer names.
  private var pointed: JSON? {
    guard let pointer = order.state["ItemReader"]?["ReaderConfig"]?["ItemsPointer"]?.string, !pointer.isEmpty,
      var value = order.readerData.flatMap({ try? JSON(parsing: $0) })
    else { return nil }
    for step in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = String(step.replacing("~1", with: "/").replacing("~0", with: "~"))
      guard let next = Int(name).flatMap({ value[$0] }) ?? value[name] else { return nil }
      value = next
    }
    return value
  }

  /// A list as the service prints it: items after a comma and a blank.
  private static func listed(_ items: [JSON]) -> String {
    "[" + items.map(\.text).joined(separator: ", ") + "]"
  }

  /// A batch as the service prints it: its items are texts.
  private static func batch(_ batch: JSON) -> JSON {
    JSON(
      members: batch.object?.map { member in
        let items = member.key == "Items" ? member.value.array : nil
        return (member.key, items.map { JSON($0.map { JSON($0.text) }) } ?? member.value)
      } ?? [])
  }

  // MARK: Running

  /// Runs the Map up to a stage, and gives what its iterations begin with.
  private func run(_ stage: Stage, _ then: @escaping @Sendable ([JSON], TaskFailure?) -> Void) {
    var members: [(key: String, value: JSON)] = [("Type", "Map")]
    if order.isJSONata { members.append(("QueryLanguage", "JSONata")) }
    for field in stage.fields {
      if let value = order.state[field] { members.append((field, value)) }
    }
    // What an iteration gives is as short as can be: however many there are, the results fit.
    let item: JSON = ["Type": "Pass", "Result": 0, "End": true]
    var processor: JSON = [
      "StartAt": JSON(TestRun.itemName), "States": JSON(members: [(TestRun.itemName, item)]),
    ]
    if isDistributed { processor["ProcessorConfig"] = ["Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"] }
    members += [("ItemProcessor", processor), ("End", true)]
    let children = MapChildren(order.readerData)
    bench.run(JSON(members: members), handler: nil, mapRuns: children) { [isDistributed] run in
      switch run.end {
      case .left: then(isDistributed ? children.inputs : run.items, nil)
      case .failed(let failure): then([], failure)
      }
    }
  }

  /// A reader and a batcher are a distributed Map's only.
  private var isDistributed: Bool {
    let processor = order.state["ItemProcessor"] ?? order.state["Iterator"]
    return processor?["ProcessorConfig"]?["Mode"]?.string == "DISTRIBUTED"
      || order.state["ItemReader"] != nil || order.state["ItemBatcher"] != nil
  }
}

/// Takes the inputs of a Map Run's children, whose items come from a text in the place of a bucket.
private final class MapChildren: MapRunDelegate {
  let mapStorage: (any MapRunStorage)?
  private let taken = Lock<[JSON]>([])

  init(_ data: String?) {
    mapStorage = data.map { TextStorage(TextBucket($0)) }
  }

  var inputs: [JSON] { taken.withLock { $0 } }

  func listener(for child: MapRunChildInfo, of run: DistributedMapRun) -> (any ExecutionListener)? {
    taken.withLock { $0.append(child.input) }
    return nil
  }
}
