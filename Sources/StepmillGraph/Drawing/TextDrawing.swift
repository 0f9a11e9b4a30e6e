import Stepmill

// A layout in a terminal's cells, with the box-drawing characters. The lines in a cell are kept
// as the sides that they touch, so that ways which meet become the right crossing by themselves.

package enum TextDrawing {
  /// Colours are escape sequences; without them a recorded run shows as notes only.
  package struct Options: Sendable {
    package var width: Int
    package var isColored: Bool
    package var direction: GraphLayout.Direction

    package init(width: Int, isColored: Bool = false, direction: GraphLayout.Direction = .down) {
      self.width = width
      self.isColored = isColored
      self.direction = direction
    }
  }

  /// More states than this make no picture that fits a terminal.
  private static let statesMax = 400
  private static let cellsMax = 4_000_000

  /// The picture, with lines broken more often until it fits; else a list of the states.
  package static func text(_ outline: DefinitionOutline, options: Options, run: RecordedRun? = nil) -> String
  {
    if outline.stateCount <= statesMax {
      for textWidth in [32, 26, 21, 17, 14, 11] {
        let layout = GraphLayout(
          outline, direction: options.direction,
          style: .cells(textWidthMax: textWidth, options.direction), notes: run?.notes ?? [:])
        guard Int(layout.size.width) <= options.width else { continue }
        guard Int(layout.size.height) * options.width <= cellsMax else { break }
        return text(layout, run: run, isColored: options.isColored)
      }
    }
    return ListDrawing.text(outline, width: options.width, run: run)
  }

  static func text(_ layout: GraphLayout, run: RecordedRun?, isColored: Bool) -> String {
    var run = run
    run?.paint(layout)
    var canvas = CellCanvas(width: Int(layout.size.width), height: Int(layout.size.height))
    for node in layout.nodes where node.kind.isContainer { canvas.draw(node, run) }
    for node in layout.nodes where !node.kind.isContainer { canvas.draw(node, run) }
    // Taken ways last: they show where others share their cells.
    for edge in layout.edges where run?.count(ofEdge: edge.id) ?? 0 == 0 { canvas.draw(edge, layout, run) }
    if let run {
      for edge in layout.edges where run.count(ofEdge: edge.id) > 0 { canvas.draw(edge, layout, run) }
    }
    for label in layout.labels { canvas.draw(label, layout, run) }
    return canvas.text(isColored: isColored)
  }
}

private struct CellCanvas {
  enum Ink: UInt8 {
    case plain, faint, bold, taken, failed, caught

    var code: String {
      switch self {
      case .plain: ""
      case .faint: "2"
      case .bold: "1"
      case .taken: "32"
      case .failed: "1;31"
      case .caught: "33"
      }
    }
  }

  struct Cell {
    var character: Character?
    var sides: UInt8 = 0
    var isDashed = false
    var ink = Ink.plain
    /// The second half of a wide character.
    var isCovered = false
  }

  let width: Int
  let height: Int
  var cells: [Cell]

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    cells = [Cell](repeating: Cell(), count: width * height)
  }

  private func index(_ x: Int, _ y: Int) -> Int? {
    x >= 0 && y >= 0 && x < width && y < height ? y * width + x : nil
  }

  private mutating func set(_ x: Int, _ y: Int, _ character: Character, _ ink: Ink) {
    guard let index = index(x, y) else { return }
    cells[index].character = character
    cells[index].ink = ink
  }

  private mutating func write(_ text: String, _ x: Int, _ y: Int, _ ink: Ink) {
    var x = x
    for character in text {
      let columns = TextMetrics.columns(character)
      if columns == 0 {
        if let index = index(x - 1, y), let base = cells[index].character {
          cells[index].character = Character(String(base) + String(character))
        }
        continue
      }
      set(x, y, character, ink)
      if columns == 2, let index = index(x + 1, y) {
        cells[index].isCovered = true
        cells[index].character = " "
      }
      x += columns
    }
  }

  // MARK: Nodes

  mutating func draw(_ node: GraphLayout.Node, _ run: RecordedRun?) {
    let (x, y) = (Int(node.frame.x), Int(node.frame.y))
    let ink = self.ink(of: node, run)
    if node.kind.isMark {
      let sign = node.kind == .start ? "●" : "◉"
      let text = node.title.first.map { "\(sign) \($0)" } ?? sign
      write(text, x + (Int(node.frame.width) - text.count) / 2, y, ink)
      return
    }
    drawBorder(node, ink)
    let lines = node.title.map { ($0, Ink.bold) } + (node.caption + node.note).map { ($0, Ink.plain) }
    let frame = node.textFrame
    var row = Int(frame.y) + 1 + max(0, (Int(frame.height) - 2 - lines.count) / 2)
    for (line, lineInk) in lines {
      let free = Int(frame.width) - TextMetrics.columns(line)
      let from = node.kind.isContainer ? 2 : free / 2
      write(line, Int(frame.x) + from, row, ink == .plain ? lineInk : ink)
      row += 1
    }
  }

  private func ink(of node: GraphLayout.Node, _ run: RecordedRun?) -> Ink {
    guard let run else { return .plain }
    if node.kind.isMark { return run.isTaken(mark: node.id) ? .taken : .faint }
    switch run.status(of: node.state) {
    case .succeeded: return .taken
    case .failed: return .failed
    case .caught, .aborted, .running: return .caught
    case nil: return .faint
    }
  }

  private mutating func drawBorder(_ node: GraphLayout.Node, _ ink: Ink) {
    let (x, y) = (Int(node.frame.x), Int(node.frame.y))
    let (right, bottom) = (Int(node.frame.maxX) - 1, Int(node.frame.maxY) - 1)
    let signs: [Character]
    switch node.kind {
    case .choice: signs = Array("╱╲╲╱─│")
    case .wait, .succeed: signs = Array("╭╮╰╯─│")
    case .fail: signs = Array("┏┓┗┛━┃")
    case .map, .distributedMap: signs = Array("╔╗╚╝═║")
    case .parallel, .task, .pass, .start, .end: signs = Array("┌┐└┘─│")
    }
    for column in x...max(x, right) {
      set(column, y, signs[4], ink)
      set(column, bottom, signs[4], ink)
    }
    for row in y...max(y, bottom) {
      set(x, row, signs[5], ink)
      set(right, row, signs[5], ink)
    }
    set(x, y, signs[0], ink)
    set(right, y, signs[1], ink)
    set(x, bottom, signs[2], ink)
    set(right, bottom, signs[3], ink)
  }

  // MARK: Ways

  private static let (up, down, left, right): (UInt8, UInt8, UInt8, UInt8) = (1, 2, 4, 8)

  mutating func draw(_ edge: GraphLayout.Edge, _ layout: GraphLayout, _ run: RecordedRun?) {
    let path = Self.cells(edge.points)
    guard let first = path.first, let last = path.last, edge.points.count >= 2 else { return }
    var ink = edge.kind == .catch ? Ink.caught : .plain
    if let run {
      ink = run.count(ofEdge: edge.id) == 0 ? .faint : edge.kind == .catch ? .failed : .taken
    }
    func touch(_ cell: (x: Int, y: Int), _ side: UInt8, _ canvas: inout CellCanvas) {
      guard let index = canvas.index(cell.x, cell.y) else { return }
      let isNew = canvas.cells[index].sides == 0
      canvas.cells[index].isDashed =
        edge.kind == .catch && (isNew || canvas.cells[index].isDashed)
      canvas.cells[index].sides |= side
      canvas.cells[index].ink = ink
    }
    // A way leaves in the flow's direction, even if it turns in its very first cell.
    let flow = layout.direction == .down ? Self.down : Self.right
    let start =
      edge.source == edge.target ? Self.direction(edge.points[0], edge.points[1]) : flow
    touch(first, Self.opposite(start), &self)
    for (from, to) in zip(path, path.dropFirst()) {
      let side: UInt8 =
        to.y > from.y ? Self.down : to.y < from.y ? Self.up : to.x > from.x ? Self.right : Self.left
      touch(from, side, &self)
      touch(to, Self.opposite(side), &self)
    }
    let end = Self.direction(edge.points[edge.points.count - 2], edge.points[edge.points.count - 1])
    let heads: [UInt8: Character] = [Self.down: "▼", Self.up: "▲", Self.right: "▶", Self.left: "◀"]
    set(last.x, last.y, heads[end] ?? "▼", ink)
    drawExit(first, start)
  }

  /// Where a way leaves, the border opens.
  private mutating func drawExit(_ cell: (x: Int, y: Int), _ direction: UInt8) {
    let (x, y, light, heavy, double): (Int, Int, Character, Character, Character)
    switch direction {
    case Self.down: (x, y, light, heavy, double) = (cell.x, cell.y - 1, "┬", "┯", "╤")
    case Self.right: (x, y, light, heavy, double) = (cell.x - 1, cell.y, "├", "┠", "╟")
    default: return
    }
    guard let index = index(x, y), let sign = cells[index].character else { return }
    switch sign {
    case "─", "│": cells[index].character = light
    case "━", "┃": cells[index].character = heavy
    case "═", "║": cells[index].character = double
    default: break
    }
  }

  private static func direction(_ from: GraphLayout.Point, _ to: GraphLayout.Point) -> UInt8 {
    to.y > from.y ? down : to.y < from.y ? up : to.x > from.x ? right : left
  }

  private static func opposite(_ side: UInt8) -> UInt8 {
    switch side {
    case up: down
    case down: up
    case left: right
    default: left
    }
  }

  /// The cells that a way passes, in order. Corners are cells; the way's ends are borders of nodes, so the
  /// last cell of one that leads down or to the right is the one before them.
  private static func cells(_ points: [GraphLayout.Point]) -> [(x: Int, y: Int)] {
    var cells: [(x: Int, y: Int)] = []
    for (index, point) in points.enumerated() {
      var (x, y) = (Int(point.x), Int(point.y))
      if index == points.count - 1, index > 0 {
        let direction = direction(points[index - 1], point)
        if direction == down { y -= 1 }
        if direction == right { x -= 1 }
      }
      guard let last = cells.last else {
        cells.append((x, y))
        continue
      }
      var (column, row) = last
      while column != x || row != y {
        // Ways have right angles; were one oblique, it would go across first.
        if column != x { column += column < x ? 1 : -1 } else { row += row < y ? 1 : -1 }
        cells.append((column, row))
      }
    }
    return cells
  }

  mutating func draw(_ label: GraphLayout.Label, _ layout: GraphLayout, _ run: RecordedRun?) {
    let edge = layout.edges[label.edge]
    var ink = edge.kind == .catch ? Ink.caught : .plain
    if let run { ink = run.count(ofEdge: edge.id) > 0 ? (edge.kind == .catch ? .failed : .taken) : .faint }
    for (index, line) in label.lines.enumerated() {
      let free = Int(label.frame.width) - TextMetrics.columns(line)
      write(line, Int(label.frame.x) + max(0, free / 2), Int(label.frame.y) + index, ink)
    }
  }

  // MARK: Text

  /// By sides: up 1, down 2, left 4, right 8.
  private static let signs: [Character] = Array(" ╵╷│╴┘┐┤╶└┌├─┴┬┼")

  func text(isColored: Bool) -> String {
    var text = ""
    for row in 0..<height {
      var line = ""
      var ink = Ink.plain
      var end = width
      while end > 0, cells[row * width + end - 1].character == nil, cells[row * width + end - 1].sides == 0 {
        end -= 1
      }
      for column in 0..<end {
        let cell = cells[row * width + column]
        if cell.isCovered { continue }
        let sign = sign(of: cell)
        if isColored, cell.ink != ink, sign != " " {
          if ink != .plain { line += "\u{1B}[0m" }
          if cell.ink != .plain { line += "\u{1B}[\(cell.ink.code)m" }
          ink = cell.ink
        }
        line.append(sign)
      }
      if ink != .plain { line += "\u{1B}[0m" }
      while line.last == " " { line.removeLast() }
      text += line + "\n"
    }
    return text
  }

  private func sign(of cell: Cell) -> Character {
    if let character = cell.character { return character }
    if cell.isDashed, cell.sides == Self.up | Self.down { return "┆" }
    if cell.isDashed, cell.sides == Self.left | Self.right { return "┄" }
    return Self.signs[Int(cell.sides)]
  }
}

/// The states one below the other, for what is too wide for a picture.
enum ListDrawing {
  static func text(_ outline: DefinitionOutline, width: Int, run: RecordedRun?) -> String {
    var lines: [String] = []
    write(outline.machine, prefix: "", width, run, &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func write(
    _ machine: DefinitionOutline.Machine, prefix: String, _ width: Int, _ run: RecordedRun?,
    _ lines: inout [String]
  ) {
    add("● Start → \(machine.startAt)", prefix, prefix + "  ", width, &lines)
    for state in machine.states { write(state, prefix: prefix, width, run, &lines) }
  }

  private static func write(
    _ state: DefinitionOutline.State, prefix: String, _ width: Int, _ run: RecordedRun?,
    _ lines: inout [String]
  ) {
    let note = (run?.notes[state.name] ?? []).map { " [\($0)]" }.joined()
    add("■ \(state.name) (\(StateCaption.text(state)))\(note)", prefix, prefix + "  ", width, &lines)
    let inner = prefix + "│ "
    switch state.kind {
    case .parallel(let branches):
      for branch in branches { write(branch, prefix: inner, width, run, &lines) }
    case .map(let map): write(map.processor, prefix: inner, width, run, &lines)
    case .choice(let rules, let defaultState):
      for rule in rules {
        add("├ \(ConditionText.text(rule.condition)) → \(rule.next)", inner, inner + "│   ", width, &lines)
      }
      if let defaultState { add("├ otherwise → \(defaultState)", inner, inner + "│   ", width, &lines) }
    case .pass, .task, .wait, .succeed, .fail: break
    }
    for catcher in state.catchers {
      let errors = catcher.errorEquals.joined(separator: ", ")
      add("├ on \(errors) ⇢ \(catcher.next)", inner, inner + "│   ", width, &lines)
    }
    if let next = state.next { add("└ → \(next)", inner, inner + "    ", width, &lines) }
    if state.isEnd { add("└ → End", inner, inner + "    ", width, &lines) }
  }

  private static func add(
    _ text: String, _ first: String, _ others: String, _ width: Int, _ lines: inout [String]
  ) {
    // Even where boxes are nested deeper than the terminal is wide, some text is left.
    let room = Double(max(12, width - TextMetrics.columns(others)))
    let broken = TextMetrics.wrap(text, width: room) { Double(TextMetrics.columns($0)) }
    for (index, line) in broken.enumerated() { lines.append((index == 0 ? first : others) + line) }
  }
}
