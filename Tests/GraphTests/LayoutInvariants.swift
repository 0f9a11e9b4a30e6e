@testable import StepmillGraph

/// What every layout promises. Each broken promise is a sentence.
struct LayoutInvariants {
  typealias Rectangle = GraphLayout.Rectangle

  private(set) var problems: [String] = []
  private let layout: GraphLayout
  private let style: GraphStyle

  static func problems(_ layout: GraphLayout, _ style: GraphStyle = .points) -> [String] {
    var check = LayoutInvariants(layout: layout, style: style)
    check.checkNodes()
    check.checkRegions()
    check.checkLabels()
    check.checkEdges()
    check.checkTexts()
    return check.problems
  }

  private init(layout: GraphLayout, style: GraphStyle) {
    self.layout = layout
    self.style = style
  }

  private static func overlap(_ one: Rectangle, _ other: Rectangle) -> Bool {
    one.x < other.maxX && other.x < one.maxX && one.y < other.maxY && other.y < one.maxY
  }

  private static func contains(_ outer: Rectangle, _ inner: Rectangle) -> Bool {
    inner.x >= outer.x && inner.y >= outer.y && inner.maxX <= outer.maxX && inner.maxY <= outer.maxY
  }

  private var picture: Rectangle {
    Rectangle(x: 0, y: 0, width: layout.size.width, height: layout.size.height)
  }

  private func name(_ node: Int) -> String { "\(layout.nodes[node].kind) '\(layout.nodes[node].state)'" }

  private mutating func checkNodes() {
    for (index, node) in layout.nodes.enumerated() {
      if node.id != index { problems.append("node \(index) has the id \(node.id)") }
      if !Self.contains(picture, node.frame) { problems.append("\(name(index)) is outside") }
      for other in layout.nodes.indices.dropFirst(index + 1)
      where layout.nodes[other].region == node.region && Self.overlap(node.frame, layout.nodes[other].frame) {
        problems.append("\(name(index)) overlaps \(name(other))")
      }
    }
  }

  private mutating func checkRegions() {
    for region in layout.regions {
      let container = layout.nodes[region.node]
      if !Self.contains(container.frame, region.frame) {
        problems.append("region \(region.id) is outside \(name(region.node))")
      }
      if region.frame.y < container.textFrame.maxY - 4 - 1, region.frame.x < container.textFrame.maxX {
        problems.append("region \(region.id) is under the text of \(name(region.node))")
      }
      for node in layout.nodes where node.region == region.id && !Self.contains(region.frame, node.frame) {
        problems.append("\(name(node.id)) is outside its region")
      }
      for other in layout.regions
      where other.id > region.id && other.node == region.node && Self.overlap(region.frame, other.frame) {
        problems.append("regions \(region.id) and \(other.id) overlap")
      }
    }
  }

  private mutating func checkLabels() {
    for label in layout.labels {
      let region = layout.nodes[layout.edges[label.edge].source].region
      if layout.edges[label.edge].label != label.id { problems.append("label \(label.id) is lost") }
      if !Self.contains(picture, label.frame) { problems.append("label '\(label.text)' is outside") }
      for node in layout.nodes where node.region == region && Self.overlap(node.frame, label.frame) {
        problems.append("label '\(label.text)' overlaps \(name(node.id))")
      }
      for other in layout.labels where other.id > label.id {
        guard layout.nodes[layout.edges[other.edge].source].region == region else { continue }
        if Self.overlap(label.frame, other.frame) {
          problems.append("labels '\(label.text)' and '\(other.text)' overlap")
        }
      }
    }
  }

  private static func isOnBorder(_ point: GraphLayout.Point, _ frame: Rectangle) -> Bool {
    let isBeside = point.x == frame.x || point.x == frame.maxX
    let isAbove = point.y == frame.y || point.y == frame.maxY
    let isAcross = point.x >= frame.x && point.x <= frame.maxX
    let isAlong = point.y >= frame.y && point.y <= frame.maxY
    return isBeside && isAlong || isAbove && isAcross
  }

  private mutating func checkEdges() {
    for edge in layout.edges {
      let way = "\(name(edge.source)) → \(name(edge.target))"
      guard let first = edge.points.first, let last = edge.points.last, edge.points.count >= 2 else {
        problems.append("\(way) has no points")
        continue
      }
      if layout.nodes[edge.source].region != layout.nodes[edge.target].region {
        problems.append("\(way) leaves its region")
      }
      if !Self.isOnBorder(first, layout.nodes[edge.source].frame) {
        problems.append("\(way) does not start at its source: \(first)")
      }
      if !Self.isOnBorder(last, layout.nodes[edge.target].frame) {
        problems.append("\(way) does not end at its target: \(last)")
      }
      for (from, to) in zip(edge.points, edge.points.dropFirst()) {
        checkStretch(edge, from, to, way)
      }
    }
  }

  private mutating func checkStretch(
    _ edge: GraphLayout.Edge, _ from: GraphLayout.Point, _ to: GraphLayout.Point, _ way: String
  ) {
    if from == to { problems.append("\(way) stands still at \(from)") }
    if style.isCells, from.x != to.x, from.y != to.y { problems.append("\(way) is oblique") }
    // Inside the box that it spans lie straight lines and curves alike.
    let box = Rectangle(
      x: min(from.x, to.x), y: min(from.y, to.y), width: (from.x - to.x).magnitude,
      height: (from.y - to.y).magnitude)
    if !Self.contains(picture, box) { problems.append("\(way) leaves the picture") }
    let region = layout.nodes[edge.source].region
    for node in layout.nodes where node.region == region {
      let frame = node.frame
      if box.x < frame.maxX && frame.x < box.maxX && box.y < frame.maxY && frame.y < box.maxY
        || box.width == 0 && box.x > frame.x && box.x < frame.maxX && box.y < frame.maxY && frame.y < box.maxY
        || box.height == 0 && box.y > frame.y && box.y < frame.maxY && box.x < frame.maxX
          && frame.x < box.maxX
      {
        problems.append("\(way) runs through \(name(node.id)): \(from) to \(to)")
      }
    }
  }

  private mutating func checkTexts() {
    for node in layout.nodes where !node.kind.isMark {
      for line in node.title where style.titleWidth(line) > node.textFrame.width {
        problems.append("'\(line)' is wider than \(name(node.id))")
      }
      for line in node.caption + node.note where style.smallWidth(line) > node.textFrame.width {
        problems.append("'\(line)' is wider than \(name(node.id))")
      }
      if node.title.joined().filter({ $0 != " " }) != TextMetrics.readable(node.state).filter({ $0 != " " }) {
        problems.append("the name of \(name(node.id)) is cut: \(node.title)")
      }
    }
    for label in layout.labels {
      for line in label.lines where style.smallWidth(line) > label.frame.width {
        problems.append("'\(line)' is wider than its label")
      }
    }
  }
}
