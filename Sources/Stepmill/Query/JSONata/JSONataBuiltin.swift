// The built-in functions: names, signatures and how many parameters callers may count on.

enum JSONataBuiltin: UInt8, CaseIterable, Sendable {
  case string, length, substring, substringBefore, substringAfter, uppercase, lowercase, trim, pad
  case contains, split, join, match, replace, base64encode, base64decode
  case encodeUrlComponent, encodeUrl, decodeUrlComponent, decodeUrl
  case number, abs, floor, ceil, round, power, sqrt
  case formatNumber, formatBase, formatInteger, parseInteger
  case sum, max, min, average, count
  case boolean, not, exists
  case append, sort, reverse, shuffle, distinct, zip
  case keys, lookup, spread, merge, sift, each, error, assert, type, clone
  case map, filter, single, reduce
  case toMillis, fromMillis, now, millis, random
  // What Step Functions adds.
  case partition, range, hash, uuid, parse

  var name: String { String(describing: self) }

  var isStepFunctions: Bool { rawValue >= JSONataBuiltin.partition.rawValue }

  private var signature: String {
    switch self {
    case .string: "<x-b?:s>"
    case .length, .uppercase, .lowercase, .trim, .base64encode, .base64decode: "<s-:s>"
    case .encodeUrlComponent, .encodeUrl, .decodeUrlComponent, .decodeUrl: "<s-:s>"
    case .substring: "<s-nn?:s>"
    case .substringBefore, .substringAfter: "<s-s:s>"
    case .pad: "<s-ns?:s>"
    case .contains: "<s-(sf):b>"
    case .split: "<s-(sf)n?:a<s>>"
    case .join: "<a<s>s?:s>"
    case .match: "<s-f<s:o>n?:a<o>>"
    case .replace: "<s-(sf)(sf)n?:s>"
    case .number: "<(nsb)-:n>"
    case .abs, .floor, .ceil, .sqrt: "<n-:n>"
    case .round: "<n-n?:n>"
    case .power: "<n-n:n>"
    case .formatNumber: "<n-so?:s>"
    case .formatBase: "<n-n?:s>"
    case .formatInteger: "<n-s:s>"
    case .parseInteger: "<s-s:n>"
    case .sum, .max, .min, .average: "<a<n>:n>"
    case .count: "<a:n>"
    case .boolean, .not: "<x-:b>"
    case .exists: "<x:b>"
    case .append: "<xx:a>"
    case .sort: "<af?:a>"
    case .reverse, .shuffle: "<a:a>"
    case .distinct: "<x:x>"
    case .zip: "<a+>"
    case .keys: "<x-:a<s>>"
    case .lookup: "<x-s:x>"
    case .spread: "<x-:a<o>>"
    case .merge: "<a<o>:o>"
    case .sift: "<o-f?:o>"
    case .each: "<o-f:a>"
    case .error: "<s?:x>"
    case .assert: "<bs?:x>"
    case .type: "<x:s>"
    case .clone: "<(oa)-:o>"
    case .map, .filter: "<af>"
    case .single: "<af?>"
    case .reduce: "<afj?:j>"
    case .toMillis: "<s-s?:n>"
    case .fromMillis: "<n-s?s?:s>"
    case .now: "<s?s?:s>"
    case .millis, .uuid: "<:n>"
    case .random: "<n?:n>"
    case .partition: "<xn?:a>"
    case .range: "<nnn?:a>"
    case .hash: "<ss?:s>"
    case .parse: "<s?:x>"
    }
  }

  /// How many arguments a higher-order function passes to it.
  var arity: Int {
    switch self {
    case .zip, .random, .millis, .uuid: 0
    case .string, .length, .uppercase, .lowercase, .trim, .base64encode, .base64decode,
      .encodeUrlComponent, .encodeUrl, .decodeUrlComponent, .decodeUrl, .number, .abs, .floor, .ceil,
      .sqrt, .sum, .max, .min, .average, .count, .boolean, .not, .exists, .reverse, .shuffle, .distinct,
      .keys, .spread, .merge, .error, .type, .clone, .parse:
      1
    case .substringBefore, .substringAfter, .contains, .join, .round, .power, .formatBase, .formatInteger,
      .parseInteger, .append, .sort, .lookup, .sift, .each, .assert, .map, .filter, .single, .toMillis,
      .now, .partition, .hash:
      2
    case .substring, .pad, .split, .match, .formatNumber, .reduce, .fromMillis, .range: 3
    case .replace: 4
    }
  }

  /// What a call needs to know, laid out for fast access.
  struct Row: BitwiseCopyable {
    var parameters: UnsafePointer<JSONataSignature.Parameter>
    var count: Int
  }

  /// One row for each function, made once for the life of the process.
  nonisolated(unsafe) static let rows: UnsafePointer<Row> = {
    let rows = UnsafeMutablePointer<Row>.allocate(capacity: allCases.count)
    for builtin in allCases {
      var text = builtin.signature
      if builtin == .random { text = "<n?:n>" }
      // Every text above parses; a test goes through them all.
      let parameters = (try? JSONataSignature(text))?.parameters ?? []
      let copy = UnsafeMutablePointer<JSONataSignature.Parameter>.allocate(
        capacity: Swift.max(parameters.count, 1))
      for (index, parameter) in parameters.enumerated() { (copy + index).initialize(to: parameter) }
      (rows + Int(builtin.rawValue)).initialize(
        to: Row(parameters: UnsafePointer(copy), count: parameters.count))
    }
    return UnsafePointer(rows)
  }()

  private static let byName: [String: JSONataBuiltin] = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  static func named(_ name: String, stepFunctions: Bool) -> JSONataBuiltin? {
    guard let found = byName[name], stepFunctions || !found.isStepFunctions else { return nil }
    return found
  }
}
