import Stepmill

/// Paths and what they select.
enum PathCases {
  /// A recorded answer of the library. Where its releases differ, the answer of either counts.
  static func runLibraryCase(_ row: JSON) -> CaseAnswer {
    guard let path = row["path"]?.string, let document = row["document"] else {
      return CaseAnswer(skipped: "the case has no \"path\" or no \"document\"")
    }
    let options = row["options"]?.array?.compactMap(\.string) ?? []
    guard let answer = PathAnswer.evaluate(path, on: document, options: options) else {
      return CaseAnswer(skipped: "an option of the library that is not known: \(options)")
    }
    let isAnyError =
      row["quirk"] != nil && row["quirk"]?.bool != false
      || row["versions"]?.string == "same-outcome-other-exception"
    let isOK = [row["expected"], row["expected_2_0_0"]].contains {
      $0.map { agrees(answer, $0, isAnyError: isAnyError) } ?? false
    }
    return CaseAnswer(got(answer), isOK: isOK)
  }

  private static func got(_ answer: PathAnswer) -> JSON {
    switch answer {
    case .result(let value): ["result": value]
    case .syntaxError(let text): ["exception": "InvalidPathException", "message": JSON(text)]
    case .notFound(let text): ["exception": "PathNotFoundException", "message": JSON(text)]
    case .failure(let text): ["exception": "JsonPathException", "message": JSON(text)]
    }
  }

  private static func agrees(_ answer: PathAnswer, _ expected: JSON, isAnyError: Bool) -> Bool {
    if case .result(let value) = answer { return expected["result"] == value }
    guard expected["result"] == nil else { return false }
    if isAnyError { return true }
    switch (expected["exception"]?.string, answer) {
    case ("PathNotFoundException", .notFound): return true
    case ("PathNotFoundException", _), ("InvalidPathException", .notFound): return false
    case ("InvalidPathException", .syntaxError): return expected["phase"]?.string == "compile"
    case ("InvalidPathException", .failure): return expected["phase"]?.string == "evaluate"
    default: return true
    }
  }

  /// A case of RFC 9535: a definite path's value counts as a list of one node.
  static func runStandardCase(_ row: JSON) -> CaseAnswer {
    guard let path = row["selector"]?.string else {
      return CaseAnswer(skipped: "the case has no \"selector\"")
    }
    // Cases about the path's text alone have no document.
    let document = row["document"] ?? .null
    let answer = PathAnswer.evaluate(path, on: document)
    let isInvalid = row["invalid"]?.bool == true
    let wanted = (row["results"]?.array.map { Array($0) } ?? []) + (row["result"].map { [$0] } ?? [])
    switch answer {
    case .result(let value):
      // The library gives the value of a path that names one node bare.
      let list: JSON = PathAnswer.isDefinite(path) == true ? [value] : value
      return CaseAnswer(["result": list], isOK: !isInvalid && wanted.contains(list))
    case .notFound:
      return CaseAnswer(["result": []], isOK: !isInvalid && wanted.contains([]))
    case .syntaxError(let text), .failure(let text):
      return CaseAnswer(["invalid": true, "message": JSON(text)], isOK: isInvalid)
    case nil:
      return CaseAnswer(skipped: "the path could not be tried")
    }
  }
}
