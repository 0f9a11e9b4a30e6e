import Stepmill

extension Command {
  static let explain = Command(
    name: "explain", summary: "Show what a definition is compiled to.",
    operands: [.definition],
    options: [],
    notes: [
      Section(
        title: "Reading it",
        text: """
          Each state is an op with a number; names, paths and targets have been resolved.
          Paths are written plainly and strings in quotes. (slot n) is the variable's place in
          the scope of its machine, (up k, slot n) in the k-th one around it. (general) marks
          paths that need more than names and indexes, which are slower.
          """),
      Section(
        title: "Exit status", text: "0  explained\n2  the command line or the definition is wrong"),
      Section(title: "Examples", text: "stepmill explain order.asl.json"),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    let file = try DefinitionFile.load(arguments.operands[0], terminal)
    terminal.write(file.definition.explanation)
    return .success
  }
}
