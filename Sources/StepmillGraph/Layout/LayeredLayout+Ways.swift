extension LayeredLayout {
  /// A trunk or lane before it has places.
  private struct Key: Hashable {
    var target: Int
    var isDashed: Bool
    var isLane: Bool
    /// For a way that shares its trunk with nobody.
    var source = -1
  }

  /// Up to so many long ways to one target each have their own, since a common one may have to cross others.
  private static let ownWaysMax = 4

  /// Makes the vertices.
  mutating func layWays() {
    for (index, node) in nodes.enumerated() {
      let width = node.width + 2 * sideRoom[index]
      vertices.append(Vertex(rank: nodeRank[index], width: width, height: node.height, kind: .node))
    }
    up = [[Int]](repeating: [], count: nodes.count)
    down = up
    var keys: [Key: Int] = [:]
    var longWays = [Int](repeating: 0, count: nodes.count)
    for (index, edge) in edges.enumerated() where isLong(index) { longWays[edge.target] += 1 }
    routes.reserveCapacity(edges.count)
    for (index, edge) in edges.enumerated() {
      let isOwn = isLong(index) && longWays[edge.target] <= Self.ownWaysMax
      routes.append(route(of: index, isOwn: isOwn, &keys))
    }
    spendBudget()
    for index in trunks.indices { layTrunk(index) }
    for index in lanes.indices { layLane(index) }
    connectEdges()
  }

  /// It passes at least one rank of nodes, and is drawn as others are.
  private func isLong(_ index: Int) -> Bool {
    let edge = edges[index]
    return !edge.isDashed && nodeRank[edge.target] - nodeRank[edge.source] > 2
  }

  private mutating func route(of index: Int, isOwn: Bool, _ keys: inout [Key: Int]) -> Route {
    let edge = edges[index]
    let rank = nodeRank[edge.source]
    let targetRank = nodeRank[edge.target]
    if edge.source == edge.target { return Route(label: nil, way: .loop) }
    var label: Int?
    if let size = edge.label {
      label = addVertex(Vertex(rank: rank + 1, width: size.width, height: size.height, kind: .label))
    }
    if isBack[index] {
      if let label { vertices[label].leansRight = true }
      let below = label == nil ? rank : rank + 1
      let key = Key(target: edge.target, isDashed: edge.isDashed, isLane: true)
      let lane = keys[key] ?? lanes.count
      if lane == lanes.count {
        keys[key] = lane
        lanes.append(Lane(target: edge.target, ranks: targetRank..<below + 1))
      }
      lanes[lane].ranks = targetRank..<max(lanes[lane].ranks.upperBound, below + 1)
      return Route(label: label, way: .lane(lane, below: below))
    }
    let first = label == nil ? rank + 1 : rank + 2
    if first == targetRank { return Route(label: label, way: .direct) }
    let key = Key(
      target: edge.target, isDashed: edge.isDashed, isLane: false, source: isOwn ? edge.source : -1)
    let trunk = keys[key] ?? trunks.count
    if trunk == trunks.count {
      keys[key] = trunk
      trunks.append(Trunk(target: edge.target, firstRank: first))
    }
    trunks[trunk].firstRank = min(trunks[trunk].firstRank, first)
    // A rank until `connectEdges` makes it an index.
    return Route(label: label, way: .trunk(trunk, from: first))
  }

  private mutating func addVertex(_ vertex: Vertex) -> Int {
    vertices.append(vertex)
    up.append([])
    down.append([])
    return vertices.count - 1
  }

  /// Gives places to the shortest trunks and lanes first. What is left runs beside the picture.
  private mutating func spendBudget() {
    struct Claim {
      var places: Int
      var isLane: Bool
      var index: Int
    }
    var claims = trunks.indices.map { index in
      let trunk = trunks[index]
      return Claim(places: nodeRank[trunk.target] - trunk.firstRank, isLane: false, index: index)
    }
    claims += lanes.indices.map { Claim(places: lanes[$0].ranks.count, isLane: true, index: $0) }
    var budget = 16 * (nodes.count + edges.count) + 1000
    guard claims.reduce(0, { $0 + $1.places }) > budget else { return }
    claims.sort { ($0.places, $0.isLane ? 1 : 0, $0.index) < ($1.places, $1.isLane ? 1 : 0, $1.index) }
    var laneOfTrunk: [Int: Int] = [:]
    for claim in claims {
      budget -= claim.places
      guard budget < 0 else { continue }
      if claim.isLane {
        lanes[claim.index].x = -1
      } else {
        let trunk = trunks[claim.index]
        laneOfTrunk[claim.index] = lanes.count
        lanes.append(Lane(target: trunk.target, ranks: trunk.firstRank..<nodeRank[trunk.target], x: -1))
        trunks[claim.index].firstRank = nodeRank[trunk.target]
      }
    }
    for (index, route) in routes.enumerated() {
      guard case .trunk(let trunk, let rank) = route.way, let lane = laneOfTrunk[trunk] else { continue }
      routes[index].way = .lane(lane, below: rank - 1)
    }
  }

  private mutating func layTrunk(_ index: Int) {
    let trunk = trunks[index]
    for rank in trunk.firstRank..<nodeRank[trunk.target] {
      let vertex = addVertex(Vertex(rank: rank, width: wayWidth, height: 0, kind: .way))
      if let above = trunks[index].vertices.last { connect(above, vertex) }
      trunks[index].vertices.append(vertex)
    }
    if let last = trunks[index].vertices.last { connect(last, trunk.target) }
  }

  private mutating func layLane(_ index: Int) {
    guard lanes[index].x >= 0 else { return }
    for rank in lanes[index].ranks {
      let vertex = addVertex(Vertex(rank: rank, width: wayWidth, height: 0, kind: .lane))
      if let above = lanes[index].vertices.last { connect(above, vertex) }
      lanes[index].vertices.append(vertex)
    }
    vertices[lanes[index].vertices[0]].companion = lanes[index].target
  }

  var wayWidth: Double { style.isCells ? 1 : 2 }

  private mutating func connectEdges() {
    for (index, edge) in edges.enumerated() {
      var above = edge.source
      if let label = routes[index].label {
        connect(above, label)
        above = label
      }
      switch routes[index].way {
      case .loop: break
      case .direct: connect(above, edge.target)
      case .trunk(let trunk, let rank):
        let from = rank - trunks[trunk].firstRank
        routes[index].way = .trunk(trunk, from: from)
        connect(above, trunks[trunk].vertices[from])
      case .lane(let lane, let below):
        guard !lanes[lane].vertices.isEmpty, below == lanes[lane].ranks.upperBound - 1,
          let bottom = lanes[lane].vertices.last
        else { continue }
        if bottom != lanes[lane].vertices[0] { vertices[bottom].companion = above }
      }
    }
  }

  private mutating func connect(_ above: Int, _ below: Int) {
    down[above].append(below)
    up[below].append(above)
  }
}
