// Places along the flow, and the points of the ways.
//
// A way leaves its source at a *port* below where it goes, crosses the gap under each rank, and
// passes the rank in the place that it holds there. So nothing but nodes and labels lies in a
// rank's band, and nothing but ways in a gap: that is why ways and nodes never meet. What runs
// across inside a gap (turns of lanes; in cells, every step to the side) has a track of its own.

extension LayeredLayout {
  typealias Point = GraphLayout.Point

  func route() -> Result {
    var router = Router(layout: self)
    router.run()
    return router.result()
  }
}

private struct Router {
  typealias Point = GraphLayout.Point
  typealias Rectangle = GraphLayout.Rectangle

  var layout: LayeredLayout
  let style: GraphStyle
  /// The loops of each node to itself.
  var loops: [Int: [Int]] = [:]
  /// Where each edge leaves its source, and where each way reaches its target.
  var sourcePort: [Double] = []
  var targetPort: [Entry: Double] = [:]
  var gaps: [Gap] = []
  var bandTop: [Double] = []
  var bandHeight: [Double] = []
  var width = 0.0
  var height = 0.0
  var trunkPaths: [Path] = []
  var lanePaths: [Path] = []

  /// What reaches a target's border as one way.
  enum Entry: Hashable {
    case edge(Int)
    case trunk(Int)
    case lane(Int)
  }

  /// A stretch across the flow, inside a gap.
  struct Run {
    var low: Double
    var high: Double
    /// Where it meets what comes from above, and what leads down.
    var uppers: [Double] = []
    var lowers: [Double] = []
    var track = 0
  }

  struct Gap {
    var runs: [Run] = []
    var index: [RunKey: Int] = [:]
    var trackCount = 0
    /// The furthest that a curve goes to the side.
    var reach = 0.0
    var top = 0.0
    var height = 0.0
  }

  enum RunKey: Hashable {
    case into(Int)
    case entry(Entry)
    case leaving(Int)
  }

  /// A trunk's or lane's points; an edge that joins at vertex i goes on with `points[next[i]...]`.
  struct Path {
    var points: [Point] = []
    var next: [Int] = []
  }

  init(layout: LayeredLayout) {
    self.layout = layout
    style = layout.style
    for (index, edge) in layout.edges.enumerated() where edge.source == edge.target {
      loops[edge.source, default: []].append(index)
    }
  }

  mutating func run() {
    gaps = [Gap](repeating: Gap(), count: layout.ranks.count + 1)
    placeGutter()
    choosePorts()
    findRuns()
    for index in gaps.indices { assignTracks(index) }
    placeAlong()
    trunkPaths = layout.trunks.indices.map(trunkPath)
    lanePaths = layout.lanes.indices.map(lanePath)
  }

  // MARK: Across

  private func centre(_ vertex: Int) -> Double {
    let half = layout.vertices[vertex].width / 2
    return layout.left[vertex] + (style.isCells ? half.rounded(.down) : half)
  }

  private func frame(ofNode node: Int) -> Rectangle {
    let vertex = layout.vertices[node]
    let own = layout.nodes[node]
    return Rectangle(
      x: layout.left[node] + (vertex.width - own.width) / 2, y: bandTop.isEmpty ? 0 : bandTop[vertex.rank],
      width: own.width, height: own.height)
  }

  /// Lanes without places run to the right of everything.
  private mutating func placeGutter() {
    for vertex in layout.vertices.indices {
      width = max(width, layout.left[vertex] + layout.vertices[vertex].width)
    }
    let outside = layout.lanes.indices.filter { layout.lanes[$0].x < 0 }
    for lane in layout.lanes.indices where layout.lanes[lane].x >= 0 {
      if let first = layout.lanes[lane].vertices.first { layout.lanes[lane].x = centre(first) }
    }
    guard !outside.isEmpty else { return }
    let intervals = outside.map { lane in
      Tracks.Interval(
        low: Double(layout.lanes[lane].ranks.lowerBound), high: Double(layout.lanes[lane].ranks.upperBound))
    }
    let (tracks, count) = Tracks.assign(intervals, gap: 1)
    let step = style.isCells ? 2 : style.wayGap
    for (index, lane) in outside.enumerated() {
      layout.lanes[lane].x = width + step * Double(tracks[index] + 1)
    }
    width += step * Double(count + 1)
  }

  /// The place of an edge's first step below its source.
  private func firstX(_ edge: Int) -> Double {
    let route = layout.routes[edge]
    if let label = route.label { return centre(label) }
    switch route.way {
    case .trunk(let trunk, let from): return centre(layout.trunks[trunk].vertices[from])
    case .lane(let lane, _): return laneBottomX(edge, lane)
    case .direct, .loop: return centre(layout.edges[edge].target)
    }
  }

  private func laneBottomX(_ edge: Int, _ lane: Int) -> Double {
    guard case .lane(_, let below) = layout.routes[edge].way, !layout.lanes[lane].vertices.isEmpty else {
      return layout.lanes[lane].x
    }
    return centre(layout.lanes[lane].vertices[below - layout.lanes[lane].ranks.lowerBound])
  }

  private func entry(_ edge: Int) -> Entry {
    switch layout.routes[edge].way {
    case .trunk(let trunk, _): .trunk(trunk)
    case .lane(let lane, _): .lane(lane)
    case .direct, .loop: .edge(edge)
    }
  }

  private func lastX(_ edge: Int) -> Double {
    switch layout.routes[edge].way {
    case .trunk(let trunk, _): return layout.trunks[trunk].vertices.last.map { centre($0) } ?? 0
    case .lane(let lane, _): return layout.lanes[lane].x
    case .direct, .loop: return layout.routes[edge].label.map { centre($0) } ?? 0
    }
  }

  private mutating func choosePorts() {
    var leaving = [[(edge: Int, x: Double)]](repeating: [], count: layout.nodes.count)
    var reaching = [[(entry: Entry, x: Double)]](repeating: [], count: layout.nodes.count)
    var known = Set<Entry>()
    sourcePort = [Double](repeating: 0, count: layout.edges.count)
    for (index, edge) in layout.edges.enumerated() where edge.source != edge.target {
      leaving[edge.source].append((index, firstX(index)))
      let entry = entry(index)
      if known.insert(entry).inserted { reaching[edge.target].append((entry, lastX(index))) }
    }
    for node in layout.nodes.indices {
      let frame = frame(ofNode: node)
      let order = leaving[node].sorted { ($0.x, $0.edge) < ($1.x, $1.edge) }
      for (item, x) in zip(order, ports(order.map(\.x), frame)) { sourcePort[item.edge] = x }
      let sorted = reaching[node].enumerated()
        .sorted { ($0.element.x, $0.offset) < ($1.element.x, $1.offset) }.map(\.element)
      for (item, x) in zip(sorted, ports(sorted.map(\.x), frame)) { targetPort[item.entry] = x }
    }
  }

  /// As near to the wanted places as a node's border and the other ports let them be.
  private func ports(_ wanted: [Double], _ frame: Rectangle) -> [Double] {
    guard !wanted.isEmpty else { return [] }
    let margin = min(style.isCells ? 2 : 16, (frame.width / 2).rounded(.down))
    let low = frame.x + margin
    let high = max(low, frame.maxX - margin - (style.isCells ? 1 : 0))
    let step = min(style.isCells ? 2 : 14, (high - low) / Double(max(1, wanted.count - 1)))
    var ports = wanted.map { min(max($0, low), high) }
    for index in ports.indices.dropFirst() { ports[index] = max(ports[index], ports[index - 1] + step) }
    if let last = ports.last, last > high {
      ports[ports.count - 1] = high
      for index in ports.indices.dropLast().reversed() {
        ports[index] = min(ports[index], ports[index + 1] - step)
      }
    }
    return style.isCells ? ports.map { $0.rounded(.down) } : ports
  }

  // MARK: Gaps

  private mutating func findRuns() {
    for (index, edge) in layout.edges.enumerated() where edge.source != edge.target {
      let rank = layout.nodeRank[edge.source]
      var x = sourcePort[index]
      var below = rank
      if let label = layout.routes[index].label {
        step(gap: rank, from: x, to: centre(label), .into(label))
        x = centre(label)
        below = rank + 1
      }
      switch layout.routes[index].way {
      case .loop: break
      case .direct:
        step(gap: below, from: x, to: targetPort[.edge(index)] ?? x, .entry(.edge(index)))
      case .trunk(let trunk, let from):
        let vertex = layout.trunks[trunk].vertices[from]
        step(gap: below, from: x, to: centre(vertex), .into(vertex))
      case .lane(let lane, _):
        let turn = laneBottomX(index, lane)
        let run = Run(low: min(x, turn), high: max(x, turn), uppers: [x, turn])
        gaps[below].index[.leaving(index)] = gaps[below].runs.count
        gaps[below].runs.append(run)
      }
    }
    for (index, trunk) in layout.trunks.enumerated() where !trunk.vertices.isEmpty {
      for (offset, vertex) in trunk.vertices.enumerated().dropFirst() {
        let before = trunk.vertices[offset - 1]
        step(gap: layout.vertices[before].rank, from: centre(before), to: centre(vertex), .into(vertex))
      }
      let last = trunk.vertices[trunk.vertices.count - 1]
      step(
        gap: layout.vertices[last].rank, from: centre(last), to: targetPort[.trunk(index)] ?? 0,
        .entry(.trunk(index)))
    }
    for (index, lane) in layout.lanes.enumerated() { findRuns(ofLane: index, lane) }
  }

  private mutating func findRuns(ofLane index: Int, _ lane: LayeredLayout.Lane) {
    for (offset, vertex) in lane.vertices.enumerated().dropFirst() {
      let before = lane.vertices[offset - 1]
      step(gap: layout.vertices[before].rank, from: centre(before), to: centre(vertex), .into(vertex))
    }
    // It comes from below, or (beside everything) maybe from above, and turns down into the target.
    let port = targetPort[.lane(index)] ?? lane.x
    let gap = layout.nodeRank[lane.target] - 1
    let run = Run(
      low: min(lane.x, port), high: max(lane.x, port), uppers: lane.vertices.isEmpty ? [lane.x] : [],
      lowers: lane.vertices.isEmpty ? [port] : [lane.x, port])
    gaps[gap].index[.entry(.lane(index))] = gaps[gap].runs.count
    gaps[gap].runs.append(run)
  }

  private mutating func step(gap: Int, from: Double, to: Double, _ key: RunKey) {
    gaps[gap].reach = max(gaps[gap].reach, (to - from).magnitude)
    guard style.isCells, from != to else { return }
    if let index = gaps[gap].index[key] {
      gaps[gap].runs[index].low = min(gaps[gap].runs[index].low, from)
      gaps[gap].runs[index].high = max(gaps[gap].runs[index].high, from)
      gaps[gap].runs[index].uppers.append(from)
    } else {
      gaps[gap].index[key] = gaps[gap].runs.count
      gaps[gap].runs.append(Run(low: min(from, to), high: max(from, to), uppers: [from], lowers: [to]))
    }
  }

  /// More runs than this in one gap are not drawn for people.
  private static let orderedRunsMax = 100

  private mutating func assignTracks(_ gap: Int) {
    let runs = gaps[gap].runs
    guard !runs.isEmpty else { return }
    if !style.isCells || runs.count > Self.orderedRunsMax {
      let (tracks, count) = Tracks.assign(
        runs.map { Tracks.Interval(low: $0.low, high: $0.high) }, gap: style.isCells ? 1 : 4)
      for index in runs.indices { gaps[gap].runs[index].track = tracks[index] }
      gaps[gap].trackCount = count
      return
    }
    // A run whose upper end stands over the lower end of another must be above it.
    var above = [[Int]](repeating: [], count: runs.count)
    for index in runs.indices {
      for other in runs.indices where other != index {
        if runs[other].uppers.contains(where: { runs[index].lowers.contains($0) }) {
          above[index].append(other)
        }
      }
    }
    var tracks = [Int?](repeating: nil, count: runs.count)
    var rest = runs.indices.sorted { (runs[$0].low, $0) < (runs[$1].low, $1) }
    while !rest.isEmpty {
      // Where they wait for each other in a circle, the leftmost goes first.
      let ready = rest.first { run in above[run].allSatisfy { tracks[$0] != nil } } ?? rest[0]
      rest.removeAll { $0 == ready }
      var track = above[ready].compactMap { tracks[$0] }.max().map { $0 + 1 } ?? 0
      while runs.indices.contains(where: { other in
        tracks[other] == track && runs[other].low <= runs[ready].high && runs[ready].low <= runs[other].high
      }) { track += 1 }
      tracks[ready] = track
      gaps[gap].runs[ready].track = track
      gaps[gap].trackCount = max(gaps[gap].trackCount, track + 1)
    }
  }

  private mutating func placeAlong() {
    let count = layout.ranks.count
    bandTop = [Double](repeating: 0, count: count)
    bandHeight = bandTop
    for vertex in layout.vertices.indices {
      let rank = layout.vertices[vertex].rank
      bandHeight[rank] = max(bandHeight[rank], layout.vertices[vertex].height)
    }
    var y = 0.0
    for rank in 0..<count {
      bandTop[rank] = y
      y += bandHeight[rank]
      gaps[rank].top = y
      gaps[rank].height = gapHeight(rank, isLast: rank == count - 1)
      y += gaps[rank].height
    }
    height = y
  }

  private func gapHeight(_ rank: Int, isLast: Bool) -> Double {
    let gap = gaps[rank]
    let tracks = Double(gap.trackCount)
    if style.isCells {
      if isLast { return tracks }
      let isAboveNodes = rank % 2 == 1
      let hasLabels = rank % 2 == 0 && bandHeight[rank + 1] > 0
      return tracks + (isAboveNodes ? style.gapAboveNodes : hasLabels && tracks == 0 ? 1 : 0)
    }
    let turns = tracks > 0 ? tracks * style.trackGap : 0
    if isLast { return tracks > 0 ? turns + style.gapBelowNodes / 2 : 0 }
    let base = rank % 2 == 0 ? style.gapBelowNodes : style.gapAboveNodes
    return base + turns + min(44, gap.reach * 0.07).rounded()
  }

  private func trackY(_ gap: Int, _ key: RunKey) -> Double? {
    guard let index = gaps[gap].index[key] else { return nil }
    let track = Double(gaps[gap].runs[index].track)
    return gaps[gap].top + (style.isCells ? track : style.trackGap * (track + 0.8))
  }

  // MARK: Points

  /// From one place above a gap to one below it.
  private func cross(_ points: inout [Point], gap: Int, to x: Double, _ key: RunKey) {
    let bottom = gaps[gap].top + gaps[gap].height
    if let from = points.last, from.x != x {
      append(&points, Point(from.x, gaps[gap].top))
      if let y = trackY(gap, key) {
        append(&points, Point(from.x, y))
        append(&points, Point(x, y))
      }
    }
    append(&points, Point(x, bottom))
  }

  /// Adds a point, and takes away the one before it if that is in the middle of a straight line.
  private func append(_ points: inout [Point], _ point: Point) {
    if points.last == point { return }
    if points.count >= 2 {
      let (first, middle) = (points[points.count - 2], points[points.count - 1])
      if first.x == middle.x && middle.x == point.x || first.y == middle.y && middle.y == point.y {
        points[points.count - 1] = point
        return
      }
    }
    points.append(point)
  }

  private func trunkPath(_ index: Int) -> Path {
    let trunk = layout.trunks[index]
    var path = Path()
    guard let last = trunk.vertices.last else { return path }
    for (offset, vertex) in trunk.vertices.enumerated() {
      let rank = layout.vertices[vertex].rank
      if offset == 0 {
        path.points.append(Point(centre(vertex), bandTop[rank]))
      } else {
        cross(&path.points, gap: rank - 1, to: centre(vertex), .into(vertex))
      }
      // The last point may yet move down the same line, so it is not passed by.
      path.next.append(path.points.count - 1)
      append(&path.points, Point(centre(vertex), bandTop[rank] + bandHeight[rank]))
    }
    let rank = layout.vertices[last].rank
    cross(&path.points, gap: rank, to: targetPort[.trunk(index)] ?? 0, .entry(.trunk(index)))
    return path
  }

  /// From its lowest vertex up and into the target.
  private func lanePath(_ index: Int) -> Path {
    let lane = layout.lanes[index]
    var path = Path()
    path.next = [Int](repeating: 0, count: lane.vertices.count)
    for (offset, vertex) in lane.vertices.enumerated().reversed() {
      let rank = layout.vertices[vertex].rank
      append(&path.points, Point(centre(vertex), bandTop[rank] + bandHeight[rank]))
      path.next[offset] = path.points.count - 1
      append(&path.points, Point(centre(vertex), bandTop[rank]))
      guard offset > 0 else { break }
      let above = lane.vertices[offset - 1]
      guard centre(above) != centre(vertex) else { continue }
      let gap = rank - 1
      if let y = trackY(gap, .into(vertex)) {
        append(&path.points, Point(centre(vertex), y))
        append(&path.points, Point(centre(above), y))
      }
    }
    let gap = layout.nodeRank[lane.target] - 1
    let y = trackY(gap, .entry(.lane(index))) ?? gaps[gap].top
    let port = targetPort[.lane(index)] ?? lane.x
    append(&path.points, Point(lane.x, y))
    append(&path.points, Point(port, y))
    append(&path.points, Point(port, gaps[gap].top + gaps[gap].height))
    return path
  }

  private func points(of index: Int) -> [Point] {
    let edge = layout.edges[index]
    let rank = layout.nodeRank[edge.source]
    var points = [Point(sourcePort[index], frame(ofNode: edge.source).maxY)]
    var below = rank
    if let label = layout.routes[index].label {
      cross(&points, gap: rank, to: centre(label), .into(label))
      below = rank + 1
      append(&points, Point(centre(label), bandTop[below] + bandHeight[below]))
    }
    switch layout.routes[index].way {
    case .loop: return loopPoints(of: index)
    case .direct:
      let port = targetPort[.edge(index)] ?? 0
      cross(&points, gap: below, to: port, .entry(.edge(index)))
    case .trunk(let trunk, let from):
      let vertex = layout.trunks[trunk].vertices[from]
      cross(&points, gap: below, to: centre(vertex), .into(vertex))
      join(&points, trunkPaths[trunk], from)
    case .lane(let lane, _):
      let turn = laneBottomX(index, lane)
      let y = turnY(index, lane, below)
      append(&points, Point(points[points.count - 1].x, y))
      append(&points, Point(turn, y))
      let offset = below - layout.lanes[lane].ranks.lowerBound
      join(&points, lanePaths[lane], layout.lanes[lane].vertices.isEmpty ? nil : offset, above: y)
    }
    return points
  }

  /// Where a way turns into its lane: in the gap, or right below a short node that the lane stands beside.
  private func turnY(_ edge: Int, _ lane: Int, _ below: Int) -> Double {
    let y = trackY(below, .leaving(edge)) ?? gaps[below].top
    let source = layout.edges[edge].source
    let ranks = layout.lanes[lane].ranks
    guard layout.routes[edge].label == nil, !layout.lanes[lane].vertices.isEmpty else { return y }
    let vertex = layout.lanes[lane].vertices[below - ranks.lowerBound]
    guard layout.place[vertex] == layout.place[source] + 1 else { return y }
    return min(y, frame(ofNode: source).maxY + (style.isCells ? 0 : style.gapBelowNodes / 2))
  }

  /// Goes on with a path that others have made. If it leads up from `above`, it starts there.
  private func join(_ points: inout [Point], _ path: Path, _ offset: Int?, above: Double? = nil) {
    var start = offset.map { path.next[$0] } ?? 0
    if let above, offset != nil, path.points[start].y >= above { start += 1 }
    for point in path.points[start...] { append(&points, point) }
  }

  // MARK: Loops

  private func loopSlots(_ node: Int) -> (top: Double, height: Double) {
    let frame = frame(ofNode: node)
    let count = Double(loops[node]?.count ?? 1)
    let border = style.isCells ? 1.0 : 4
    return (frame.y + border, ((frame.height - 2 * border) / count).rounded(.down))
  }

  /// A small way out of the node's side and back.
  private func loopPoints(of index: Int) -> [Point] {
    let node = layout.edges[index].source
    let frame = frame(ofNode: node)
    let (top, height) = loopSlots(node)
    let slot = Double(loops[node]?.firstIndex(of: index) ?? 0)
    let upper = top + slot * height + (style.isCells ? 0 : max(2, height / 2 - 8))
    let lower = upper + (style.isCells ? 1 : min(16, height - 4))
    let x = frame.maxX + LoopSize.reach(style)
    return [
      Point(frame.maxX, lower), Point(x, lower), Point(x, upper), Point(frame.maxX, upper),
    ]
  }

  private func loopLabel(of index: Int) -> Rectangle? {
    guard let size = layout.edges[index].label else { return nil }
    let node = layout.edges[index].source
    let (top, height) = loopSlots(node)
    let slot = Double(loops[node]?.firstIndex(of: index) ?? 0)
    let y = top + slot * height + max(0, ((height - size.height) / 2).rounded(.down))
    return Rectangle(
      x: frame(ofNode: node).maxX + LoopSize.reach(style) + (style.isCells ? 1 : 5), y: y, width: size.width,
      height: size.height)
  }

  func result() -> LayeredLayout.Result {
    var result = LayeredLayout.Result(
      frames: layout.nodes.indices.map(frame), points: layout.edges.indices.map(points), labels: [],
      isBack: zip(layout.edges, layout.isBack).map { $0.source == $0.target || $1 },
      size: GraphLayout.Size(width: width, height: height))
    result.labels = layout.edges.indices.map { index in
      if case .loop = layout.routes[index].way { return loopLabel(of: index) }
      return layout.routes[index].label.map { label in
        let vertex = layout.vertices[label]
        return Rectangle(
          x: layout.left[label], y: bandTop[vertex.rank], width: vertex.width, height: vertex.height)
      }
    }
    return result
  }
}

/// The room that a node's ways to itself take beside it.
enum LoopSize {
  static func reach(_ style: GraphStyle) -> Double { style.isCells ? 2 : 16 }

  /// How much wider (on each side) and how tall a node with these loops must be.
  static func extra(_ labels: [GraphLayout.Size?], _ style: GraphStyle) -> (width: Double, height: Double) {
    guard !labels.isEmpty else { return (0, 0) }
    let widest = labels.reduce(0) { max($0, $1?.width ?? 0) }
    let tallest = labels.reduce(style.isCells ? 2 : 22) {
      max($0, ($1?.height ?? 0) + (style.isCells ? 0 : 4))
    }
    let gap: Double = style.isCells ? 1 : 5
    return (
      reach(style) + (widest > 0 ? widest + gap : 0) + (style.isCells ? 1 : 4),
      tallest * Double(labels.count) + (style.isCells ? 2 : 8)
    )
  }
}
