// Strongly connected components, and the shortest and longest ways over them.

/// Tarjan's algorithm, without recursion: definitions may be chains of 100,000 states.
struct Components {
  /// Each with its members in order of their numbers; a component comes before those it leads to.
  private(set) var ordered: [[Int]] = []
  /// The component of each node.
  private(set) var component: [Int]

  init(_ targets: [[Int]]) {
    component = [Int](repeating: -1, count: targets.count)
    var number = [Int](repeating: -1, count: targets.count)
    var low = number
    var next = [Int](repeating: 0, count: targets.count)
    var open: [Int] = []
    var count = 0
    var found: [[Int]] = []
    for root in targets.indices where number[root] < 0 {
      var stack = [root]
      while let node = stack.last {
        if number[node] < 0 {
          number[node] = count
          low[node] = count
          count += 1
          open.append(node)
        }
        if next[node] < targets[node].count {
          let target = targets[node][next[node]]
          next[node] += 1
          if number[target] < 0 {
            stack.append(target)
          } else if component[target] < 0 {
            low[node] = min(low[node], number[target])
          }
          continue
        }
        stack.removeLast()
        if let parent = stack.last { low[parent] = min(low[parent], low[node]) }
        guard low[node] == number[node] else { continue }
        var members: [Int] = []
        while let member = open.popLast() {
          component[member] = found.count
          members.append(member)
          if member == node { break }
        }
        found.append(members.sorted())
      }
    }
    // They were found in the opposite order.
    let total = found.count
    ordered = found.reversed()
    for node in component.indices { component[node] = total - 1 - component[node] }
  }

  func isLoop(_ members: [Int], _ targets: [[Int]]) -> Bool {
    members.count > 1 || targets[members[0]].contains(members[0])
  }

  func isLoop(_ node: Int, _ targets: [[Int]]) -> Bool { isLoop(ordered[component[node]], targets) }
}

/// A way out of a state, or (without a target) the end there.
struct RouteExit {
  var target: Int?
  var forecast: Forecast
  var isFailure = false
}

/// The least and the most that a way from a state to an end takes.
struct PredictedRoutes {
  let exits: [[RouteExit]]
  let components: Components

  /// What an execution adds: its events of start and end.
  static let execution: Forecast = {
    var forecast = Forecast.zero
    forecast[.events] = .exactly(2)
    return forecast
  }()

  func forecast(from start: Int) -> Forecast {
    var result = Forecast(least: least(from: start), most: most(from: start))
    // A machine that never ends has no least: it goes on for ever.
    for metric in Forecast.Metric.allCases where result[metric].least.isInfinite {
      result[metric].most = .infinity
    }
    return result
  }

  // MARK: Least

  /// Dijkstra's algorithm, once for each metric: what is least of one may be more of another.
  private func least(from start: Int) -> SIMD8<Double> {
    var result = SIMD8<Double>.zero
    for metric in Forecast.Metric.allCases {
      result[metric.rawValue] = least(from: start, metric.rawValue)
    }
    return result
  }

  private struct Candidate: Comparable {
    var distance: Double
    /// Nil for an end.
    var state: Int?

    static func < (left: Candidate, right: Candidate) -> Bool {
      (left.distance, left.state ?? -1) < (right.distance, right.state ?? -1)
    }
  }

  private func least(from start: Int, _ metric: Int) -> Double {
    var isDone = [Bool](repeating: false, count: exits.count)
    var heap = Heap<Candidate>()
    heap.insert(Candidate(distance: 0, state: start))
    while let candidate = heap.removeFirst() {
      guard let state = candidate.state else { return candidate.distance }
      guard !isDone[state] else { continue }
      isDone[state] = true
      for exit in exits[state] {
        heap.insert(
          Candidate(distance: candidate.distance + exit.forecast.least[metric], state: exit.target))
      }
    }
    return .infinity
  }

  // MARK: Most

  private func most(from start: Int) -> SIMD8<Double> {
    let nothing = SIMD8<Double>(repeating: -.infinity)
    var best = [SIMD8<Double>](repeating: nothing, count: exits.count)
    for members in components.ordered.reversed() {
      var outward = nothing
      var inward = SIMD8<Double>.zero
      var hasInward = false
      for state in members {
        for exit in exits[state] {
          let rest = exit.target.map {
            components.component[$0] == components.component[state] ? nil : best[$0]
          }
          switch rest {
          case .some(.none):
            hasInward = true
            inward = Self.larger(inward, exit.forecast.most)
          case .some(.some(let rest)): outward = Self.larger(outward, exit.forecast.most + rest)
          case .none: outward = Self.larger(outward, exit.forecast.most)
          }
        }
      }
      if hasInward {
        // What grows in a circle grows without bound; what does not takes what the ways out take.
        outward = Self.larger(outward, .zero)
        outward.replace(with: .infinity, where: inward .> 0)
      }
      for state in members { best[state] = outward }
    }
    return Self.larger(best[start], .zero)
  }

  private static func larger(_ one: SIMD8<Double>, _ other: SIMD8<Double>) -> SIMD8<Double> {
    one.replacing(with: other, where: other .> one)
  }
}
