/// What the language as such answers, without the service's additions and guard rails: an entry for
/// tools that measure the evaluator from outside the module.
package enum JSONataAnswer: Sendable {
  case value(JSON)
  case undefined
  /// The result is a function.
  case function
  case syntaxError(Failure)
  case failure(Failure)

  package struct Failure: Sendable {
    package let code: String
    package let token: String?
    package let position: Int?
    package let message: String

    init(_ error: JSONataError) {
      code = error.code.name
      token = error.token
      position = error.position
      message = error.message
    }
  }

  /// Evaluates an expression on a thread with the stack that generous limits ask for.
  ///
  /// - Parameters:
  ///   - expression: A string, which may hold lone surrogates.
  ///   - input: Nil for an undefined input.
  ///   - laterOperators: Whether operators count that came after version 2.0.6.
  package static func evaluate(
    _ expression: JSON, on input: JSON?, variables: [String: JSON] = [:], laterOperators: Bool = false
  ) -> JSONataAnswer {
    let work = Work()
    // The thread ends before anybody looks at the answer.
    guard
      let thread = try? Thread(
        name: "jsonata", stackBytes: 64 << 20,
        body: { work.answer = answer(expression, input, variables, laterOperators) })
    else { return .failure(Failure(JSONataError(.d1011))) }
    thread.join()
    return work.answer
  }

  private final class Work: @unchecked Sendable {
    var answer = JSONataAnswer.undefined
  }

  private static func answer(
    _ expression: JSON, _ input: JSON?, _ variables: [String: JSON], _ laterOperators: Bool
  ) -> JSONataAnswer {
    let options = JSONataOptions(stepFunctions: false, laterOperators: laterOperators, stackBytes: 32 << 20)
    let program: JSONataProgram
    do throws(JSONataError) {
      program = try expression.withValue { text throws(JSONataError) in
        try JSONataProgram.compile(text.bytes, options: options)
      }
    } catch {
      return .syntaxError(Failure(error))
    }
    let arguments = QueryArguments(input: input, variables: variables, context: nil)
    return JSONScratch.with { scratch in
      let memory = scratch.query
      let environment = memory.pointee.environment
      defer { memory.pointee.environment = environment }
      memory.pointee.environment.limits = .generous
      memory.pointee.environment.isOverdue = nil
      memory.pointee.fill(program, arguments, scratch.arena)
      switch memory.pointee.evaluate(program, input?.value ?? .missing, scratch.arena, nil) {
      case .value(let value): return .value(JSON(copying: value))
      case .undefined: return .undefined
      case .function: return .function
      case .failed(let error): return .failure(Failure(error))
      }
    }
  }
}
