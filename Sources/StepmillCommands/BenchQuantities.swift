// Times and latencies as a command line has them: `250ms`, `exp:20ms`, `uniform:5ms..50ms`.

import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum BenchTime {
  private static let units: [(suffix: String, nanoseconds: Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("m", 60e9), ("h", 3600e9),
  ]

  /// Nanoseconds; nil where the text is no time. A bare number counts seconds.
  static func parse(_ text: String) -> Double? {
    let unit =
      units.first { text.hasSuffix($0.suffix) && $0.suffix != "s" }
      ?? units.first { text.hasSuffix($0.suffix) }
    let digits = unit.map { text.dropLast($0.suffix.count) } ?? text[...]
    guard let number = Double(digits), number.isFinite, number >= 0, digits.first != "+" else { return nil }
    return number * (unit?.nanoseconds ?? 1e9)
  }

  /// A duration for people: three digits and a unit.
  static func text(_ nanoseconds: Double) -> String {
    for (unit, size) in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)] where nanoseconds >= size {
      let value = nanoseconds / size
      return BenchNumber.fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2) + " " + unit
    }
    return BenchNumber.fixed(nanoseconds, 0) + " ns"
  }

  /// Nanoseconds on a clock that only goes forward.
  static var now: UInt64 { Monitor.now }
}

enum BenchNumber {
  /// A number with that many decimals.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1.0) { size, _ in size * 10 }
    let rounded = (value * scale).rounded()
    guard rounded.magnitude < 1e15 else { return "\(value)" }
    var digits = String(Int(rounded.magnitude))
    if decimals > 0 {
      digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
      digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
    }
    return (rounded < 0 ? "-" : "") + digits
  }

  /// A count with its thousands apart.
  static func grouped(_ value: Double) -> String {
    guard value.magnitude < 1e15 else { return "\(value)" }
    if value < 10, value != value.rounded() { return fixed(value, 2) }
    let digits = String(Int(value.rounded()))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0, digits.prefix(index) != "-" { text += "," }
      text.append(digit)
    }
    return text
  }

  static func bytes(_ value: Double) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where value >= size {
      let number = value / size
      return fixed(number, number >= 100 ? 0 : 1) + " " + unit
    }
    return fixed(value, 0) + " B"
  }
}

/// How long a task takes that nobody really performs.
enum BenchDistribution: Equatable, Sendable {
  /// Nanoseconds, always.
  case constant(Double)
  /// Exponential with this mean.
  case exponential(mean: Double)
  /// Logarithms spread normally by `sigma` around the median's.
  case lognormal(median: Double, sigma: Double)
  case uniform(Double, Double)

  static let forms = "constant:TIME, exp:MEAN, lognormal:MEDIAN,SIGMA or uniform:FROM..TO"

  /// Nil where the text is no distribution.
  init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let name = parts.count == 2 ? parts[0] : "constant"
    let rest = parts[parts.count - 1]
    switch name {
    case "constant":
      guard let time = BenchTime.parse(rest) else { return nil }
      self = .constant(time)
    case "exp":
      guard let mean = BenchTime.parse(rest) else { return nil }
      self = .exponential(mean: mean)
    case "lognormal":
      let numbers = rest.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard numbers.count == 2, let median = BenchTime.parse(numbers[0]), let sigma = Double(numbers[1]),
        (0...10).contains(sigma)
      else { return nil }
      self = .lognormal(median: median, sigma: sigma)
    case "uniform":
      guard let mark = rest.range(ofDots: ".."), let low = BenchTime.parse(String(rest[..<mark.lowerBound])),
        let high = BenchTime.parse(String(rest[mark.upperBound...])), low <= high
      else { return nil }
      self = .uniform(low, high)
    default: return nil
    }
  }

  /// Nanoseconds, from two numbers between 0 and 1.
  func sample(_ first: Double, _ second: Double) -> Double {
    switch self {
    case .constant(let time): time
    case .exponential(let mean): -mean * log(max(1 - first, 1e-300))
    case .lognormal(let median, let sigma):
      median * exp(sigma * (-2 * log(max(1 - first, 1e-300))).squareRoot() * cos(2 * .pi * second))
    case .uniform(let low, let high): low + (high - low) * first
    }
  }
}

extension String {
  fileprivate func range(ofDots dots: String) -> Range<Index>? {
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(dots) { return index..<self.index(index, offsetBy: dots.count) }
      index = self.index(after: index)
    }
    return nil
  }
}
