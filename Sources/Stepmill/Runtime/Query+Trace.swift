/// A part of an expression and what it came to.
package struct QueryStep: Sendable {
  /// How many parts it is inside of.
  package let level: Int
  package let text: String
  /// The value as JSON text, `undefined`, or what else it was.
  package let value: String
}

/// What the parts of an expression came to in one evaluation.
package struct QueryTrace: Sendable {
  /// In the order in which their evaluation began.
  package let steps: [QueryStep]
  /// Further steps that were not recorded.
  package let omitted: Int
  package let result: Result<JSON?, QueryError>
}

/// The steps of an intrinsic call while they are recorded.
final class QuerySteps {
  var list: [QueryStep] = []

  func begin(_ text: String, level: Int) -> Int {
    list.append(QueryStep(level: level, text: text, value: "failed"))
    return list.count - 1
  }

  func end(_ index: Int, _ value: String) {
    list[index] = QueryStep(level: list[index].level, text: list[index].text, value: value)
  }
}

extension Query {
  /// Evaluates again and again, each time in memory that the next evaluation takes over, as
  /// states do; gives the last result. For measurements.
  package func evaluate(_ input: JSON, times: Int) throws(QueryError) -> JSON? {
    let arguments = QueryArguments(input: input, variables: [:], context: nil)
    return try JSONScratch.with { scratch throws(QueryError) in
      var result = EngineValue.missing
      for _ in 0..<times {
        scratch.arena.pointee.release()
        result = try value(arguments, scratch, trace: nil)
      }
      withExtendedLifetime(arguments) {}
      return result.isMissing ? nil : JSON(copying: result)
    }
  }

  /// A query whose evaluation can be watched. It gives the same results, more slowly.
  package init(tracing text: String, language: Language) throws(QueryError) {
    try self.init(text, language: language, traces: true)
  }

  /// Evaluates and tells what every part came to.
  package func trace(
    _ input: JSON? = nil, variables: [String: JSON] = [:], context: JSON? = nil
  ) -> QueryTrace {
    let arguments = QueryArguments(input: input, variables: variables, context: context)
    return JSONScratch.with { scratch in
      let trace = JSONataTrace()
      let steps = QuerySteps()
      let result: Result<JSON?, QueryError>
      do throws(QueryError) {
        let found: EngineValue
        if case .call(let call) = program {
          found = try call.evaluate(arguments, scratch, steps: steps)
        } else {
          found = try value(arguments, scratch, trace: trace)
        }
        result = .success(found.isMissing ? nil : JSON(copying: found))
      } catch {
        result = .failure(error)
      }
      withExtendedLifetime(arguments) {}
      if case .path(let path) = program, case .success(let value?) = result {
        let step = steps.begin(path.text, level: 0)
        steps.end(step, value.text)
      }
      if case .jsonata(let program) = program { steps.list = Query.steps(of: trace, program) }
      return QueryTrace(steps: steps.list, omitted: trace.omitted, result: result)
    }
  }

  /// The entries that have a text of their own. A node that stands for the same piece of text as
  /// the one around it tells nothing new.
  private static func steps(of trace: JSONataTrace, _ program: JSONataProgram) -> [QueryStep] {
    let units = program.source.withUnsafeBytes { JSONataText.units($0) }
    var steps: [QueryStep] = []
    // What is around the current entry: its range, and whether it is shown.
    var around: [(range: Range<Int32>, isShown: Bool)] = []
    for entry in trace.entries {
      around.removeLast(max(around.count - entry.level, 0))
      let range = program.ranges[entry.node]
      let isShown = !range.isEmpty && around.last?.range != range
      if isShown {
        let text = String(decoding: units[Int(range.lowerBound)..<Int(range.upperBound)], as: UTF16.self)
        steps.append(
          QueryStep(level: around.count { $0.isShown }, text: text, value: entry.value))
      }
      around.append((range, isShown))
    }
    return steps
  }
}
