/// The functions of the yardstick: those that the benchmarks call.
let treeFunctions: [String: TreeWalker.Function] = [
  "sum": { arguments, _ in
    switch arguments[0] {
    case .undefined: return .undefined
    case .number: return arguments[0]
    case .array(let values):
      var sum = 0.0
      for value in values {
        guard case .number(let number) = value else { throw TreeError.type("sum") }
        sum += number
      }
      return .number(sum)
    default: throw TreeError.type("sum")
    }
  },
  "join": { arguments, _ in
    guard case .array(let values) = arguments[0], case .string(let separator) = arguments[1] else {
      throw TreeError.type("join")
    }
    var parts: [String] = []
    for value in values {
      guard case .string(let text) = value else { throw TreeError.type("join") }
      parts.append(text)
    }
    return .string(parts.joined(separator: separator))
  },
  "split": { arguments, _ in
    guard case .string(let text) = arguments[0], case .string(let separator) = arguments[1] else {
      throw TreeError.type("split")
    }
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    return .array(parts.map { .string(String($0)) })
  },
  "first": { arguments, _ in
    guard case .array(let values) = arguments[0] else { return arguments[0] }
    return values.first ?? .undefined
  },
  "uppercase": { arguments, _ in
    guard case .string(let text) = arguments[0] else { throw TreeError.type("uppercase") }
    return .string(text.uppercased())
  },
  "match": { arguments, pattern in
    guard case .string(let text) = arguments[0], let pattern else { throw TreeError.type("match") }
    var results: [TreeValue] = []
    for match in text.matches(of: pattern.regex) {
      let groups = match.output.dropFirst().map { TreeValue.string($0.substring.map(String.init) ?? "") }
      results.append(
        .object([
          "match": .string(String(text[match.range])),
          "index": .number(Double(text.utf16.distance(from: text.startIndex, to: match.range.lowerBound))),
          "groups": .array(groups),
        ]))
    }
    return results.count == 1 ? results[0] : results.isEmpty ? .undefined : .array(results)
  },
]
