// The checks of paths and intrinsic calls, in one place: each answers why a text is wrong,
// or nil if it is right.

enum QuerySyntax {
  /// A path: `$…` the data, `$$…` the context object, `$name…` a variable.
  static func problem(inPath text: String) -> String? {
    if !text.hasPrefix("$") { return "a path starts with '$'" }
    if text.hasSuffix(".") || text.hasSuffix(" ") { return "a path does not end like this" }
    return nil
  }

  /// A path of names and indexes only, which can lead to one place at most.
  static func problem(inReferencePath text: String) -> String? {
    if let problem = problem(inPath: text) { return problem }
    if text.contains("..") || text.contains(where: { "*?@,:()".contains($0) }) {
      return "a reference path leads to one place"
    }
    return nil
  }

  /// A call such as `States.Format('{}', $.name)`.
  static func problem(inIntrinsic text: String) -> String? {
    if !text.hasPrefix("States.") || !text.hasSuffix(")") { return "no intrinsic call" }
    return nil
  }

  /// What may stand under a key that ends in `.$`.
  static func problem(inPathOrIntrinsic text: String) -> String? {
    text.hasPrefix("$") ? problem(inPath: text) : problem(inIntrinsic: text)
  }

  /// True for text that was probably meant to be evaluated.
  static func looksDynamic(_ text: String) -> Bool {
    if text.hasPrefix("$.") || text.hasPrefix("$[") || text.hasPrefix("$$.") {
      return problem(inPath: text) == nil
    }
    return text.hasPrefix("States.") && problem(inIntrinsic: text) == nil
  }
}
