// Family J: expressions. JSONata against JSONPath where both say the same, and against a plain
// tree walker (and the reference implementation, where it is at hand) where only JSONata can.

import Stepmill
import Synchronization
import TreeWalker

/// The documents and the expressions that the rows are about.
enum QueryWorkload {
  /// An order of about one kilobyte.
  static let order = #"""
    {"order":{"id":"ORD-2026-000123","currency":"EUR","total":249.95,"placedAt":"2026-11-20T23:12:08Z",
    "customer":{"id":"C-99812","name":"Alexandra Lindqvist","tier":"gold","email":"al@example.com"},
    "shipTo":{"street":"Storgatan 14","city":"Malmö","zip":"21142","country":"SE","notes":null},
    "items":[{"sku":"SKU-1000","name":"Trail running shoe, size 43","qty":1,"price":129.95,"tags":["a","b"]},
    {"sku":"SKU-1001","name":"Merino base layer","qty":2,"price":39.5,"tags":["apparel"]},
    {"sku":"SKU-1002","name":"Soft flask 500 ml","qty":2,"price":12.0,"tags":["hydration","outdoor"]},
    {"sku":"SKU-1003","name":"Headlamp 400 lm","qty":1,"price":17.0,"tags":["light"]}],
    "channel":"web","campaign":"autumn-2026","giftWrap":false,
    "meta":{"ip":"203.0.113.24","agent":"Mozilla/5.0 (X11; Linux x86_64)","session":"7b1c9ad2-3f4e"}}}
    """#

  static let condition =
    "$states.input.order.total > 100 and $states.input.order.customer.tier = 'gold' and "
    + "$states.input.order.channel = 'web'"

  /// The same eight fields in both languages: name, path.
  static let fields = [
    ("orderId", "order.id"), ("amount", "order.total"), ("customer", "order.customer.name"),
    ("tier", "order.customer.tier"), ("city", "order.shipTo.city"), ("items", "order.items"),
    ("channel", "order.channel"), ("session", "order.meta.session"),
  ]

  static var output: String {
    "{" + fields.map { "'\($0.0)': $states.input.\($0.1)" }.joined(separator: ", ") + "}"
  }

  static let sum = "$sum(items.(qty * price))"
  static let group = "items{category: $sum($.(qty * price))}"
  static let join = "$join($split(text, ' ').$uppercase($), '-')"
  static let match = #"$match(text, /([a-z]+)-([0-9]+)/).groups[0]"#

  static func items(_ count: Int) -> JSON {
    let items = (0..<count).map { index -> JSON in
      [
        "sku": JSON("SKU-\(index)"), "category": JSON("c\(index * 7 % 20)"), "qty": JSON(index % 9 + 1),
        "price": JSON(Double(index * 37 % 1000) / 4),
      ]
    }
    return ["items": JSON(items)]
  }

  /// Words of which every fourth is a pattern's match.
  static func text(_ words: Int) -> JSON {
    let words = (0..<words).map { $0 % 4 == 0 ? "part-\($0)" : ["lorem", "ipsum", "dolor"][$0 % 3] }
    return ["text": JSON(words.joined(separator: " "))]
  }
}

func queryBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  let order = parsed(QueryWorkload.order)
  let count = size.timers < 1000 ? 50 : 1000
  let items = QueryWorkload.items(count)
  let text = QueryWorkload.text(count / 5)
  return [
    Benchmark(
      "J-condition", "three comparisons in an expression, evaluated where its result is used",
      units: [.nanosecondsPerItem],
      contestants: [inPlace(QueryWorkload.condition, order), walker(Trees.condition, states: order)]),
    Benchmark(
      "J-output", "an object of eight fields from 1 KB", units: [.nanosecondsPerItem],
      contestants: [inPlace(QueryWorkload.output, order), walker(Trees.output, states: order)]),
    Benchmark(
      "J-sum", "\(QueryWorkload.sum), \(count) items", units: [.nanosecondsPerItem],
      contestants: [query(QueryWorkload.sum, items), walker(Trees.sum, items)]
        + reference(QueryWorkload.sum, items)),
    Benchmark(
      "J-group", "\(QueryWorkload.group), \(count) items", units: [.nanosecondsPerItem],
      contestants: [query(QueryWorkload.group, items), walker(Trees.group, items)]
        + reference(QueryWorkload.group, items)),
    Benchmark(
      "J-join", "\(QueryWorkload.join), \(count / 5) words", units: [.nanosecondsPerItem],
      contestants: [query(QueryWorkload.join, text), walker(Trees.join, text)]
        + reference(QueryWorkload.join, text)),
    Benchmark(
      "J-match", "\(QueryWorkload.match), \(count / 5) words", units: [.nanosecondsPerItem],
      contestants: [query(QueryWorkload.match, text), walker(Trees.match, text)]
        + reference(QueryWorkload.match, text)),
  ]
}

func parsed(_ text: String) -> JSON {
  do { return try JSON(parsing: text) } catch { preconditionFailure("the suite's own document: \(error)") }
}

private func compiled(_ text: String) -> Query {
  do { return try Query(text) } catch { preconditionFailure("the suite's own expression: \(error)") }
}

private final class LastOutput: Sendable {
  let text = Mutex<[UInt8]>([])
  func read() -> [UInt8] { text.withLock { $0 } }
}

/// The public interface: the result is a value that owns its memory.
private func query(_ text: String, _ input: JSON) -> Contestant {
  let query = compiled(text)
  let last = LastOutput()
  return Contestant(
    .stepmill, "Query.evaluate",
    run: { times in
      var result: JSON?
      for _ in 0..<times { result = try query.evaluate(input) }
      let bytes = result?.utf8 ?? []
      last.text.withLock { $0 = bytes }
      return Tally(executions: times)
    },
    output: last.read)
}

/// As a state evaluates it: the result stays in an arena, which the next evaluation empties.
private func inPlace(_ text: String, _ input: JSON) -> Contestant {
  let query = compiled(text)
  let last = LastOutput()
  return Contestant(
    .stepmill, "compiled, in an arena",
    run: { times in
      let bytes = try query.evaluate(input, times: times)?.utf8 ?? []
      last.text.withLock { $0 = bytes }
      return Tally(executions: times)
    },
    output: last.read)
}

private func walker(_ tree: TreeExpression, states: JSON) -> Contestant {
  walker(tree, .undefined, ["states": .object(["input": TreeValue(states)])])
}

private func walker(_ tree: TreeExpression, _ input: JSON) -> Contestant {
  walker(tree, TreeValue(input), [:])
}

private func walker(
  _ tree: TreeExpression, _ input: TreeValue, _ variables: [String: TreeValue]
) -> Contestant {
  let walker = TreeWalker(variables: variables)
  let last = LastOutput()
  return Contestant(
    .handwritten, "tree walker over enum values",
    run: { times in
      var result = TreeValue.undefined
      for _ in 0..<times { result = try walker.evaluate(tree, input) }
      let bytes = result.json.utf8
      last.text.withLock { $0 = bytes }
      return Tally(executions: times)
    },
    output: last.read)
}

/// The expressions as the tree walker's parser would give them.
private enum Trees {
  private static func input(_ path: String) -> TreeExpression {
    .path([.variable("states"), .name("input")] + path.split(separator: ".").map { .name(String($0)) })
  }

  private static func text(_ text: String) -> TreeExpression { .literal(.string(text)) }

  private static let product = TreeExpression.binary(.multiply, .name("qty"), .name("price"))

  static let condition = TreeExpression.binary(
    .and,
    .binary(
      .and, .binary(.greater, input("order.total"), .literal(.number(100))),
      .binary(.equal, input("order.customer.tier"), text("gold"))),
    .binary(.equal, input("order.channel"), text("web")))

  static let output = TreeExpression.object(QueryWorkload.fields.map { (text($0.0), input($0.1)) })
  static let sum = TreeExpression.call("sum", [.path([.name("items"), product])])
  static let group = TreeExpression.group(
    .name("items"), .name("category"), .call("sum", [.path([.context, product])]))
  static let join = TreeExpression.call(
    "join",
    [
      .path([.call("split", [.name("text"), text(" ")]), .call("uppercase", [.context])]), text("-"),
    ])
  static let match = TreeExpression.path([
    .call("match", [.name("text"), .pattern(pattern("([a-z]+)-([0-9]+)"))]),
    .call("first", [.name("groups")]),
  ])

  private static func pattern(_ text: String) -> TreePattern {
    do { return try TreePattern(text) } catch { preconditionFailure("\(text): \(error)") }
  }
}

extension TreeValue {
  init(_ json: JSON) {
    switch json.kind {
    case .null: self = .null
    case .bool: self = .bool(json.bool ?? false)
    case .number: self = .number(json.double ?? 0)
    case .string: self = .string(json.string ?? "")
    case .array: self = .array((json.array.map(Array.init) ?? []).map(TreeValue.init))
    case .object:
      self = .object(
        Dictionary(
          uniqueKeysWithValues: (json.object.map(Array.init) ?? []).map { ($0.key, TreeValue($0.value)) })
      )
    }
  }

  var json: JSON {
    switch self {
    case .undefined, .null: .null
    case .bool(let value): JSON(value)
    case .number(let value): JSON(value)
    case .string(let value): JSON(value)
    case .array(let values): JSON(values.map(\.json))
    case .object(let members): JSON(members: members.map { (key: $0.key, value: $0.value.json) })
    }
  }
}
