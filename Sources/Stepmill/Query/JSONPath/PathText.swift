// What the library says: paths in its canonical spelling, values as Java prints them, and
// the texts of misses and failures that AWS passes on. Cold code.

extension JSONPath {
  /// The library's text for a miss, such as `No results for path: $['X']`.
  func missText(_ miss: PathMiss) -> String {
    switch miss.reason {
    case .noResults:
      return "No results for path: \(PathText.canonical(steps[...]))"
    case .missingProperty:
      return "Missing property in path \(PathText.canonical(steps[...miss.step]))"
    case .notAnObject:
      let name = PathText.canonical(steps[miss.step]).dropFirst().dropLast()
      return "Property [\(name)] not found in path \(PathText.canonical(steps[..<miss.step]))"
    case .notAnArray:
      let filter = steps[miss.step...].map { PathText.canonical($0) }.joined()
      return "Filter: \(filter) can only be applied to arrays. Current context is: \(PathText.java(miss.value))"
    case .null:
      return "The path \(PathText.canonical(steps[..<miss.step])) is null"
    }
  }

  /// The library's text for a failure.
  func failureText(_ failure: PathFailure) -> String {
    switch failure.reason {
    case .nullDocument:
      return "root can not be null"
    case .filterOnPrimitive:
      let filter = steps[min(failure.step, steps.count)...].map { PathText.canonical($0) }.joined()
      return "Filter: \(filter) can not be applied to primitives. Current context is: "
        + PathText.java(failure.value)
    case .unknownFunction:
      var name = ""
      if failure.step < steps.count, case .function(let function, _) = steps[failure.step] { name = function }
      return "Function with name: \(name) does not exist."
    case .aggregateOfNothing:
      return "Aggregation function attempted to calculate value using empty array"
    case .indexOutOfRange:
      return "Target index larger than object count:\(failure.value.count)"
    case .badArguments:
      return "The function's arguments are not of the kind it takes."
    case .emptinessOfObject:
      return "An object is neither empty nor not empty."
    case .listOfFunction:
      return "Options AS_PATH_LIST and ALWAYS_RETURN_LIST are not allowed when using path functions!"
    case .tooManySteps:
      return "The path visits too many values."
    case .tooDeep:
      return "The document is nested too deeply for this path."
    }
  }

  /// The path as the library spells it: `$['a'][0]`.
  var canonicalText: String { PathText.canonical(steps[...]) }
}

enum PathText {
  static func canonical(_ steps: ArraySlice<JSONPath.Step>) -> String {
    "$" + steps.map { canonical($0) }.joined()
  }

  static func canonical(_ step: JSONPath.Step) -> String {
    switch step {
    case .property(let name): "['\(name)']"
    case .properties(let names): "[" + names.map { "'\($0)'" }.joined(separator: ",") + "]"
    case .index(let index): "[\(index)]"
    case .indices(let indices): "[" + indices.map(String.init).joined(separator: ",") + "]"
    case .slice(let from, let to): "[\(from.map(String.init) ?? ""):\(to.map(String.init) ?? "")]"
    case .wildcard: "[*]"
    case .filter: "[?]"
    case .descendants: ".."
    case .function(let name, _): ".\(name)()"
    }
  }

  /// A value as Java's collections print it: `{a=1, b=[x, null]}`.
  static func java(_ value: Value) -> String {
    switch value.tag {
    case .missing, .null: "null"
    case .true: "true"
    case .false: "false"
    case .integer, .double, .numeral: PathNumber.text(value)
    case .string: value.text
    case .array: "[" + value.elements.map { java($0) }.joined(separator: ", ") + "]"
    case .object:
      "{" + value.members.map { "\($0.key.text)=\(java($0.value))" }.joined(separator: ", ") + "}"
    }
  }
}
