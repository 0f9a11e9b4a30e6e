import Stepmill

// How an expected value is compared with what was given.
//
// Expectations were recorded and then freed from what changes between runs:
//
//   ${*}      stands for anything: a whole value, or a part of a text
//   ${name}   stands for any text, the same one wherever it occurs in the case
//
// Where the service gives a text that holds a JSON object, the expectation shows the object;
// so a text that meets an expected object is parsed. Two texts that differ are still the same
// when both are JSON and are equal as such. The order of members does not matter, and what
// the service's HTTP front end adds to results does not take part.

/// The texts that the names of a case stand for, and what they have to fit.
public struct Expectation: Sendable {
  private var bindings: [Substring: String] = [:]
  /// The last pair that did not fit, innermost, for messages.
  public private(set) var mismatch: String?

  /// Members that an answer may have although the expectation does not.
  private let later: Set<String>

  /// - Parameter later: Members that the service's answers have had only since some of the cases
  ///   were recorded: both kinds are among the cases, for the same calls.
  public init(later: Set<String> = []) {
    self.later = later
  }

  private static let frontEnd: Set<String> = ["SdkHttpMetadata", "SdkResponseMetadata"]

  /// Whether `actual` is what `expected` asks for. Names stay bound when it is.
  public mutating func matches(_ expected: JSON, _ actual: JSON) -> Bool {
    let before = bindings
    if compare(expected, actual, at: "") {
      return true
    }
    bindings = before
    return false
  }

  private mutating func fail(_ place: String, _ expected: JSON, _ actual: JSON) -> Bool {
    func short(_ json: JSON) -> String {
      let text = json.text
      return text.count > 600 ? text.prefix(600) + "…" : text
    }
    mismatch = "\(place.isEmpty ? "/" : place): expected \(short(expected)), got \(short(actual))"
    return false
  }

  private mutating func compare(_ expected: JSON, _ actual: JSON, at place: String) -> Bool {
    if let pattern = expected.string {
      if let text = actual.string {
        if fits(pattern[...], text[...]) { return true }
        // Equal as JSON, in whatever spelling.
        if let left = Self.parse(pattern), let right = Self.parse(text), left.string == nil {
          let before = bindings
          if compare(left, right, at: place) { return true }
          bindings = before
        }
        return fail(place, expected, actual)
      }
      if pattern == "${*}" || Self.isName(pattern) && fits(pattern[...], actual.text[...]) { return true }
      return fail(place, expected, actual)
    }
    if let text = actual.string {
      guard let parsed = Self.parse(text), parsed.string == nil else { return fail(place, expected, actual) }
      return compare(expected, parsed, at: place)
    }
    if let members = expected.object {
      guard let others = actual.object else { return fail(place, expected, actual) }
      for member in members where !Self.frontEnd.contains(member.key) {
        guard let other = actual[member.key] else {
          return fail(place + "/" + member.key, member.value, "(absent)")
        }
        if !compare(member.value, other, at: place + "/" + member.key) { return false }
      }
      for other in others
      where !Self.frontEnd.contains(other.key) && !later.contains(other.key) && expected[other.key] == nil {
        return fail(place + "/" + other.key, "(absent)", other.value)
      }
      return true
    }
    if let elements = expected.array {
      guard let others = actual.array, elements.count == others.count else {
        return fail(place, expected, actual)
      }
      for (index, element) in elements.enumerated() {
        if !compare(element, others[index], at: place + "/\(index)") { return false }
      }
      return true
    }
    return expected == actual || fail(place, expected, actual)
  }

  private static func parse(_ text: String) -> JSON? { try? JSON(parsing: text) }

  private static func isName(_ text: String) -> Bool {
    text.hasPrefix("${") && text.hasSuffix("}")
      && text.dropFirst(2).dropLast().allSatisfy { $0 != "}" && $0 != "$" }
  }

  // MARK: Texts

  /// Whether a text fits a pattern with placeholders. Tries every length for a placeholder,
  /// shortest first, which is quick because the texts between them are long.
  private mutating func fits(_ pattern: Substring, _ text: Substring) -> Bool {
    guard let start = Self.placeholder(in: pattern) else { return pattern == text }
    let literal = pattern[..<start.lowerBound]
    guard text.hasPrefix(literal) else { return false }
    let name = pattern[start].dropFirst(2).dropLast()
    let rest = pattern[start.upperBound...]
    let tail = text.dropFirst(literal.count)
    if name != "*", let bound = bindings[name] {
      return tail.hasPrefix(bound) && fits(rest, tail.dropFirst(bound.count))
    }
    if rest.isEmpty {
      if name != "*" { bindings[name] = String(tail) }
      return true
    }
    // What must follow at once tells where the placeholder can end.
    let anchor = Self.placeholder(in: rest).map { rest[..<$0.lowerBound] } ?? rest
    var end = tail.startIndex
    while true {
      if anchor.isEmpty || tail[end...].hasPrefix(anchor) {
        let before = bindings
        if name != "*" { bindings[name] = String(tail[..<end]) }
        if fits(rest, tail[end...]) { return true }
        bindings = before
      }
      guard end < tail.endIndex else { return false }
      end = tail.index(after: end)
    }
  }

  /// The first `${…}` of a text.
  private static func placeholder(in text: Substring) -> Range<Substring.Index>? {
    var index = text.startIndex
    while let dollar = text[index...].firstIndex(of: "$") {
      let next = text.index(after: dollar)
      if next < text.endIndex, text[next] == "{", let end = text[next...].firstIndex(of: "}") {
        return dollar..<text.index(after: end)
      }
      index = next
    }
    return nil
  }
}
