// Places across the flow: U. Brandes and B. Köpf, "Fast and Simple Horizontal Coordinate
// Assignment" (2001). Four times, vertices are chained to a median neighbour (above or below,
// from the left or from the right), each chain gets one coordinate, and the chains are pushed
// together; the mean of the two middle results is as balanced as it is straight.
//
// The chains are compacted over the graph of chains, in two passes: as far left as they can be,
// then as far right as their right neighbours let them. The paper's classes of chains place some
// of them wrongly, as its erratum of 2020 says.

extension LayeredLayout {
  mutating func placeAcross() {
    let conflicts = conflictingPairs()
    var results: [[Double]] = []
    for isUpward in [false, true] {
      for isMirrored in [false, true] {
        let roots = align(conflicts, isUpward: isUpward, isMirrored: isMirrored)
        results.append(compact(roots, isMirrored: isMirrored))
      }
    }
    balance(&results)
    var centres = [Double](repeating: 0, count: vertices.count)
    for vertex in vertices.indices {
      let sorted = [results[0][vertex], results[1][vertex], results[2][vertex], results[3][vertex]].sorted()
      centres[vertex] = (sorted[1] + sorted[2]) / 2
    }
    left = vertices.indices.map { centres[$0] - vertices[$0].width / 2 }
    let origin = left.min() ?? 0
    // All by the same rule, so that distances of whole units stay what they are.
    for vertex in left.indices { left[vertex] = (left[vertex] - origin).rounded(.down) }
  }

  /// A straight way is worth more than a straight connection that crosses it.
  private func conflictingPairs() -> Set<Int> {
    var conflicts = Set<Int>()
    for rank in ranks.indices.dropFirst() {
      let row = ranks[rank]
      let aboveCount = ranks[rank - 1].count
      var from = 0
      var scanned = 0
      for (index, vertex) in row.enumerated() {
        let inner = innerNeighbour(of: vertex)
        guard inner != nil || index == row.count - 1 else { continue }
        let to = inner.map { place[$0] } ?? aboveCount
        while scanned <= index {
          let other = row[scanned]
          for above in up[other] where place[above] < from || place[above] > to {
            if !(isWay(above) && isWay(other)) { conflicts.insert(pair(above, other)) }
          }
          scanned += 1
        }
        from = to
      }
    }
    return conflicts
  }

  private func isWay(_ vertex: Int) -> Bool {
    switch vertices[vertex].kind {
    case .way, .lane: true
    case .node, .label: false
    }
  }

  private func innerNeighbour(of vertex: Int) -> Int? {
    isWay(vertex) ? up[vertex].first(where: isWay) : nil
  }

  private func pair(_ above: Int, _ below: Int) -> Int { above * vertices.count + below }

  /// The first vertex of the chain that each vertex belongs to.
  private func align(_ conflicts: Set<Int>, isUpward: Bool, isMirrored: Bool) -> [Int] {
    var root = Array(vertices.indices)
    var next = root
    let neighbours = isUpward ? down : up
    var sorted: [Int] = []
    for rank in isUpward ? ranks.reversed() : ranks {
      var limit = isMirrored ? Int.max : -1
      for vertex in isMirrored ? rank.reversed() : rank {
        let around = neighbours[vertex]
        guard !around.isEmpty else { continue }
        // A trunk stays straight, whatever joins it.
        let inner = isWay(vertex) && around.count > 1 ? around.first(where: isWay) : nil
        sorted = inner.map { [$0] } ?? around
        sorted.sort { place[$0] < place[$1] }
        let low = sorted[(sorted.count - 1) / 2]
        let high = sorted[sorted.count / 2]
        for other in isMirrored ? [high, low] : [low, high] {
          guard next[vertex] == vertex, isMirrored ? place[other] < limit : place[other] > limit,
            !conflicts.contains(isUpward ? pair(vertex, other) : pair(other, vertex))
          else { continue }
          next[other] = vertex
          root[vertex] = root[other]
          next[vertex] = root[vertex]
          limit = place[other]
        }
      }
    }
    return root
  }

  private func separation(_ one: Int, _ other: Int) -> Double {
    let (first, second) = (vertices[one], vertices[other])
    let gap: Double
    switch (first.kind, second.kind) {
    case (.node, .node): gap = style.nodeGap
    case (.node, _), (_, .node): gap = style.wayGap + (style.isCells ? 1 : 4)
    case (.label, .label): gap = style.isCells ? 3 : style.wayGap
    default: gap = style.isCells ? 2 : style.wayGap
    }
    return (first.width + second.width) / 2 + gap
  }

  /// The centre of each vertex when all chains are pushed together.
  private func compact(_ root: [Int], isMirrored: Bool) -> [Double] {
    let count = vertices.count
    // Between the chains of neighbours in a rank.
    var outgoing = [[(to: Int, distance: Double)]](repeating: [], count: count)
    var waiting = [Int](repeating: 0, count: count)
    for rank in ranks {
      for index in rank.indices.dropFirst() {
        var (before, after) = (rank[index - 1], rank[index])
        let distance = separation(before, after)
        if isMirrored { swap(&before, &after) }
        outgoing[root[before]].append((root[after], distance))
        waiting[root[after]] += 1
      }
    }
    var order: [Int] = vertices.indices.filter { root[$0] == $0 && waiting[$0] == 0 }
    order.reserveCapacity(count)
    var x = [Double](repeating: 0, count: count)
    var index = 0
    while index < order.count {
      let chain = order[index]
      index += 1
      for (to, distance) in outgoing[chain] {
        x[to] = max(x[to], x[chain] + distance)
        waiting[to] -= 1
        if waiting[to] == 0 { order.append(to) }
      }
    }
    for chain in order.reversed() where !outgoing[chain].isEmpty {
      let room = outgoing[chain].reduce(Double.infinity) { min($0, x[$1.to] - $1.distance) }
      x[chain] = max(x[chain], room)
    }
    return root.map { isMirrored ? -x[$0] : x[$0] }
  }

  /// Moves all four results to where the narrowest of them is.
  private func balance(_ results: inout [[Double]]) {
    func bounds(_ result: [Double]) -> (low: Double, high: Double) {
      var low = Double.infinity
      var high = -Double.infinity
      for vertex in vertices.indices {
        low = min(low, result[vertex] - vertices[vertex].width / 2)
        high = max(high, result[vertex] + vertices[vertex].width / 2)
      }
      return (low, high)
    }
    let all = results.map(bounds)
    guard let narrowest = all.min(by: { $0.high - $0.low < $1.high - $1.low }) else { return }
    for index in results.indices {
      // The odd ones are those from the right.
      let shift =
        index % 2 == 0 ? narrowest.low - all[index].low : narrowest.high - all[index].high
      for vertex in vertices.indices { results[index][vertex] += shift }
    }
  }
}
