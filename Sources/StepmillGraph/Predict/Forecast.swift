/// What something takes at least and at most: counts and times that are added up together.
package struct Forecast: Sendable, Equatable {
  package var least: SIMD8<Double>
  /// Infinite where there is no bound.
  package var most: SIMD8<Double>

  package enum Metric: Int, Sendable, CaseIterable {
    /// States entered; each retry counts once more.
    case transitions
    /// Of the execution's own history.
    case events
    /// Transitions in child executions of distributed Maps.
    case childTransitions
    /// Attempts of tasks.
    case attempts
    /// Seconds in Wait states and before retries.
    case waiting
    /// Seconds altogether, if tasks take anything from no time to their timeouts.
    case duration
    /// Seconds altogether, if each attempt of a task takes the time that was assumed.
    case assumedDuration

    /// What runs side by side takes the longest time, but all the counts.
    fileprivate var isTime: Bool { rawValue >= Metric.waiting.rawValue }
  }

  package static let zero = Forecast(least: .zero, most: .zero)

  private static let times: SIMDMask<SIMD8<Double.SIMDMaskScalar>> = {
    var mask = SIMDMask<SIMD8<Double.SIMDMaskScalar>>(repeating: false)
    for metric in Metric.allCases { mask[metric.rawValue] = metric.isTime }
    return mask
  }()

  package subscript(metric: Metric) -> Span {
    get { Span(least: least[metric.rawValue], most: most[metric.rawValue]) }
    set {
      least[metric.rawValue] = newValue.least
      most[metric.rawValue] = newValue.most
    }
  }

  package struct Span: Sendable, Equatable {
    package var least: Double
    package var most: Double

    package static func exactly(_ value: Double) -> Span { Span(least: value, most: value) }
  }

  // MARK: Combining

  /// One after the other.
  static func + (left: Forecast, right: Forecast) -> Forecast {
    Forecast(least: left.least + right.least, most: left.most + right.most)
  }

  /// One or the other.
  func or(_ other: Forecast) -> Forecast {
    Forecast(
      least: least.replacing(with: other.least, where: other.least .< least),
      most: most.replacing(with: other.most, where: other.most .> most))
  }

  /// Side by side.
  func beside(_ other: Forecast) -> Forecast {
    let longestLeast = least.replacing(with: other.least, where: other.least .> least)
    let longestMost = most.replacing(with: other.most, where: other.most .> most)
    return Forecast(
      least: (least + other.least).replacing(with: longestLeast, where: Self.times),
      most: (most + other.most).replacing(with: longestMost, where: Self.times))
  }

  /// So many times, at most `atOnce` of them side by side.
  func times(_ count: Span, atOnce: Double) -> Forecast {
    func product(_ value: SIMD8<Double>, _ count: Double) -> SIMD8<Double> {
      var result = SIMD8<Double>.zero
      for metric in Metric.allCases {
        let factor = metric.isTime ? (count / atOnce).rounded(.up) : count
        let own = value[metric.rawValue]
        // Nothing, however often, is nothing.
        result[metric.rawValue] = own == 0 || factor == 0 ? 0 : own * factor
      }
      return result
    }
    return Forecast(least: product(least, count.least), most: product(most, count.most))
  }

  /// At least nothing.
  var upTo: Forecast { Forecast(least: .zero, most: most) }
}
