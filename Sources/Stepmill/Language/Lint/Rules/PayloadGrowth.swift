extension LintRule {
  static let payloadGrowth = LintRule(
    "payload-growth-in-loop", "A loop puts a value into a larger copy of itself each round.",
    explanation: """
      Data between states may have 256 KiB, and so may a variable. A state in a loop that stores something made of what \
      it stored the round before (a list in a list by States.Array, a text in a longer text by States.Format, \
      the whole input inside of a field of itself, `$append` to a variable) grows without bound: the execution \
      works in tests and fails with States.DataLimitExceeded on a long day.

      Keep what grows outside (a table, a bucket, a queue), or use a Map, which collects results itself.
      """
  ) { context in
    for machine in context.machines {
      for (index, state) in machine.states.enumerated() where machine.loops[index] != nil {
        for growth in state.growths {
          context.warn(
            "Each round of the loop through '\(state.name)' makes \(growth.what) larger: it contains what it was before.",
            at: growth.node)
        }
      }
    }
  }
}

extension StateDefinition {
  fileprivate struct Growth {
    var what: String
    var node: SyntaxNode
  }

  fileprivate var growths: [Growth] {
    var growths: [Growth] = []
    switch queryLanguage {
    case .jsonPath:
      if case .pass(let pass) = kind, pass.result == nil, let parameters, let target = resultTarget {
        let what = target == "$" ? "the payload" : "'\(target)'"
        collect(parameters, holder: target) { growths.append(Growth(what: what, node: $0)) }
      }
      if let assign, assignBase != .result {
        for member in assign.members ?? .none {
          let isPath = member.name.hasSuffix(".$")
          let name = "$" + (isPath ? String(member.name.dropLast(2)) : member.name)
          let add: (SyntaxNode) -> Void = { growths.append(Growth(what: "the variable '\(name)'", node: $0)) }
          if isPath, let text = member.value.text {
            if Self.nests(text, holder: name) { add(member.value) }
          } else {
            collect(member.value, holder: name, add)
          }
        }
      }
    case .jsonata:
      for member in assign?.members ?? .none {
        guard let text = member.value.text, ExpressionText.isDelimited(text),
          ExpressionText.grows(text, "$" + member.name)
        else { continue }
        growths.append(Growth(what: "the variable '$\(member.name)'", node: member.value))
      }
    }
    return growths
  }

  /// Where a Pass puts its result, if it stays in the payload.
  private var resultTarget: String? {
    if case .path = outputPath { return nil }
    switch resultPath {
    case .absent: return "$"
    case .null: return nil
    case .path(let path): return path.value
    }
  }

  /// Every place in a template that holds what `holder` was before.
  private func collect(
    _ node: SyntaxNode, holder: String, _ body: (SyntaxNode) -> Void
  ) {
    switch node.kind {
    case .array(let elements):
      for element in elements { collect(element, holder: holder, body) }
    case .object(let members):
      for member in members {
        if member.name.hasSuffix(".$"), let text = member.value.text {
          // `{"count.$": "$.loop.count"}` at `$.loop` is the value of before in its own place.
          let own = holder + "." + member.name.dropLast(2)
          if Self.nests(text, holder: own) || Self.isWhole(text, holder) {
            body(member.value)
          }
        } else {
          collect(member.value, holder: holder + "." + member.name, body)
        }
      }
    case .null, .bool, .number, .string: break
    }
  }

  /// The whole of the holder, or more: put into one of its own members it nests.
  private static func isWhole(_ text: String, _ holder: String) -> Bool {
    text == holder || text == "$" || (text.hasPrefix("$.") && holder.hasPrefix(text + "."))
  }

  /// An intrinsic call that makes a larger value of what `holder` was.
  private static func nests(_ text: String, holder: String) -> Bool {
    guard text.hasPrefix("States."), let call = try? IntrinsicCall.parse(text) else { return false }
    return nests(call, holder)
  }

  private static func nests(_ call: IntrinsicCall, _ holder: String) -> Bool {
    guard keepsSize(call.function) else { return false }
    let grows = call.function == .array || (call.function == .format && call.arguments.count > 1)
    return call.arguments.contains { argument in
      switch argument {
      case .path(let path): grows && path == holder
      case .call(let inner): nests(inner, holder) || (grows && keeps(inner, holder))
      case .string, .number, .bool, .null: false
      }
    }
  }

  /// The call's value holds all of what `holder` was.
  private static func keeps(_ call: IntrinsicCall, _ holder: String) -> Bool {
    keepsSize(call.function)
      && call.arguments.contains { argument in
        switch argument {
        case .path(let path): path == holder
        case .call(let inner): keeps(inner, holder)
        case .string, .number, .bool, .null: false
        }
      }
  }

  /// Functions whose result is about as large as their argument.
  private static func keepsSize(_ function: Intrinsic) -> Bool {
    switch function {
    case .array, .format, .jsonToString, .stringToJSON, .base64Encode, .base64Decode, .jsonMerge,
      .arrayUnique,
      .arrayPartition:
      true
    default: false
    }
  }
}

extension ExpressionText {
  /// `$append($v, …)`, `[$v, …]`, `$v & …`: an expression that keeps all of the variable and adds to it.
  fileprivate static func grows(_ text: String, _ variable: String) -> Bool {
    let compact = inner(text).filter { !$0.isWhitespace }
    if compact.contains("$append(\(variable),") || compact.contains("[\(variable),") { return true }
    return compact.hasPrefix("\(variable)&") || compact.hasSuffix("&\(variable)")
      || compact.contains("(\(variable)&")
  }
}
