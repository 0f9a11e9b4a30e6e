// The order in each rank: as few crossings as sweeps can find.

extension LayeredLayout {
  private static let sweepsMax = 24
  private static let sweepsOfLargeMax = 6
  /// Sweeps without gain before it gives up.
  private static let patience = 5
  /// Exchanges of neighbours look at every pair, which is for graphs that people can read.
  private static let exchangeVerticesMax = 2500

  mutating func orderRanks() {
    firstOrder()
    guard ranks.contains(where: { $0.count > 1 }) else { return }
    var best = ranks
    var fewest = crossings()
    var idle = 0
    let sweeps = vertices.count > 20_000 ? Self.sweepsOfLargeMax : Self.sweepsMax
    for sweep in 0..<sweeps where fewest > 0 {
      if sweep % 2 == 0 {
        for rank in ranks.indices.dropFirst() { sort(rank, by: up) }
      } else {
        for rank in ranks.indices.dropLast().reversed() { sort(rank, by: down) }
      }
      if vertices.count <= Self.exchangeVerticesMax { exchangeNeighbours() }
      let count = crossings()
      if count < fewest {
        fewest = count
        best = ranks
        idle = 0
      } else {
        idle += 1
        if idle >= Self.patience { break }
      }
    }
    ranks = best
    updatePlaces()
  }

  /// The order in which a walk meets the vertices, which follows the order of the definition.
  private mutating func firstOrder() {
    let count = (vertices.map(\.rank).max() ?? 0) + 1
    ranks = [[Int]](repeating: [], count: count)
    place = [Int](repeating: 0, count: vertices.count)
    var lanesOf: [Int: [Int]] = [:]
    for lane in lanes where !lane.vertices.isEmpty { lanesOf[lane.target, default: []] += lane.vertices }
    // What leads to a lane comes last, since lanes stand to the right.
    for vertex in down.indices where down[vertex].count > 1 {
      guard down[vertex].contains(where: { vertices[$0].leansRight }) else { continue }
      down[vertex] =
        down[vertex].filter { !vertices[$0].leansRight } + down[vertex].filter { vertices[$0].leansRight }
    }
    var seen = [Bool](repeating: false, count: vertices.count)
    var next = [Int](repeating: 0, count: vertices.count)
    var stack: [Int] = []
    func visit(_ vertex: Int, _ ranks: inout [[Int]]) {
      seen[vertex] = true
      ranks[vertices[vertex].rank].append(vertex)
    }
    for root in vertices.indices where !seen[root] && vertices[root].kind != .lane {
      visit(root, &ranks)
      stack.append(root)
      while let vertex = stack.last {
        if next[vertex] < down[vertex].count {
          let below = down[vertex][next[vertex]]
          next[vertex] += 1
          if !seen[below] {
            visit(below, &ranks)
            stack.append(below)
          }
        } else {
          for lane in lanesOf[vertex] ?? [] where !seen[lane] { visit(lane, &ranks) }
          stack.removeLast()
        }
      }
    }
    updatePlaces()
  }

  private mutating func updatePlaces() {
    for rank in ranks { for (index, vertex) in rank.enumerated() { place[vertex] = index } }
  }

  /// Sorts a rank by the mean place of its vertices' neighbours. A vertex without any keeps its place.
  private mutating func sort(_ rank: Int, by neighbours: [[Int]]) {
    let old = ranks[rank]
    var keyed: [(key: Double, old: Int, vertex: Int)] = []
    var keys: [Int: Double] = [:]
    for (index, vertex) in old.enumerated() {
      let around = neighbours[vertex]
      guard !around.isEmpty else { continue }
      var sum = 0
      for neighbour in around { sum += place[neighbour] }
      let key = Double(sum) / Double(around.count) + (vertices[vertex].leansRight ? 0.01 : 0)
      keyed.append((key, index, vertex))
      if vertices[vertex].kind != .lane { keys[vertex] = key }
    }
    var isKeyed = Set<Int>()
    for (index, vertex) in old.enumerated() where neighbours[vertex].isEmpty {
      let companion = vertices[vertex].companion
      guard companion >= 0, let key = keys[companion] else { continue }
      keyed.append((key + 0.25, index, vertex))
      isKeyed.insert(vertex)
    }
    let fixed = old.map { neighbours[$0].isEmpty && !isKeyed.contains($0) ? $0 : nil }
    keyed.sort { ($0.key, $0.old) < ($1.key, $1.old) }
    var rest = keyed.makeIterator()
    ranks[rank] = fixed.map { $0 ?? rest.next()?.vertex ?? 0 }
    for (index, vertex) in ranks[rank].enumerated() { place[vertex] = index }
  }

  // MARK: Crossings

  private func crossings() -> Int {
    ranks.indices.dropFirst().reduce(0) { $0 + crossings(above: $1) }
  }

  /// Crossings between a rank and the one above it: pairs in wrong order, counted with a Fenwick tree.
  private func crossings(above rank: Int) -> Int {
    let width = ranks[rank - 1].count
    guard width > 1, ranks[rank].count > 1 else { return 0 }
    var tree = [Int](repeating: 0, count: width + 1)
    var seen = 0
    var count = 0
    for vertex in ranks[rank] {
      for above in up[vertex] {
        var index = place[above] + 1
        var atMost = 0
        while index > 0 {
          atMost += tree[index]
          index &= index - 1
        }
        count += seen - atMost
      }
      for above in up[vertex] {
        var index = place[above] + 1
        while index <= width {
          tree[index] += 1
          index += index & -index
        }
        seen += 1
      }
    }
    return count
  }

  private mutating func exchangeNeighbours() {
    var isBetter = true
    var rounds = 0
    while isBetter, rounds < 4 {
      isBetter = false
      rounds += 1
      for rank in ranks.indices where ranks[rank].count > 1 {
        for index in 0..<ranks[rank].count - 1 {
          let (first, second) = (ranks[rank][index], ranks[rank][index + 1])
          let now = crossings(first, second, up) + crossings(first, second, down)
          guard now > 0 else { continue }
          let then = crossings(second, first, up) + crossings(second, first, down)
          guard then < now else { continue }
          ranks[rank].swapAt(index, index + 1)
          place[first] = index + 1
          place[second] = index
          isBetter = true
        }
      }
    }
  }

  /// Crossings of the edges of two vertices if the first stands left of the second.
  private func crossings(_ first: Int, _ second: Int, _ neighbours: [[Int]]) -> Int {
    // Wide fans would make this quadratic.
    guard neighbours[first].count * neighbours[second].count <= 400 else { return 0 }
    var count = 0
    for one in neighbours[first] {
      for other in neighbours[second] where place[other] < place[one] { count += 1 }
    }
    return count
  }
}
