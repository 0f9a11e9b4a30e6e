#if !STEPMILL_FUZZER
  @testable import Stepmill
#endif

/// The first line as an expression, the rest as its input: compiled with and without what makes
/// evaluations visible, both of which must come to the same.
enum JSONataFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let (line, rest) = splitAtLine(bytes)
    let input = (try? JSON(parsing: rest)) ?? ["a": [1, "2", ["b": .null]], "b": true, "c": "x,y"]
    let plain = answer(line, input, traces: false)
    let traced = answer(line, input, traces: true)
    // A limit may end one of them earlier, and what is drawn or shuffled differs.
    let isSteady = !["random", "uuid", "shuffle"].contains { contains(line, $0) }
    if isSteady, let plain, let traced {
      precondition(plain == traced, "watching an evaluation changes it")
    }
  }

  private static func contains(_ text: UnsafeRawBufferPointer, _ word: String) -> Bool {
    String(decoding: text, as: UTF8.self).contains(word)
  }

  /// The result as text, or nil where a limit was met.
  private static func answer(_ text: UnsafeRawBufferPointer, _ input: JSON, traces: Bool) -> String? {
    var options = JSONataOptions()
    options.split = ["states"]
    options.laterOperators = true
    options.traces = traces
    let program: JSONataProgram
    do throws(JSONataError) {
      program = try JSONataProgram.compile(text, options: options)
    } catch {
      precondition(!error.message.isEmpty, "an error says nothing")
      return error.code.name
    }
    let arguments = QueryArguments(input: input, variables: ["x": input, "n": 3], context: input)
    let trace = traces ? JSONataTrace(entriesMax: 1000) : nil
    return JSONScratch.with { scratch in
      let memory = scratch.query
      memory.pointee.environment.limits.stepsMax = 30_000
      memory.pointee.environment.limits.patternStepsMax = 30_000
      memory.pointee.environment.isOverdue = nil
      memory.pointee.fill(program, arguments, scratch.arena)
      switch memory.pointee.evaluate(program, input.value, scratch.arena, trace) {
      case .value(let value):
        let text = JSON(copying: value).text
        precondition((try? JSON(parsing: text)) != nil, "the result is not JSON")
        return text
      case .undefined: return "undefined"
      case .function: return "function"
      case .failed(let error):
        precondition(!error.message.isEmpty, "an error says nothing")
        return error.code.isGuardRail ? nil : error.code.name
      }
    }
  }
}
