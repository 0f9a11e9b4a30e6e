// One machine's nodes and edges in ranks, after Sugiyama: this file has the phases' data and
// the first phase, the others are extensions.
//
// 1. Ranks.       Edges that lead back are found by a walk from the start; the longest way from
//                 the start gives each node its rank. Nodes have even ranks, the odd ones
//                 between them belong to labels and ways. (`LayeredLayout.swift`)
// 2. Ways.        What goes past a rank holds a place in it. Ways to the same target share their
//                 places (a *trunk*), as do those back to the same target (a *lane*): a
//                 definition in which everything catches to one handler gets one trunk and not
//                 thousands, in the picture and in time. (`LayeredLayout+Ways.swift`)
// 3. Order.       Sweeps by barycentre, then exchanges of neighbours, keep the order with the
//                 fewest crossings. (`+Order.swift`)
// 4. Across.      Brandes and Köpf's four alignments, in linear time. (`+Across.swift`)
// 5. Along, ways. Ports, tracks for what turns, heights of the gaps, points. (`+Routing.swift`)
//
// It thinks of a flow that leads down; a flow to the right is the same with x and y exchanged,
// by whoever calls. Every phase takes n log n time; a budget bounds the places of ways, beyond
// which a long way runs beside the picture instead of through it.

struct LayeredLayout {
  struct Node {
    var width: Double
    var height: Double
  }

  struct Edge {
    var source: Int
    var target: Int
    var label: GraphLayout.Size?
    /// Ways that are drawn differently never share a trunk.
    var isDashed: Bool
  }

  /// What comes of it; lengths from the top left corner.
  struct Result {
    var frames: [GraphLayout.Rectangle]
    var points: [[GraphLayout.Point]]
    var labels: [GraphLayout.Rectangle?]
    var isBack: [Bool]
    var size: GraphLayout.Size
  }

  let style: GraphStyle
  private(set) var nodes: [Node]
  let edges: [Edge]
  /// What a node needs on each side for the ways to itself.
  private(set) var sideRoom: [Double]

  // Ranks
  var isBack: [Bool] = []
  var nodeRank: [Int] = []

  // Vertices: the nodes, then what holds places for labels and ways.
  var vertices: [Vertex] = []
  /// Neighbours in the rank above and below.
  var up: [[Int]] = []
  var down: [[Int]] = []
  /// The vertices of each rank, in their order.
  var ranks: [[Int]] = []
  /// Each vertex's index in its rank.
  var place: [Int] = []
  /// The left edge of each vertex.
  var left: [Double] = []

  var trunks: [Trunk] = []
  var lanes: [Lane] = []
  var routes: [Route] = []

  struct Vertex {
    var rank: Int
    var width: Double
    var height: Double
    var kind: Kind
    /// For the ends of lanes: the vertex in the same rank that it should stand beside.
    var companion = -1
    /// Among equals it stands to the right, where its lane is.
    var leansRight = false

    enum Kind { case node, label, way, lane }
  }

  /// The common way down to a target.
  struct Trunk {
    var target: Int
    /// From the uppermost rank on, each below the other, to the rank above the target's.
    var firstRank: Int
    var vertices: [Int] = []
  }

  /// The common way round to a target: back up, or beside everything.
  struct Lane {
    var target: Int
    /// The ranks that it passes.
    var ranks: Range<Int>
    /// From the target's rank down; none for a lane beside everything.
    var vertices: [Int] = []
    var x = 0.0
  }

  /// How an edge gets to its target.
  struct Route {
    /// The vertex of its label.
    var label: Int?
    var way: Way

    enum Way {
      /// To itself.
      case loop
      /// From the label straight down to the target.
      case direct
      /// By the trunk, from this index of its vertices on.
      case trunk(Int, from: Int)
      /// By the lane, that is entered below this rank.
      case lane(Int, below: Int)
    }
  }

  init(style: GraphStyle, nodes: [Node], edges: [Edge]) {
    self.style = style
    self.nodes = nodes
    self.edges = edges
    sideRoom = [Double](repeating: 0, count: nodes.count)
    var loops: [Int: [GraphLayout.Size?]] = [:]
    for edge in edges where edge.source == edge.target { loops[edge.source, default: []].append(edge.label) }
    for (node, labels) in loops {
      let extra = LoopSize.extra(labels, style)
      sideRoom[node] = extra.width
      self.nodes[node].height = max(nodes[node].height, extra.height)
    }
  }

  static func run(style: GraphStyle, nodes: [Node], edges: [Edge]) -> Result {
    var layout = LayeredLayout(style: style, nodes: nodes, edges: edges)
    layout.findRanks()
    layout.layWays()
    layout.orderRanks()
    layout.placeAcross()
    return layout.route()
  }

  // MARK: Ranks

  private mutating func findRanks() {
    var outgoing = [[Int]](repeating: [], count: nodes.count)
    for (index, edge) in edges.enumerated() where edge.source != edge.target {
      outgoing[edge.source].append(index)
    }
    isBack = [Bool](repeating: false, count: edges.count)
    let order = walk(outgoing)
    nodeRank = [Int](repeating: 0, count: nodes.count)
    for node in order {
      for edge in outgoing[node] where !isBack[edge] {
        nodeRank[edges[edge].target] = max(nodeRank[edges[edge].target], nodeRank[node] + 2)
      }
    }
  }

  /// Walks from each node in turn, deep first; returns the nodes in topological order.
  private mutating func walk(_ outgoing: [[Int]]) -> [Int] {
    enum Mark { case unseen, open, done }
    var marks = [Mark](repeating: .unseen, count: nodes.count)
    var next = [Int](repeating: 0, count: nodes.count)
    var finished: [Int] = []
    finished.reserveCapacity(nodes.count)
    var stack: [Int] = []
    for root in nodes.indices where marks[root] == .unseen {
      marks[root] = .open
      stack.append(root)
      while let node = stack.last {
        guard next[node] < outgoing[node].count else {
          marks[node] = .done
          finished.append(node)
          stack.removeLast()
          continue
        }
        let edge = outgoing[node][next[node]]
        next[node] += 1
        let target = edges[edge].target
        switch marks[target] {
        case .unseen:
          marks[target] = .open
          stack.append(target)
        case .open: isBack[edge] = true
        case .done: break
        }
      }
    }
    return finished.reversed()
  }
}
