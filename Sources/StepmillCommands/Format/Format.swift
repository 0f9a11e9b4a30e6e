import Stepmill
import StepmillYAML

extension Command {
  static let fmt = Command(
    name: "fmt", summary: "Lay definitions out the usual way.",
    operands: [
      Operand(name: "FILE", help: "a definition, JSON or YAML; - for standard input", isRepeatable: true)
    ],
    options: [
      Option("--write", help: "Rewrite the files. Without it the result goes to the standard output."),
      Option("--check", help: "Change nothing; name the files that would change, and fail if there are any."),
      Option("--to", "json|yaml", help: "Write the other notation. Comments are lost on the way."),
      Option("--indent", "NUMBER", help: "Blanks for each level of JSON, from 1 to 8 (2)."),
    ],
    notes: [
      Section(
        title: "What it does",
        text: """
          Members stand in the canonical order: what a state is, what goes in, what it does, what
          comes out, what happens when it fails, where it goes next. States keep their order, and
          so does your own data (parameters, results, variables). Strings and numbers are not
          touched.
          JSON gets a line for each member. YAML keeps its comments, quotes and blank lines; only
          members are moved.
          A definition may be wrong and still be laid out, as long as it is JSON or YAML at all.
          """),
      Section(
        title: "Exit status",
        text: """
          0  laid out; with --check: nothing to do
          1  with --check: some files would change
          2  the command line is wrong, or a file cannot be read, laid out or written
          """),
      Section(
        title: "Examples",
        text: """
          stepmill fmt order.asl.json
          stepmill fmt --write workflows/*.yaml
          stepmill fmt --to yaml order.asl.json >order.asl.yaml
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    let formatting = try Formatting(arguments)
    var status = ExitStatus.success
    for path in arguments.operands {
      do throws(CommandError) {
        if try formatting.run(path, terminal) == .wouldChange, status == .success { status = .failure }
      } catch {
        // One file that cannot be read is no reason to leave the others.
        terminal.write("stepmill fmt: \(terminal.style(.error).red("error:")) \(error.message)\n", to: .error)
        status = .usage
      }
    }
    return status
  }
}

private struct Formatting {
  enum Notation: String, CaseIterable { case json, yaml }
  enum Result { case done, wouldChange }

  let writes: Bool
  let checks: Bool
  let notation: Notation?
  let indent: Int

  init(_ arguments: Arguments) throws(CommandError) {
    writes = arguments.has("--write")
    checks = arguments.has("--check")
    notation = try arguments.choice("--to", of: Notation.self)
    indent = try arguments.number("--indent", in: 1...8) ?? 2
    if writes && checks { throw CommandError("--write and --check exclude one another") }
    if writes && notation != nil {
      throw CommandError("--to writes to the standard output: a file keeps its notation")
    }
    if arguments.operands.count > 1 && !writes && !checks {
      throw CommandError("several files need --write or --check")
    }
    if writes && arguments.operands.contains("-") { throw CommandError("--write needs a file, not '-'") }
  }

  func run(_ path: String, _ terminal: Terminal) throws(CommandError) -> Result {
    let text = try DefinitionText.load(path, terminal)
    let result = try formatted(text, terminal)
    if checks {
      if result == text.source { return .done }
      terminal.write("\(text.name)\n")
      return .wouldChange
    }
    guard writes else {
      terminal.write(result, to: .output)
      return .done
    }
    if result == text.source { return .done }
    do throws(SystemError) {
      try OutputFile.replace(path, with: result)
    } catch {
      throw .data("\(path) cannot be written: \(error)")
    }
    return .done
  }

  private func formatted(_ text: DefinitionText, _ terminal: Terminal) throws(CommandError) -> [UInt8] {
    guard let json = try? JSON(parsing: text.json) else {
      let (_, diagnostics) = CompiledDefinition.compile(text.json)
      text.print(Array(diagnostics.prefix(1)), terminal)
      throw .data("\(text.name) cannot be laid out: it is not JSON")
    }
    switch (notation ?? (text.isYAML ? .yaml : .json), text.isYAML) {
    case (.json, _): return JSONFormatter.format(text.json, indent: indent)
    case (.yaml, false): return YAMLText.write(json)
    case (.yaml, true): break
    }
    guard let result = (try? YAMLDocument.formatted(text.source)) ?? nil else {
      terminal.write(
        "stepmill fmt: \(text.name) is left as it is: in another order it would say something else "
          + "(an alias before its anchor, say)\n", to: .error)
      return text.source
    }
    return result
  }
}
