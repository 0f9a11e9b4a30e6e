/// What the library whose dialect this is would answer for a path: an entry for tools that
/// measure the evaluator from outside the module.
package enum PathAnswer: Sendable {
  case result(JSON)
  /// The text is no path.
  case syntaxError(String)
  /// Nothing is where the path points to.
  case notFound(String)
  /// The evaluation was given up.
  case failure(String)

  /// Evaluates `path` by the library's own rules: blanks are cut off, a missing `$.` is put in
  /// front, and neither `$$` nor `$name` exists.
  ///
  /// - Parameter options: The library's names of its options. Nil is returned for one that is
  ///   not known.
  package static func evaluate(_ path: String, on document: JSON, options names: [String] = []) -> PathAnswer?
  {
    var options = PathOptions.library
    for name in names {
      switch name {
      case "DEFAULT_PATH_LEAF_TO_NULL": options.insert(.leafToNull)
      case "ALWAYS_RETURN_LIST": options.insert(.alwaysList)
      case "AS_PATH_LIST": options.insert(.locations)
      case "REQUIRE_PROPERTIES": options.insert(.requireProperties)
      case "SUPPRESS_EXCEPTIONS": options.insert(.suppressErrors)
      default: return nil
      }
    }
    let parsed: JSONPath
    do {
      parsed = try JSONPath.parse(path, dialect: .library)
    } catch {
      return .syntaxError(error.description)
    }
    return JSONScratch.with { scratch in
      document.withValue { value in
        switch parsed.evaluate(value, in: scratch.arena, options: options) {
        case .found(let value): .result(JSON(copying: value))
        case .missing(let miss): .notFound(parsed.missText(miss))
        case .failure(let failure): .failure(parsed.failureText(failure))
        }
      }
    }
  }

  /// Whether a path names one node at most, so that its result is that node's bare value. Nil
  /// for what is no path.
  package static func isDefinite(_ path: String) -> Bool? {
    (try? JSONPath.parse(path, dialect: .library))?.isDefinite
  }
}
