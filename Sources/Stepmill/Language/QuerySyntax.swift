// The checks of paths and intrinsic calls, in one place: each answers why a text is wrong,
// or nil if it is right.

enum QuerySyntax {
  /// A path: `$…` the data, `$$…` the context object, `$name…` a variable.
  static func problem(inPath text: String) -> String? {
    do throws(PathSyntaxError) {
      _ = try JSONPath.parse(text)
      return nil
    } catch {
      return error.description
    }
  }

  /// A path of names and indexes only, which can lead to one place at most.
  static func problem(inReferencePath text: String) -> String? {
    do throws(PathSyntaxError) {
      return try JSONPath.parse(text).isReferencePath
        ? nil : "a reference path leads to one place: it has names and indexes only"
    } catch {
      return error.description
    }
  }

  /// A call such as `States.Format('{}', $.name)`.
  static func problem(inIntrinsic text: String) -> String? {
    do throws(IntrinsicSyntaxError) {
      return problem(inArgumentsOf: try IntrinsicCall.parse(text))
    } catch {
      return "\(error.message) (at byte \(error.offset))"
    }
  }

  /// Calls keep their paths as text.
  private static func problem(inArgumentsOf call: IntrinsicCall) -> String? {
    for argument in call.arguments {
      switch argument {
      case .path(let path):
        if let problem = problem(inPath: path) { return "\(path): \(problem)" }
      case .call(let inner):
        if let problem = problem(inArgumentsOf: inner) { return problem }
      case .string, .number, .bool, .null:
        break
      }
    }
    return nil
  }

  /// What may stand under a key that ends in `.$`.
  static func problem(inPathOrIntrinsic text: String) -> String? {
    if text.hasPrefix("$") { return problem(inPath: text) }
    if text.hasPrefix("States.") { return problem(inIntrinsic: text) }
    return "a path starts with '$', an intrinsic call with 'States.'"
  }

  /// True for text that was probably meant to be evaluated.
  static func looksDynamic(_ text: String) -> Bool {
    if text.hasPrefix("$.") || text.hasPrefix("$[") || text.hasPrefix("$$.") {
      return problem(inPath: text) == nil
    }
    return text.hasPrefix("States.") && problem(inIntrinsic: text) == nil
  }
}
