import Stepmill

extension Command {
  static let lint = Command(
    name: "lint", summary: "Say what AWS would accept and you may regret.",
    operands: [
      Operand(
        name: "FILE|DIR", help: "definitions, directories of them, or - for the standard input",
        isOptional: true, isRepeatable: true)
    ],
    options: CheckOptions.common + [
      Option("--disable", "RULE", isRepeatable: true, help: "Leave a rule out. May be repeated."),
      Option(
        "--enable", "RULE", isRepeatable: true, help: "Add a rule that is off by default. May be repeated."),
      Option("--only", "RULE", isRepeatable: true, help: "These rules alone. May be repeated."),
      Option("--rules", help: "List the rules."),
      Option("--explain", "RULE", help: "Say what a rule is about."),
    ],
    notes: [
      Section(
        title: "Exit status",
        text: """
          0  nothing to say
          1  a definition has errors, or a rule has something to say
          2  the command line is wrong, a file cannot be read, or there is none to check
          """)
    ]
  ) { (arguments, terminal) throws(CommandError) in
    if arguments.has("--rules") {
      terminal.write(LintText.list(terminal.style(.output)))
      return .success
    }
    if let name = arguments.value("--explain") {
      terminal.write(LintText.explanation(try rule(name), terminal.style(.output), terminal.width(.output)))
      return .success
    }
    guard !arguments.operands.isEmpty else {
      throw CommandError("FILE|DIR is missing: definitions, directories of them, or - for the standard input")
    }
    let rules = try chosenRules(arguments)
    let check = try CheckOptions(arguments)
    return try check.run("lint", rules: rules, failsOn: [.error, .warning], terminal) { text in
      Lint.check(text, type: check.type, rules: rules)
    }
  }

  private static func rule(_ name: String) throws(CommandError) -> LintRule {
    if let rule = LintRule.named(name) { return rule }
    var message = "there is no rule '\(name)'"
    if let near = Suggest.nearest(to: name, in: LintRule.all.map(\.name)) {
      message += "; did you mean '\(near)'?"
    }
    throw CommandError(message + (message.hasSuffix("?") ? "" : ";") + " 'stepmill lint --rules' lists them")
  }

  private static func chosenRules(_ arguments: Arguments) throws(CommandError) -> [LintRule] {
    func names(_ option: String) throws(CommandError) -> Set<String> {
      var names: Set<String> = []
      for value in arguments.values(option) {
        for name in value.split(separator: ",") { names.insert(try rule(String(name)).name) }
      }
      return names
    }
    let only = try names("--only")
    let enabled = try names("--enable")
    let disabled = try names("--disable")
    return LintRule.all.filter { rule in
      if disabled.contains(rule.name) { return false }
      if !only.isEmpty { return only.contains(rule.name) || enabled.contains(rule.name) }
      return rule.isOnByDefault || enabled.contains(rule.name)
    }
  }
}

/// The rules in words.
enum LintText {
  static func list(_ style: Style) -> String {
    let width = LintRule.all.map(\.name.count).max() ?? 0
    var text = ""
    for rule in LintRule.all {
      let padding = String(repeating: " ", count: width - rule.name.count)
      text += "\(style.cyan(rule.name))\(padding)  \(rule.summary)\(rule.isOnByDefault ? "" : " (off)")\n"
    }
    return text + "\n'stepmill lint --explain RULE' says more about each.\n"
  }

  static func explanation(_ rule: LintRule, _ style: Style, _ width: Int) -> String {
    var text = "\(style.bold(rule.name)): \(rule.summary)\n"
    for paragraph in rule.explanation.split(separator: "\n\n") {
      text += "\n"
      for line in Help.wrap(paragraph.split(separator: "\n").joined(separator: " "), min(width, 96)) {
        text += line + "\n"
      }
    }
    if !rule.isOnByDefault { text += "\nIt is off until --enable \(rule.name) asks for it.\n" }
    return text
  }
}
