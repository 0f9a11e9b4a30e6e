/// A call of an intrinsic function as a query: its literals are values, its paths are parsed.
final class QueryCall: Sendable {
  private enum Argument: Sendable {
    case value(JSON)
    case path(JSONPath)
    case call(QueryCall)
  }

  let text: String
  private let function: Intrinsic
  private let arguments: [Argument]
  /// A literal template of `States.Format`, cut at its placeholders.
  private let pieces: [JSON]?

  init(_ call: IntrinsicCall, _ source: QuerySource) throws(QueryError) {
    text = call.text
    function = call.function
    var arguments: [Argument] = []
    var pieces: [JSON]?
    for (index, argument) in call.arguments.enumerated() {
      switch argument {
      case .string(let literal):
        if index == 0, function == .format {
          guard let template = literal.template else {
            throw QueryError(
              "the template of States.Format has a brace without its partner", isSyntaxError: true,
              place: source.place(of: call.text))
          }
          pieces = template.pieces.map { JSON($0) }
        }
        arguments.append(.value(JSON(literal.text)))
      case .number(let text): arguments.append(.value((try? JSON(parsing: text)) ?? .null))
      case .bool(let bool): arguments.append(.value(JSON(bool)))
      case .null: arguments.append(.value(.null))
      case .call(let call): arguments.append(.call(try QueryCall(call, source)))
      case .path(let text):
        do throws(PathSyntaxError) {
          arguments.append(.path(try JSONPath.parse(text)))
        } catch {
          throw QueryError(
            "\(text): \(error.message)", isSyntaxError: true,
            place: source.place(of: text, scalars: error.offset))
        }
      }
    }
    self.arguments = arguments
    self.pieces = pieces
  }

  /// - Parameter steps: Where to tell what the arguments and the call came to.
  func evaluate(
    _ given: borrowing QueryArguments, _ scratch: JSONScratch, level: Int = 0,
    steps: QuerySteps? = nil
  ) throws(QueryError) -> EngineValue {
    let step = steps?.begin(text, level: level)
    var values: [EngineValue] = []
    for argument in arguments {
      switch argument {
      case .value(let json): values.append(json.value)
      case .path(let path):
        let step = steps?.begin(path.text, level: level + 1)
        let value = try given.value(of: path, scratch.arena)
        if let step { steps?.end(step, JSON(copying: value).text) }
        values.append(value)
      case .call(let call):
        values.append(try call.evaluate(given, scratch, level: level + 1, steps: steps))
      }
    }
    let memory = scratch.query.pointee.intrinsics(scratch.arena)
    let result = values.withUnsafeBufferPointer { values in
      guard let pieces else { return function.evaluate(values, memory) }
      let texts = pieces.map(\.value)
      return texts.withUnsafeBufferPointer { texts in
        Intrinsic.format(
          pieces: texts, UnsafeBufferPointer(rebasing: values.dropFirst()), scratch.arena)
      }
    }
    if result.isMissing {
      throw QueryError("\(text): invalid arguments in \(function.qualifiedName)")
    }
    if let step { steps?.end(step, JSON(copying: result).text) }
    return result
  }
}
