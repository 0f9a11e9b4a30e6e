import Stepmill

/// Which workflow variables the states of a definition read, as DescribeStateMachine tells.
enum VariableReferences {
  /// States with the variables they read, in the order of the definition; flat over all nesting.
  static func of(_ definition: String) -> [(state: String, variables: [String])] {
    // Most definitions have no variables at all.
    guard definition.utf8.contains(UInt8(ascii: "$")), let machine = try? JSON(parsing: definition) else {
      return []
    }
    var found: [(state: String, variables: [String])] = []
    collect(machine, isJSONata: machine["QueryLanguage"]?.string == "JSONata", &found)
    return found
  }

  private static func collect(
    _ machine: JSON, isJSONata: Bool, _ found: inout [(state: String, variables: [String])]
  ) {
    for state in machine["States"]?.object.map({ Array($0) }) ?? [] {
      let language = state.value["QueryLanguage"]?.string.map { $0 == "JSONata" } ?? isJSONata
      var names: [String] = []
      if let fields = state.value.object {
        for field in fields where !["ItemProcessor", "Iterator", "Branches"].contains(field.key) {
          read(field.value, field.key, isJSONata: language, &names)
        }
      }
      if !names.isEmpty { found.append((state.key, names)) }
      for key in ["ItemProcessor", "Iterator"] {
        // The language of a Map is not that of the states inside.
        if let inner = state.value[key] { collect(inner, isJSONata: isJSONata, &found) }
      }
      for branch in state.value["Branches"]?.array.map({ Array($0) }) ?? [] {
        collect(branch, isJSONata: isJSONata, &found)
      }
    }
  }

  private static func read(_ value: JSON, _ key: String, isJSONata: Bool, _ names: inout [String]) {
    if let text = value.string {
      if isJSONata {
        if text.hasPrefix("{%"), text.hasSuffix("%}") { scan(text.dropFirst(2).dropLast(2), true, &names) }
      } else if key.hasSuffix(".$") || key.hasSuffix("Path") || key == "Variable" {
        scan(text[...], false, &names)
      }
    } else if let members = value.object {
      for member in members { read(member.value, member.key, isJSONata: isJSONata, &names) }
    } else if let elements = value.array {
      for element in elements { read(element, key, isJSONata: isJSONata, &names) }
    }
  }

  /// Finds `$name` outside of quotes. What an expression binds itself, and what it calls, is no
  /// workflow variable.
  private static func scan(_ text: Substring, _ isJSONata: Bool, _ names: inout [String]) {
    let characters = Array(text)
    var bound: Set<String> = ["states"]
    var read: [String] = []
    var index = 0
    while index < characters.count {
      let character = characters[index]
      index += 1
      if character == "'" || isJSONata && (character == "\"" || character == "`") {
        skipQuoted(characters, &index, character)
        continue
      }
      guard character == "$" else { continue }
      let start = index
      while index < characters.count, isNamePart(characters[index]) { index += 1 }
      guard index > start else {
        // `$$` is the context object, or the whole input of an expression.
        if index < characters.count, characters[index] == "$" { index += 1 }
        continue
      }
      let name = String(characters[start..<index])
      var next = index
      while next < characters.count, characters[next].isWhitespace { next += 1 }
      let isCalled = next < characters.count && characters[next] == "("
      let isBound =
        next + 1 < characters.count && characters[next] == ":" && characters[next + 1] == "="
        || isParameter(characters, before: start - 1)
      if isJSONata, isBound { bound.insert(name) } else if !(isJSONata && isCalled) { read.append(name) }
    }
    for name in read where !bound.contains(name) && !names.contains(name) { names.append(name) }
  }

  private static func skipQuoted(_ characters: [Character], _ index: inout Int, _ quote: Character) {
    while index < characters.count, characters[index] != quote {
      index += characters[index] == "\\" ? 2 : 1
    }
    index += 1
  }

  private static func isNamePart(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  /// Whether a name stands among the parameters of a `function(…)`.
  private static func isParameter(_ characters: [Character], before index: Int) -> Bool {
    var position = index - 1
    while position >= 0, characters[position] != "(" {
      guard isNamePart(characters[position]) || "$, ".contains(characters[position]) else { return false }
      position -= 1
    }
    let word = "function"
    var end = position
    while end > 0, characters[end - 1].isWhitespace { end -= 1 }
    guard position >= 0, end >= word.count else { return false }
    return String(characters[(end - word.count)..<end]) == word
  }
}
