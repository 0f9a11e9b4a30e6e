/// A command's arguments, taken apart: operands by place, options by name.
package struct Arguments: Sendable {
  private(set) var operands: [String] = []
  private var values: [String: [String]] = [:]
  private(set) var wantsHelp = false

  /// Takes a command line (what stands behind the command) apart. Options and operands may
  /// come in any order; behind `--` there are only operands.
  static func parse(_ words: [String], for command: Command) throws(CommandError) -> Arguments {
    var result = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        result.operands += rest
        break
      }
      if word == "-h" || word == "--help" {
        result.wantsHelp = true
        return result
      }
      guard word.hasPrefix("-"), word != "-" else {
        result.operands.append(word)
        continue
      }
      try result.takeOption(word, &rest, command)
    }
    try result.checkOperands(command)
    return result
  }

  private mutating func takeOption(
    _ word: String, _ rest: inout ArraySlice<String>, _ command: Command
  ) throws(CommandError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = command.allOptions.first(where: { $0.name == name }) else {
      var message = "unknown option '\(name)'"
      if let near = Suggest.nearest(to: name, in: command.allOptions.map(\.name)) {
        message += "; did you mean '\(near)'?"
      }
      throw CommandError(message)
    }
    if values[name] != nil, !option.isRepeatable { throw CommandError("option '\(name)' is given twice") }
    let value: String
    if parts.count == 2 {
      guard option.value != nil else { throw CommandError("option '\(name)' takes no value") }
      value = String(parts[1])
    } else if let valueName = option.value, !option.isValueOptional {
      guard let next = rest.popFirst() else {
        throw CommandError("option '\(name)' needs a value: \(name) \(valueName)")
      }
      value = next
    } else {
      value = ""
    }
    values[name, default: []].append(value)
  }

  private func checkOperands(_ command: Command) throws(CommandError) {
    if operands.count > command.operands.count, command.operands.last?.isRepeatable != true {
      throw CommandError("unexpected argument '\(operands[command.operands.count])'")
    }
    for (index, operand) in command.operands.enumerated() where !operand.isOptional && index >= operands.count
    {
      throw CommandError("\(operand.name) is missing: \(operand.help)")
    }
  }

  // MARK: Reading

  func has(_ option: String) -> Bool { values[option] != nil }

  /// The value of an option that may stand once.
  func value(_ option: String) -> String? { values[option]?.last }

  /// The values of an option that may stand several times, in order.
  func values(_ option: String) -> [String] { values[option] ?? [] }

  /// A whole number from `range`.
  func number(_ option: String, in range: ClosedRange<Int>) throws(CommandError) -> Int? {
    guard let text = value(option) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw CommandError(
        "option '\(option)' takes a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'"
      )
    }
    return number
  }

  /// One of a few words.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ option: String, of type: Choice.Type
  ) throws(CommandError) -> Choice? {
    guard let text = value(option) else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    let names = Choice.allCases.map(\.rawValue)
    throw CommandError("option '\(option)' takes \(names.joined(separator: ", ")), not '\(text)'")
  }
}
