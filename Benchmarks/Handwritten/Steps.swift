// W1, W2, W5 and W6: steps that move a small document along.

/// A step that hands its input on. A step of a workflow is asynchronous, since the next
/// version of it may call a service.
func pass(_ document: Counter) async -> Counter { document }

/// W1: a hundred steps in a row.
public struct PassChain: HandwrittenWorkflow {
  public init() {}

  public func run(_ input: [UInt8]) async throws -> [UInt8] {
    var document = try decode(input, as: Counter.self)
    for _ in 0..<100 { document = await pass(document) }
    return try encode(document)
  }
}

/// W2: counts to a hundred.
public struct ChoiceLoop: HandwrittenWorkflow {
  public init() {}

  public func run(_ input: [UInt8]) async throws -> [UInt8] {
    var document = try decode(input, as: Counter.self)
    while await !isDone(document) { document = await increment(document) }
    return try encode(document)
  }

  func isDone(_ document: Counter) async -> Bool { document.n == 100 }

  func increment(_ document: Counter) async -> Counter { Counter(n: document.n + 1) }
}

/// W5: eight branches of five steps each.
public struct ParallelBranches: HandwrittenWorkflow {
  public init() {}

  public func run(_ input: [UInt8]) async throws -> [UInt8] {
    let document = try decode(input, as: Counter.self)
    let outputs = await withTaskGroup(of: (Int, Counter).self) { group in
      for branch in 0..<8 {
        group.addTask { (branch, await self.branch(document)) }
      }
      var outputs = [Counter](repeating: document, count: 8)
      for await (branch, output) in group { outputs[branch] = output }
      return outputs
    }
    return try encode(outputs)
  }

  func branch(_ document: Counter) async -> Counter {
    var document = document
    for _ in 0..<5 { document = await pass(document) }
    return document
  }
}

/// W6: sleeps, then hands its input on.
public struct Waiting: HandwrittenWorkflow {
  let duration: Duration

  public init(duration: Duration) { self.duration = duration }

  public func run(_ input: [UInt8]) async throws -> [UInt8] {
    let document = try decode(input, as: Counter.self)
    try await Task.sleep(for: duration)
    return try encode(document)
  }
}
