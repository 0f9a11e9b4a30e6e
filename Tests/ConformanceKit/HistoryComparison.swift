import Stepmill

// How two histories are compared.
//
// Where nothing runs at the same time a history is a list, and its events are compared one by
// one. Branches and iterations that run beside each other write their events in an order that
// is nobody's promise; there a history is a tree: each event hangs on the one it follows from,
// and the children of an event may stand in any order.
//
// One kind of link depends on the order and has to be straightened first. A container's end,
// and the start of an iteration that had to wait for its turn, point to whichever inner event
// came last. In the tree they hang on the container's own start.

struct HistoryComparison {
  private var expectation: Expectation
  private(set) var difference: String?

  /// - Parameter expectation: Knows what the names of the case stand for.
  init(_ expectation: Expectation) {
    self.expectation = expectation
  }

  // MARK: In order

  mutating func inOrder(_ expected: [JSON], _ actual: [JSON]) -> Bool {
    for (index, pair) in zip(expected, actual).enumerated() {
      guard expectation.matches(pair.0, pair.1) else {
        difference = "event \(index + 1) of \(expected.count): \(expectation.mismatch ?? "")"
        return false
      }
    }
    return sameCount(expected, actual)
  }

  private mutating func sameCount(_ expected: [JSON], _ actual: [JSON]) -> Bool {
    guard expected.count != actual.count else { return true }
    func types(_ events: [JSON]) -> String { events.map { $0["type"]?.string ?? "?" }.joined(separator: " ") }
    difference =
      "\(expected.count) events expected, got \(actual.count): expected \(types(expected)); got \(types(actual))"
    return false
  }

  // MARK: Without order inside a Parallel

  /// Events without an id were sorted by their content when they were recorded: each run of
  /// them is compared as a bag with the events that stand there.
  mutating func inBags(_ expected: [JSON], _ actual: [JSON]) -> Bool {
    let lost: Set<String> = ["ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateAborted"]
    func type(_ event: JSON) -> String { event["type"]?.string ?? "" }
    var kept = actual
    if !expected.contains(where: { lost.contains(type($0)) }) {
      // Of a Parallel inside, the end went with the outer one's if nothing came between them.
      let nested = actual.indices.dropLast().filter {
        type(actual[$0]) == "ParallelStateExited" && lost.contains(type(actual[$0 + 1]))
      }
      kept = actual.indices.filter { !lost.contains(type(actual[$0])) }.map { actual[$0] }
      if kept.count == expected.count + nested.count {
        kept = actual.indices.filter { !lost.contains(type(actual[$0])) && !nested.contains($0) }.map {
          actual[$0]
        }
      }
    }
    guard sameCount(expected, kept) else { return false }
    var index = 0
    while index < expected.count {
      var end = index
      while end < expected.count, expected[end]["id"] == nil { end += 1 }
      if end == index {
        // A link into a bag may lead to any event of it.
        guard expectation.matches(Self.content(expected[index]), Self.content(kept[index])) else {
          difference = "event \(index + 1): \(expectation.mismatch ?? "")"
          return false
        }
        index += 1
        continue
      }
      guard sameBag(Array(expected[index..<end]), Array(kept[index..<end])) else { return false }
      index = end
    }
    return true
  }

  private mutating func sameBag(_ expected: [JSON], _ actual: [JSON]) -> Bool {
    var left = actual.map { Self.content($0) }
    for event in expected {
      let content = Self.content(event)
      guard let index = left.indices.first(where: { expectation.matches(content, left[$0]) }) else {
        difference = "no event like \(content.text)"
        return false
      }
      left.remove(at: index)
    }
    return true
  }

  /// An event without its number and its link.
  private static func content(_ event: JSON) -> JSON {
    var event = event
    event["id"] = nil
    event["previousEventId"] = nil
    return event
  }

  // MARK: As trees

  mutating func asTrees(_ expected: [JSON], _ actual: [JSON]) -> Bool {
    guard sameCount(expected, actual) else { return false }
    let left = Tree(expected)
    let right = Tree(actual)
    return sameChildren(of: 0, left, of: 0, right)
  }

  /// Finds a partner for each child. Recorded histories are small and most children differ in
  /// what they say, so trying one after the other is good enough.
  private mutating func sameChildren(of expected: Int, _ left: Tree, of actual: Int, _ right: Tree) -> Bool {
    let children = left.children[expected] ?? []
    var others = right.children[actual] ?? []
    guard children.count == others.count else {
      difference =
        "event \(expected) is followed by \(children.count) events (\(left.types(children))), "
        + "got \(others.count) (\(right.types(others)))"
      return false
    }
    for child in children {
      let before = expectation
      let index = others.indices.first { index in
        guard expectation.matches(left.contents[child] ?? .null, right.contents[others[index]] ?? .null)
        else {
          difference = "event \(child): \(expectation.mismatch ?? "")"
          return false
        }
        guard sameChildren(of: child, left, of: others[index], right) else {
          expectation = before
          return false
        }
        return true
      }
      guard let index else { return false }
      others.remove(at: index)
    }
    return true
  }

  private struct Tree {
    /// By number, the events that hang on it; 0 stands for the root.
    var children: [Int: [Int]] = [:]
    var contents: [Int: JSON] = [:]

    func types(_ events: [Int]) -> String {
      events.map { contents[$0]?["type"]?.string ?? "?" }.joined(separator: " ")
    }

    init(_ events: [JSON]) {
      var types: [Int: String] = [:]
      /// By number, the start of the container that an event lies in.
      var scopes: [Int: Int] = [:]
      for event in events {
        let id = event["id"]?.int ?? 0
        let previous = event["previousEventId"]?.int ?? 0
        let type = event["type"]?.string ?? ""
        let before = types[previous] ?? ""
        types[id] = type
        contents[id] = HistoryComparison.content(event)

        let isStart = type == "ParallelStateStarted" || type == "MapStateStarted"
        let followsStart = before == "ParallelStateStarted" || before == "MapStateStarted"
        let followsEntry = before == "ParallelStateEntered" || before == "MapStateEntered"
        let followsFailure = before == "ParallelStateFailed" || before == "MapStateFailed"
        let container: Int? = followsStart ? previous : scopes[previous]
        var parent = previous
        if type == "MapIterationStarted" {
          parent = container ?? previous
          scopes[id] = container
        } else if isStart && !followsEntry || Self.ends.contains(type) && !followsEntry && !followsFailure {
          // The end of a container or its next attempt: outside of what it ends.
          parent = container ?? previous
          scopes[id] = container.flatMap { scopes[$0] }
        } else {
          scopes[id] = container
        }
        children[parent, default: []].append(id)
      }
    }

    private static let ends: Set<String> = [
      "ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateExited", "MapStateSucceeded",
      "MapStateFailed", "MapStateExited",
    ]
  }
}
