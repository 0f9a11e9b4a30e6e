// JSONata expressions. Their programs were made when the definition was read; what is left is
// to say where each of their variables comes from.

extension Compiler {
  /// An expression with its delimiters; returns its index in `expressions`.
  mutating func expression(_ text: String, field: String) -> UInt32 {
    let inner = ExpressionText.inner(text)
    guard let program = program(inner) else {
      preconditionFailure("BUG in Stepmill (please report): the expression \(text) was not read")
    }
    let first = UInt32(builder.externals.count)
    // One may be a path with segments of its own, so they are listed when all are known.
    var externals: [ExternalOp] = []
    for name in program.externals { externals.append(external(name, field: field)) }
    builder.externals += externals
    var op = ExpressionOp(
      program: .passUnretained(program), keys: nil, keyCount: 0, firstExternal: first,
      externalCount: UInt32(externals.count), text: builder.constant(inner), field: builder.constant(field),
      shape: .general)
    if let keys = program.simplePath {
      op.shape = .fields
      op.keys = keys.baseAddress.map { UnsafePointer($0) }
      op.keyCount = UInt32(keys.count)
    }
    builder.expressions.append(op)
    return UInt32(builder.expressions.count - 1)
  }

  /// The program of an expression, which was made when the definition was read. Where a
  /// variable has the name of a function it is made anew, since the name means the variable.
  private mutating func program(_ inner: String) -> JSONataProgram? {
    let shadowing = shadowingNames
    guard !shadowing.isEmpty, let read = programs[inner], read.mentions(shadowing) else {
      return programs[inner]
    }
    var options = ExpressionText.options
    options.variables = shadowing
    guard let program = try? JSONataProgram.compile(inner, options: options) else { return nil }
    builder.programs.append(program)
    return program
  }

  private mutating func external(_ name: String, field: String) -> ExternalOp {
    switch name {
    case "states":
      builder.readsExecutionInput = true
      return ExternalOp(kind: .states, path: 0)
    case "states.input": return ExternalOp(kind: .input, path: 0)
    case "states.result": return ExternalOp(kind: .result, path: 0)
    case "states.errorOutput": return ExternalOp(kind: .errorOutput, path: 0)
    default: break
    }
    let context = "states.context"
    if name == context { return ExternalOp(kind: .path, path: path("$$", field: field)) }
    if name.hasPrefix(context + ".") { return ExternalOp(kind: .path, path: contextPath(name, field)) }
    if name.hasPrefix("states.") { return ExternalOp(kind: .missing, path: 0) }
    let (depth, slot) = resolve(name)
    if slot == .max { return ExternalOp(kind: .missing, path: 0) }
    return ExternalOp(
      kind: .path,
      path: add(
        PathOp(
          root: .variable, kind: .whole, depth: depth, slot: slot, first: 0, count: 0,
          text: builder.constant("$" + name), field: builder.constant(field))),
      builtin: JSONataBuiltin.named(name, stepFunctions: true))
  }

  /// `states.context.Execution.Name` as the path `$$['Execution']['Name']`. The last name may be
  /// any text, so the path is not put together as text.
  private mutating func contextPath(_ name: String, _ field: String) -> UInt32 {
    var names: [String] = []
    var rest = name.dropFirst("states.context.".count)
    // Only what is split further has a dot behind it; see `ExpressionText.options`.
    while let dot = rest.firstIndex(of: "."),
      ExpressionText.options.split.contains(
        "states.context." + (names + [String(rest[..<dot])]).joined(separator: "."))
    {
      names.append(String(rest[..<dot]))
      rest = rest[rest.index(after: dot)...]
    }
    names.append(String(rest))
    let first = UInt32(builder.segments.count)
    for name in names { builder.segments.append(builder.string(name)) }
    if names.mayReachExecutionInput { builder.readsExecutionInput = true }
    return add(
      PathOp(
        root: .context, kind: .fields, depth: 0, slot: 0, first: first, count: UInt32(names.count),
        text: builder.constant("$" + name), field: builder.constant(field)))
  }
}

extension [String] {
  /// True for a place in the context object from which `Execution.Input` can be reached.
  fileprivate var mayReachExecutionInput: Bool {
    self == ["Execution"] || self == ["Execution", "Input"]
  }
}

extension JSONataProgram {
  /// Whether one of these names stands somewhere in the text.
  fileprivate func mentions(_ names: [String]) -> Bool {
    let text = String(decoding: source, as: UTF8.self)
    return names.contains { text.contains("$" + $0) }
  }

  /// For an expression that is one external or names behind it: the names.
  var simplePath: UnsafeBufferPointer<Value>? {
    let tables = tables.pointee
    let root = tables.nodes[Int(entry)]
    switch root.operation {
    case .external:
      return externals.count == 1 ? UnsafeBufferPointer(start: nil, count: 0) : nil
    case .fieldPath:
      guard root.a >= 0, tables.nodes[Int(root.a)].operation == .external, externals.count == 1 else {
        return nil
      }
      return UnsafeBufferPointer(start: tables.constants + Int(root.b), count: Int(root.c))
    default: return nil
    }
  }
}
