// Faults and their texts. All of this is the cold side of a step: it builds Swift strings
// and copies them into the fiber's arena, where Retry, Catch and the history find them.

extension Shard {
  /// `An error occurred while executing the state 'X' (entered at the event id #2). `
  func prefix(_ fiber: UnsafeMutablePointer<Fiber>) -> String {
    let tables = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef { $0.tables }
    let op = tables.pointee.ops + Int(fiber.pointee.pc)
    let name = tables.pointee.names[Int(op.pointee.name)].text
    return "An error occurred while executing the state '\(name)' "
      + "(entered at the event id #\(fiber.pointee.enteredEvent)). "
  }

  /// A `States.Runtime` fault; the text follows the usual prefix unless told otherwise.
  func runtimeFault(
    _ fiber: UnsafeMutablePointer<Fiber>, _ text: String, prefixed: Bool = true
  ) -> Fault {
    fault(fiber, ErrorName.runtime, prefixed ? prefix(fiber) + text : text, .runtime)
  }

  func fault(
    _ fiber: UnsafeMutablePointer<Fiber>, _ error: Value, _ cause: String, _ kind: Fault.Kind
  ) -> Fault {
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    return Fault(error: error, cause: arena.pointee.string(cause), kind: kind)
  }

  /// The state or task gave more than a payload may hold.
  func dataLimitFault(_ fiber: UnsafeMutablePointer<Fiber>, who: Value, isTask: Bool) -> Fault {
    fault(
      fiber, ErrorName.dataLimitExceeded,
      "The state/task '\(who.text)' returned a result with a size exceeding the maximum number of bytes "
        + "service limit.", isTask ? .task : .dataLimit)
  }

  // MARK: Texts

  /// A value as compact JSON, in a Swift string.
  func json(_ value: Value) -> String {
    if value.isMissing { return "" }
    state.pointee.output.pointee.removeAll()
    state.pointee.writer.pointee.write(value, to: &state.pointee.output.pointee)
    return String(decoding: state.pointee.output.pointee.bytes, as: UTF8.self)
  }

  /// A value in an error's text. What is too large for a payload is too large for a text: a
  /// template's result may be, since it is only refused when the state is left.
  func shown(_ value: Value, _ fiber: UnsafeMutablePointer<Fiber>) -> String {
    let limit = fiber.pointee.execution.pointee.workflow._withUnsafeGuaranteedRef {
      max($0.limits.payloadBytesMax, 65_536)
    }
    guard value.isMissing || value.serializedSize(upTo: limit) <= limit else {
      return "(more than \(limit) bytes)"
    }
    return json(value)
  }

  /// What `$` of a path stands for, as JSON.
  private func rootText(
    _ path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>
  ) -> String {
    path.pointee.root == .context ? shown(contextObject(fiber), fiber) : shown(data, fiber)
  }

  func missingTemplateText(
    _ path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> String {
    let text = tables.pointee.constants[Int(path.pointee.text)].text
    let field = tables.pointee.constants[Int(path.pointee.field)].text
    return "The JSONPath '\(text)' specified for the field '\(field)' could not be found in the input "
      + "'\(rootText(path, data, fiber))'"
  }

  func missingArgumentText(
    _ call: UnsafePointer<CallOp>, _ path: UnsafePointer<PathOp>, _ data: Value,
    _ fiber: UnsafeMutablePointer<Fiber>, _ tables: UnsafePointer<ProgramTables>
  ) -> String {
    let function = tables.pointee.constants[Int(call.pointee.text)].text
    var text = tables.pointee.constants[Int(path.pointee.text)].text
    // The service says nothing around the library's words where an index meets what is no array.
    let root = root(of: path, data, fiber)
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    if !root.isMissing, let parsed = try? JSONPath.parse(text),
      case .missing(let miss) = parsed.evaluate(root, in: arena), miss.reason == .notAnArray
    {
      return parsed.missText(miss)
    }
    if path.pointee.root == .context { text.removeFirst() }
    return "The function '\(function)' had the following error: The JsonPath argument for the field "
      + "'\(text)' could not be found in the input '\(shown(data, fiber))'"
  }

  func invalidArgumentsText(_ call: UnsafePointer<CallOp>, _ tables: UnsafePointer<ProgramTables>) -> String {
    let text = tables.pointee.constants[Int(call.pointee.text)].text
    return "There was an error while evaluating the intrinsic function: \(text). "
      + "Invalid arguments in \(call.pointee.function.qualifiedName)"
  }

  /// `Invalid path '$.x' : No results for path: $['x']`
  func invalidPathText(
    _ path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>,
    _ tables: UnsafePointer<ProgramTables>
  ) -> String {
    let text = tables.pointee.constants[Int(path.pointee.text)].text
    return "Invalid path '\(text)' : \(missText(text, root(of: path, data, fiber), fiber))"
  }

  /// What a path starts at.
  private func root(
    of path: UnsafePointer<PathOp>, _ data: Value, _ fiber: UnsafeMutablePointer<Fiber>
  ) -> Value {
    switch path.pointee.root {
    case .data: data
    case .context: contextObject(fiber)
    case .variable: variable(path, fiber)
    }
  }

  /// The library's words for why a path selects nothing.
  private func missText(_ text: String, _ root: Value, _ fiber: UnsafeMutablePointer<Fiber>) -> String {
    guard !root.isMissing, let path = try? JSONPath.parse(text) else { return "No results for path: \(text)" }
    let arena = Frame.arena(of: fiber.pointee.frame.unsafelyUnwrapped)
    switch path.evaluate(root, in: arena) {
    case .missing(let miss): return path.missText(miss)
    case .failure(let failure): return path.failureText(failure)
    case .found: return "No results for path: \(text)"
    }
  }
}
