import Stepmill

/// Values for a command's options from three places: the command line, the environment, a file.
/// The first that has one wins.
struct SettingSource {
  enum Place: Equatable, CustomStringConvertible {
    case option
    case environment(String)
    case file(String)
    case none

    var description: String {
      switch self {
      case .option: "option"
      case .environment(let name): name
      case .file(let path): path
      case .none: "default"
      }
    }
  }

  private let arguments: Arguments
  private let environment: [String: String]
  private var file: (path: String, members: [(key: String, value: [String])]) = ("", [])

  /// - Parameters:
  ///   - options: Those that may stand in the environment and the file.
  ///   - configuration: The option that names the file.
  init(
    _ arguments: Arguments, _ options: [Command.Option], configuration: String, _ terminal: Terminal
  ) throws(CommandError) {
    self.arguments = arguments
    environment = terminal.environment
    guard let path = values(configuration).values.last else { return }
    file = (path, try Self.read(path, options.filter { $0.name != configuration }, terminal))
  }

  /// The values of an option, and where they stand. A flag that is set has one empty value.
  func values(_ option: String) -> (values: [String], place: Place) {
    if arguments.has(option) { return (arguments.values(option), .option) }
    let variable = Self.variable(option)
    if let text = environment[variable], !text.isEmpty {
      return (text.split(separator: ",").map { String($0.drop { $0 == " " }) }, .environment(variable))
    }
    let key = String(option.dropFirst(2))
    if let member = file.members.first(where: { $0.key == key }) { return (member.value, .file(file.path)) }
    return ([], .none)
  }

  /// `STEPMILL_DRAIN` for `--drain`. What clients read is another thing: where this server is.
  static func variable(_ option: String) -> String {
    if option == "--endpoint" { return "STEPMILL_ENDPOINTS" }
    return
      "STEPMILL_" + option.dropFirst(2).uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
  }

  /// What this project reads or sets elsewhere: clients, commands of tasks, tests and benchmarks.
  private static let otherVariables: Set<String> = [
    "STEPMILL_ENDPOINT",
    "STEPMILL_STATE", "STEPMILL_RESOURCE", "STEPMILL_EXECUTION", "STEPMILL_RETRY_COUNT",
    "STEPMILL_SEED", "STEPMILL_CASE", "STEPMILL_CONFORMANCE", "STEPMILL_SIMULATIONS", "STEPMILL_KILLS",
    "STEPMILL_FUZZ_SUBJECT", "STEPMILL_MOTO_URL", "STEPMILL_JSONATA", "STEPMILL_WORKLOADS",
    "STEPMILL_WITHOUT_SIMDJSON",
  ]

  /// A sentence for each variable that looks like a setting and is none.
  static func unknownVariables(
    _ environment: [String: String], _ options: [Command.Option]
  ) -> [String] {
    let prefix = "STEPMILL_"
    let known = options.map { String(variable($0.name).dropFirst(prefix.count)) }
    return environment.keys.sorted().compactMap { name in
      guard name.hasPrefix(prefix), !otherVariables.contains(name) else { return nil }
      let rest = String(name.dropFirst(prefix.count))
      guard !known.contains(rest) else { return nil }
      // The part that all have in common would make them all look alike.
      let near = Suggest.nearest(to: rest, in: known)
      return "the variable \(SourceLines.readable(name)) is no setting and changes nothing"
        + (near.map { "; did you mean \(prefix)\($0)?" } ?? "")
    }
  }

  /// The value of an option that may stand once.
  func value(_ option: String) throws(CommandError) -> String? {
    let (values, place) = values(option)
    if values.count > 1, place != .option {
      throw CommandError("\(name(option)) takes one value, not \(values.count)", isAboutUsage: false)
    }
    return values.last
  }

  /// Whether a flag is set.
  func isSet(_ option: String) throws(CommandError) -> Bool {
    let (values, place) = values(option)
    if place == .option { return true }
    switch values.last?.lowercased() {
    case nil, "false", "0", "no", "off": return false
    case "", "true", "1", "yes", "on": return true
    case let text?:
      throw CommandError("\(name(option)) is true or false, not '\(text)'", isAboutUsage: false)
    }
  }

  func number(_ option: String, in range: ClosedRange<Int>) throws(CommandError) -> Int? {
    guard let text = try value(option) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw CommandError(
        "\(name(option)) takes a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'",
        isAboutUsage: false)
    }
    return number
  }

  /// Values of the form NAME=VALUE.
  func pairs(_ option: String) throws(CommandError) -> [(key: String, value: String)] {
    var pairs: [(key: String, value: String)] = []
    for text in values(option).values {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw CommandError("\(name(option)) takes NAME=VALUE, not '\(text)'", isAboutUsage: false)
      }
      pairs.append((parts[0], parts[1]))
    }
    return pairs
  }

  /// How messages name a setting: by where it stands.
  func name(_ option: String) -> String {
    switch values(option).place {
    case .option, .none: "option '\(option)'"
    case .environment(let variable): "the variable \(variable)"
    case .file(let path): "\(path): '\(option.dropFirst(2))'"
    }
  }

  // MARK: The file

  private static func read(
    _ path: String, _ options: [Command.Option], _ terminal: Terminal
  ) throws(CommandError) -> [(key: String, value: [String])] {
    let text = try DefinitionText.load(path, terminal)
    let json: JSON
    do throws(JSONSyntaxError) {
      json = try JSON(parsing: text.json)
    } catch {
      throw .data("\(path) is no JSON: \(error)")
    }
    guard let object = json.object else {
      throw .data("\(path) must hold an object with a member for each setting")
    }
    let names = options.map { String($0.name.dropFirst(2)) }
    var members: [(key: String, value: [String])] = []
    for (key, value) in object {
      guard names.contains(key) else {
        let near = Suggest.nearest(to: key, in: names)
        throw .data("\(path) has no setting '\(key)'" + (near.map { "; did you mean '\($0)'?" } ?? ""))
      }
      guard let values = texts(value) else {
        throw .data(
          "\(path): '\(key)' must be a text, a number, true or false, a list of texts or an object of them")
      }
      members.append((key, values))
    }
    return members
  }

  private static func texts(_ value: JSON) -> [String]? {
    if let elements = value.array {
      let texts = elements.compactMap(scalar)
      return texts.count == elements.count ? texts : nil
    }
    if let members = value.object {
      let texts = members.compactMap { member in scalar(member.value).map { "\(member.key)=\($0)" } }
      return texts.count == members.count ? texts : nil
    }
    return scalar(value).map { [$0] }
  }

  private static func scalar(_ value: JSON) -> String? {
    switch value.kind {
    case .string: value.string
    case .number, .bool: value.text
    default: nil
    }
  }
}
