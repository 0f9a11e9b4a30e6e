import Stepmill
import Synchronization

/// What a Map that is tested does before its first iteration: its items, what is made of them,
/// and its bounds.
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

  init(_ order: TestOrder, bench: TestBench) {
    self.order = order
    self.bench = bench
  }

  func begin(_ then: @escaping @Sendable (Result) -> Void) {
    order.isJSONata ? beginJSONata(then) : beginJSONPath(then)
  }

  // MARK: JSONPath

  private func beginJSONPath(_ then: @escaping @Sendable (Result) -> Void) {
    let state = order.state
    var members: [(key: String, value: JSON)] = []
    if order.readerData == nil { members.append(("items.$", state["ItemsPath"] ?? "$")) }
    for (field, name) in Self.pathFields {
      if let path = state[field] { members.append(("\(name).$", path)) }
    }
    let probe: JSON = [
      "Type": "Pass", "InputPath": state["InputPath"] ?? "$", "Parameters": JSON(members: members),
      "End": true,
    ]
    bench.run(probe, handler: nil) { [self] run in
      var result = Result()
      var values: JSON = [:]
      switch run.end {
      case .left(let output, _): values = (try? JSON(parsing: output)) ?? [:]
      case .failed(let failure):
        result.failure = failure
        return then(result)
      }
      let items = order.readerData.map { pointed($0, &result) } ?? values["items"] ?? .null
      guard items.kind == .array || order.readerData != nil && items.kind == .object else {
        var path = state["ItemsPath"]?.string ?? "$"
        if path.hasPrefix("$$") { path.removeFirst() }
        result.failure = TaskFailure(
          error: "States.Runtime", cause: "Reference path \"\(path)\" must point to array.")
        return then(result)
      }
      if state["ItemsPath"] != nil, order.readerData == nil {
        result.texts["afterItemsPath"] = Self.listed(items)
      }
      bounds(&result) { name, field in values[name] ?? state[field] }
      selected(items, &result, then)
    }
  }

  private static let pathFields = [
    ("MaxConcurrencyPath", "maxConcurrency"), ("ToleratedFailureCountPath", "toleratedCount"),
    ("ToleratedFailurePercentagePath", "toleratedPercentage"),
  ]

  private func bounds(_ result: inout Result, _ value: (_ name: String, _ field: String) -> JSON?) {
    func number(_ value: JSON?) -> Double? { value?.double ?? value?.string.flatMap { Double($0) } }
    result.maxConcurrency = Int(number(value("maxConcurrency", "MaxConcurrency")) ?? 0)
    result.toleratedCount = number(value("toleratedCount", "ToleratedFailureCount")).map { Int($0) }
    result.toleratedPercentage = number(value("toleratedPercentage", "ToleratedFailurePercentage"))
  }

  // MARK: JSONata

  private func beginJSONata(_ then: @escaping @Sendable (Result) -> Void) {
    let state = order.state
    var members: [(key: String, value: JSON)] = []
    if order.readerData == nil { members.append(("items", state["Items"] ?? "{% $states.input %}")) }
    for field in ["MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"] {
      if let value = state[field] { members.append((field, value)) }
    }
    let probe: JSON = [
      "Type": "Pass", "QueryLanguage": "JSONata", "Output": JSON(members: members), "End": true,
    ]
    bench.run(probe, handler: nil) { [self] run in
      var result = Result()
      var values: JSON = [:]
      switch run.end {
      case .left(let output, _): values = (try? JSON(parsing: output)) ?? [:]
      case .failed(let failure):
        result.failure = failure
        return then(result)
      }
      bounds(&result) { _, field in values[field] }
      let items = order.readerData.map { pointed($0, &result) } ?? values["items"] ?? .null
      guard items.kind == .array || items.kind == .object else {
        result.failure = TaskFailure(
          error: "States.QueryEvaluationError",
          cause: "The JSONata expression specified for the field 'Items' must return an array")
        return then(result)
      }
      selected(items, &result, then)
    }
  }

  // MARK: Items

  /// The part of a dataset that an ItemsPointer names.
  private func pointed(_ data: JSON, _ result: inout Result) -> JSON {
    guard let pointer = order.state["ItemReader"]?["ReaderConfig"]?["ItemsPointer"]?.string, !pointer.isEmpty
    else { return data }
    var value = data
    for step in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = String(step.replacing("~1", with: "/").replacing("~0", with: "~"))
      guard let next = Int(name).flatMap({ value[$0] }) ?? value[name] else {
        result.failure = TaskFailure(
          error: "States.ItemReaderFailed",
          cause: "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure."
        )
        return []
      }
      value = next
    }
    result.texts["afterItemsPointer"] = value.text
    return value
  }

  /// What ItemSelector makes of the items: a real Map does it, whose iterations do nothing.
  private func selected(
    _ items: JSON, _ result: inout Result, _ then: @escaping @Sendable (Result) -> Void
  ) {
    let known = result
    guard let selector = order.state["ItemSelector"] ?? order.state["Parameters"], items.kind == .array else {
      return batched(items, known, then)
    }
    var members: [(key: String, value: JSON)] = [("Type", "Map"), ("MaxConcurrency", 1)]
    if order.isJSONata {
      members += [("QueryLanguage", "JSONata"), ("Items", items)]
    } else {
      // The selector reads the state's effective input, beside which the items have to lie.
      if let path = order.state["InputPath"] { members.append(("InputPath", path)) }
      if let path = order.state["ItemsPath"], order.readerData == nil { members.append(("ItemsPath", path)) }
    }
    members += [
      ("ItemSelector", selector),
      ("ItemProcessor", ["StartAt": "Item", "States": ["Item": ["Type": "Pass", "End": true]]]),
      ("End", true),
    ]
    bench.run(JSON(members: members), handler: nil) { [self] run in
      var result = known
      switch run.end {
      case .left(let output, _):
        let selected = (try? JSON(parsing: output)) ?? []
        result.texts["afterItemSelector"] = Self.listed(selected)
        batched(selected, result, then)
      case .failed(let failure):
        result.failure = failure
        then(result)
      }
    }
  }

  private func batched(_ items: JSON, _ known: Result, _ then: (Result) -> Void) {
    var result = known
    result.iterations = items.count
    if let batcher = order.state["ItemBatcher"] {
      let size = max(1, batcher["MaxItemsPerBatch"]?.int ?? .max)
      let all = items.array.map { Array($0) } ?? []
      var batches: [JSON] = []
      var start = 0
      while start < all.count {
        let end = start + min(size, all.count - start)
        batches.append(["Items": JSON(all[start..<end].map { JSON($0.text) })])
        start = end
      }
      result.iterations = batches.count
      result.texts["afterItemBatcher"] = Self.listed(JSON(batches))
    }
    if case .result(let mocked) = order.mock { result.hasOtherSize = mocked.count != result.iterations }
    then(result)
  }

  /// A list as the service prints it: items after a comma and a blank.
  private static func listed(_ items: JSON) -> String {
    guard let elements = items.array else { return items.text }
    return "[" + elements.map(\.text).joined(separator: ", ") + "]"
  }
}
