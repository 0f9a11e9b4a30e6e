import Stepmill

// A layout as SVG: one file that needs nothing else, in the reader's colours (light or dark),
// with a title for each thing so that a pointer or a screen reader can ask what it is.

package struct SVGDrawing {
  let layout: GraphLayout
  let run: RecordedRun?
  private let title: String
  private var text = ""

  /// - Parameters:
  ///   - title: What the picture is of, for those who do not see it.
  ///   - run: A recorded run to paint on it.
  package static func svg(_ layout: GraphLayout, title: String, run: RecordedRun? = nil) -> String {
    var drawing = SVGDrawing(layout: layout, run: run, title: title)
    drawing.draw()
    return drawing.text
  }

  private init(layout: GraphLayout, run: RecordedRun?, title: String) {
    self.layout = layout
    self.run = run
    self.title = title
  }

  private mutating func draw() {
    let (width, height) = (number(layout.size.width), number(layout.size.height))
    text += """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" role="img" aria-labelledby="title desc" \
      class="stepmill\(run == nil ? "" : " run")">
      <title id="title">\(Markup.escape(title))</title>
      <desc id="desc">\(Markup.escape(summary))</desc>
      <style>\(Self.style)</style>
      <defs>\(Self.markers)</defs>
      <rect class="canvas" width="100%" height="100%"/>

      """
    // Boxes lie under the ways inside them, and those under the nodes they lead to.
    for node in layout.nodes where node.kind.isContainer { draw(node) }
    for region in layout.regions where layout.nodes[region.node].kind == .parallel { draw(region) }
    for edge in layout.edges { draw(edge) }
    for node in layout.nodes where !node.kind.isContainer { draw(node) }
    for label in layout.labels { draw(label) }
    text += "</svg>\n"
  }

  private var summary: String {
    let states = layout.nodes.count { !$0.kind.isMark }
    var text = "A workflow of \(states) \(states == 1 ? "state" : "states")."
    if let comment = layout.comment { text += " " + comment }
    if let run { text += " " + run.summary }
    return text
  }

  // MARK: Nodes

  private mutating func draw(_ node: GraphLayout.Node) {
    let frame = node.frame
    text += "<g class=\"node \(node.kind.rawValue)\(status(of: node))\"><title>"
    text += Markup.escape(tip(of: node)) + "</title>"
    switch node.kind {
    case .start, .end:
      text += rectangle(frame, radius: frame.height / 2)
    case .choice:
      let cut = min(14, frame.height / 3)
      let points: [(Double, Double)] = [
        (frame.x + cut, frame.y), (frame.maxX - cut, frame.y), (frame.maxX, frame.midY),
        (frame.maxX - cut, frame.maxY), (frame.x + cut, frame.maxY), (frame.x, frame.midY),
      ]
      let list = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
      text += "<polygon points=\"\(list)\"/>"
    case .wait, .succeed, .fail:
      text += rectangle(frame, radius: min(22, frame.height / 2))
    case .pass, .task, .parallel, .map, .distributedMap:
      text += rectangle(frame, radius: 6)
    }
    if node.kind == .wait { drawClock(frame) }
    if node.kind == .map || node.kind == .distributedMap { drawStack(frame) }
    drawText(of: node)
    text += "</g>\n"
  }

  /// Sheets behind a Map: it stands for many.
  private mutating func drawStack(_ frame: GraphLayout.Rectangle) {
    for step in [1.0, 2] {
      let (x, y) = (frame.x + 6 + 3 * step, frame.maxY + 3 * step)
      text += "<path class=\"sheet\" d=\"M\(number(x)) \(number(y))H\(number(frame.maxX - 6 - 3 * step))\"/>"
    }
  }

  private mutating func drawClock(_ frame: GraphLayout.Rectangle) {
    let (x, y) = (frame.x + 17, frame.midY)
    text += "<path class=\"clock\" d=\"M\(number(x)) \(number(y - 4.5))V\(number(y))H\(number(x + 3.5))\"/>"
    text += "<circle class=\"clock\" cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"6.5\"/>"
  }

  private mutating func drawText(of node: GraphLayout.Node) {
    let style = GraphStyle.points
    let frame = node.textFrame
    let lines =
      Double(node.title.count) * style.titleLineHeight
      + Double(node.caption.count + node.note.count) * style.smallLineHeight
    var y = frame.y + (frame.height - lines) / 2
    let x = number(node.kind.isContainer ? frame.x + style.paddingX : frame.midX)
    for line in node.title {
      text += "<text class=\"name\" x=\"\(x)\" y=\"\(number(y + 13))\">\(Markup.escape(line))</text>"
      y += style.titleLineHeight
    }
    for (lines, kind) in [(node.caption, "caption"), (node.note, "note")] {
      for line in lines {
        text += "<text class=\"\(kind)\" x=\"\(x)\" y=\"\(number(y + 11))\">\(Markup.escape(line))</text>"
        y += style.smallLineHeight
      }
    }
  }

  private func tip(of node: GraphLayout.Node) -> String {
    switch node.kind {
    case .start: return "Start"
    case .end: return "End"
    default:
      let parts = [node.caption.joined(separator: " "), run?.tip(of: node.state) ?? ""]
      return ([node.state] + parts.filter { !$0.isEmpty }).joined(separator: "\n")
    }
  }

  private func status(of node: GraphLayout.Node) -> String {
    guard let run else { return "" }
    if node.kind.isMark { return run.isTaken(mark: node.id) ? " taken" : " idle" }
    return " " + (run.status(of: node.state)?.rawValue ?? "idle")
  }

  private mutating func draw(_ region: GraphLayout.Region) {
    text += "<g class=\"region\"><title>Branch \(region.index + 1)</title>"
    text += rectangle(region.frame, radius: 4) + "</g>\n"
  }

  private func rectangle(_ frame: GraphLayout.Rectangle, radius: Double) -> String {
    "<rect x=\"\(number(frame.x))\" y=\"\(number(frame.y))\" width=\"\(number(frame.width))\" "
      + "height=\"\(number(frame.height))\" rx=\"\(number(radius))\"/>"
  }

  // MARK: Edges

  private mutating func draw(_ edge: GraphLayout.Edge) {
    var classes = "edge \(edge.kind.rawValue)"
    var head = edge.kind == .catch ? "head-catch" : "head"
    var count = ""
    if let run {
      let times = run.count(ofEdge: edge.id)
      classes += times > 0 ? " taken" : " idle"
      head = times > 0 ? (edge.kind == .catch ? "head-caught" : "head-taken") : "head-idle"
      if times > 0 { count = ", taken \(times) \(times == 1 ? "time" : "times")" }
    }
    text += "<g class=\"\(classes)\"><title>\(Markup.escape(words(of: edge) + count))</title>"
    text += "<path d=\"\(path(edge.points))\" marker-end=\"url(#\(head))\"/></g>\n"
  }

  private func words(of edge: GraphLayout.Edge) -> String {
    func name(_ node: Int) -> String {
      let node = layout.nodes[node]
      return node.kind.isMark ? (node.kind == .start ? "Start" : "End") : node.state
    }
    let way = "\(name(edge.source)) → \(name(edge.target))"
    guard let label = edge.label else { return way }
    switch edge.kind {
    case .choice: return "\(way) if \(layout.labels[label].text)"
    case .catch: return "\(way) on \(layout.labels[label].text)"
    case .start, .next, .default, .end: return "\(way): \(layout.labels[label].text)"
    }
  }

  /// Straight where it can be, round at corners, and a curve where a step leads to the side.
  private func path(_ points: [GraphLayout.Point]) -> String {
    guard let first = points.first else { return "" }
    var path = "M\(number(first.x)) \(number(first.y))"
    for index in points.indices.dropFirst() {
      let (from, to) = (points[index - 1], points[index])
      guard from.x == to.x || from.y == to.y else {
        path += curve(from, to)
        continue
      }
      if index + 1 < points.count, let corner = corner(from, to, points[index + 1]) {
        path += "L\(number(corner.before.x)) \(number(corner.before.y))"
        path += "Q\(number(to.x)) \(number(to.y)) \(number(corner.after.x)) \(number(corner.after.y))"
      } else {
        path += "L\(number(to.x)) \(number(to.y))"
      }
    }
    return path
  }

  private func curve(_ from: GraphLayout.Point, _ to: GraphLayout.Point) -> String {
    let isDown = layout.direction == .down
    let middle = isDown ? (from.y + to.y) / 2 : (from.x + to.x) / 2
    let first = isDown ? GraphLayout.Point(from.x, middle) : GraphLayout.Point(middle, from.y)
    let second = isDown ? GraphLayout.Point(to.x, middle) : GraphLayout.Point(middle, to.y)
    return "C\(number(first.x)) \(number(first.y)) \(number(second.x)) \(number(second.y)) "
      + "\(number(to.x)) \(number(to.y))"
  }

  private func corner(
    _ from: GraphLayout.Point, _ at: GraphLayout.Point, _ to: GraphLayout.Point
  ) -> (before: GraphLayout.Point, after: GraphLayout.Point)? {
    let turnsAway = from.x == at.x && at.y == to.y && at.x != to.x
    let turnsAlong = from.y == at.y && at.x == to.x && at.y != to.y
    guard turnsAway || turnsAlong else { return nil }
    func length(_ one: GraphLayout.Point, _ other: GraphLayout.Point) -> Double {
      (one.x - other.x).magnitude + (one.y - other.y).magnitude
    }
    let radius = min(7, length(from, at) / 2, length(at, to) / 2)
    func towards(_ point: GraphLayout.Point) -> GraphLayout.Point {
      let distance = length(at, point)
      return GraphLayout.Point(
        at.x + (point.x - at.x) / distance * radius, at.y + (point.y - at.y) / distance * radius)
    }
    return (towards(from), towards(to))
  }

  private mutating func draw(_ label: GraphLayout.Label) {
    let edge = layout.edges[label.edge]
    var classes = "label \(edge.kind.rawValue)"
    if layout.nodes[edge.source].region != nil { classes += " inside" }
    if let run { classes += run.count(ofEdge: edge.id) > 0 ? " taken" : " idle" }
    text += "<g class=\"\(classes)\"><title>\(Markup.escape(label.text))</title>"
    text += rectangle(label.frame, radius: 3)
    let lineHeight = GraphStyle.points.smallLineHeight
    for (index, line) in label.lines.enumerated() {
      let y = label.frame.y + 2 + lineHeight * Double(index) + 11
      text += "<text x=\"\(number(label.frame.midX))\" y=\"\(number(y))\">\(Markup.escape(line))</text>"
    }
    text += "</g>\n"
  }

  private func number(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.magnitude < 1e15 else { return "0" }
    let whole = Int(tenths)
    return whole % 10 == 0 ? "\(whole / 10)" : "\(Double(whole) / 10)"
  }

  // MARK: Style

  private static let markers =
    [
      ("head", "way"), ("head-catch", "caught"), ("head-taken", "taken"), ("head-caught", "failed"),
      ("head-idle", "faint"),
    ].map { name, color in
      """
      <marker id="\(name)" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" \
      markerUnits="userSpaceOnUse" orient="auto"><path class="in-\(color)" d="M0 0.5L8 4L0 7.5Z"/></marker>
      """
    }.joined()

  /// Colours for light and dark. They are written out in two sets of rules: not every program that shows SVG
  /// knows CSS variables.
  private static let palette: [(name: String, light: String, dark: String)] = [
    ("canvas", "#ffffff", "#11161d"), ("ink", "#16202c", "#e6ebf1"), ("quiet", "#586577", "#9aa7b7"),
    ("way", "#64748b", "#8494a8"), ("caught", "#c2571a", "#e08a4f"), ("taken", "#15803d", "#4ade80"),
    ("failed", "#c81e1e", "#f87171"), ("faint", "#c3ccd7", "#3a4656"), ("task", "#eef4fd", "#172436"),
    ("taskline", "#3b74c9", "#5b92e0"), ("pass", "#f4f5f7", "#1d242d"), ("passline", "#8a94a3", "#76828f"),
    ("choice", "#fdf6e3", "#2b2413"), ("choiceline", "#b98511", "#c99a2e"), ("wait", "#f4effc", "#231c33"),
    ("waitline", "#7c53c3", "#9a78d8"), ("succeed", "#e9f8ee", "#13291b"),
    ("succeedline", "#2a9150", "#43ad68"), ("fail", "#fdecec", "#331919"), ("failline", "#cf3b3b", "#e06060"),
    ("box", "#f8fafc", "#161d26"), ("boxline", "#93a3b8", "#53647a"), ("done", "#e2f5e8", "#133020"),
    ("hurt", "#fde3e3", "#3d1717"),
  ]

  private static let shapes = """
    .stepmill{font-family:"Helvetica Neue",Helvetica,Arial,"Liberation Sans","Noto Sans",sans-serif}
    .node rect,.node polygon{stroke-width:1.3}
    .name{font-size:13px;font-weight:600;text-anchor:middle}
    .caption,.note{font-size:11px;text-anchor:middle}
    .start .name,.node.end .name{font-size:12px}
    .clock,.sheet,.region rect,.edge path{fill:none;stroke-width:1.3}
    .distributedMap rect{stroke-width:2}
    .parallel text,.map text,.distributedMap text{text-anchor:start}
    .region rect{stroke-dasharray:2 4}
    .edge.catch path{stroke-dasharray:5 4}
    .label rect{opacity:.9}
    .label text{font-size:11px;text-anchor:middle}
    .label.default text{font-style:italic}
    .run .node.idle{opacity:.5}
    .run .label.idle text{opacity:.6}
    .run .label.taken text{font-weight:600}
    .run .edge.taken path,.run .node.succeeded rect,.run .node.succeeded polygon,.run .node.failed rect,\
    .run .node.caught rect{stroke-width:2.4}
    .run .node.caught rect{stroke-dasharray:6 3}
    .run .node.aborted rect,.run .node.running rect{stroke-width:2.4;stroke-dasharray:3 3}
    """

  /// With a colour's name behind each dollar sign.
  private static let colors = """
    .canvas,.label rect{fill:$canvas}
    .label.inside rect{fill:$box}
    .name,.note,.label text{fill:$ink}
    .caption,.label.default text{fill:$quiet}
    .task rect{fill:$task;stroke:$taskline}
    .pass rect{fill:$pass;stroke:$passline}
    .choice polygon{fill:$choice;stroke:$choiceline}
    .wait rect{fill:$wait;stroke:$waitline}
    .clock{stroke:$waitline}
    .succeed rect{fill:$succeed;stroke:$succeedline}
    .fail rect{fill:$fail;stroke:$failline}
    .start rect,.node.end rect{fill:$quiet;stroke:$quiet}
    .start .name,.node.end .name{fill:$canvas}
    .parallel rect,.map rect,.distributedMap rect{fill:$box;stroke:$boxline}
    .sheet,.region rect{stroke:$boxline}
    .edge path{stroke:$way}
    .edge.catch path{stroke:$caught}
    .label.catch text{fill:$caught}
    .in-way{fill:$way}.in-caught{fill:$caught}.in-taken{fill:$taken}.in-failed{fill:$failed}.in-faint{fill:$faint}
    .run .edge.idle path{stroke:$faint}
    .run .edge.taken path{stroke:$taken}
    .run .edge.catch.taken path{stroke:$failed}
    .run .node.succeeded rect,.run .node.succeeded polygon{fill:$done;stroke:$taken}
    .run .node.parallel.succeeded rect,.run .node.map.succeeded rect,\
    .run .node.distributedMap.succeeded rect{fill:$box}
    .run .node.failed rect,.run .node.failed polygon,.run .node.caught rect{fill:$hurt;stroke:$failed}
    .run .node.parallel.failed rect,.run .node.map.failed rect,.run .node.distributedMap.failed rect,\
    .run .node.parallel.caught rect,.run .node.map.caught rect,.run .node.distributedMap.caught rect{fill:$box}
    .run .node.aborted rect,.run .node.running rect{stroke:$caught}
    """

  private static let style =
    shapes + colored(false) + "@media(prefers-color-scheme:dark){" + colored(true) + "}"

  private static func colored(_ isDark: Bool) -> String {
    var text = ""
    for (index, part) in colors.split(separator: "$", omittingEmptySubsequences: false).enumerated() {
      guard index > 0 else {
        text += part
        continue
      }
      let name = part.prefix { $0.isLetter }
      let color = palette.first { $0.name == name }
      text += (isDark ? color?.dark : color?.light) ?? "red"
      text += part.dropFirst(name.count)
    }
    return text
  }
}

/// Text inside markup.
enum Markup {
  static func escape(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      default:
        // XML has no words for control characters, nor for what is not a character.
        let isForbidden = scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF
        result.unicodeScalars.append(isForbidden ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }
}
