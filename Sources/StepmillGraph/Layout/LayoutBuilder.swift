import Stepmill

// From a definition to a layout: sizes first, inner machines before those around them, since a
// Parallel or Map is as large as what is in it.

extension GraphLayout {
  /// Lays a definition out.
  ///
  /// - Parameter notes: Lines to show with states, by the states' names.
  package init(
    _ outline: DefinitionOutline, direction: Direction = .down, style: GraphStyle = .points,
    notes: [String: [String]] = [:]
  ) {
    let builder = LayoutBuilder(style: style, direction: direction, notes: notes)
    var layout = builder.machine(outline.machine, isOuter: true)
    let padding = style.outerPadding
    layout.move(padding, padding)
    layout.size.width += 2 * padding
    layout.size.height += 2 * padding
    layout.comment = outline.comment
    self = layout
  }

  fileprivate mutating func move(_ x: Double, _ y: Double) {
    for index in nodes.indices {
      nodes[index].frame.move(x, y)
      nodes[index].textFrame.move(x, y)
    }
    for index in regions.indices { regions[index].frame.move(x, y) }
    for index in labels.indices { labels[index].frame.move(x, y) }
    for index in edges.indices {
      for point in edges[index].points.indices {
        edges[index].points[point].x += x
        edges[index].points[point].y += y
      }
    }
  }

  /// Adds what is inside a region.
  fileprivate mutating func add(_ inner: GraphLayout, region: Int) {
    let (nodeBase, edgeBase) = (nodes.count, edges.count)
    let (labelBase, regionBase) = (labels.count, regions.count)
    for var node in inner.nodes {
      node.id += nodeBase
      node.region = node.region.map { $0 + regionBase } ?? region
      nodes.append(node)
    }
    for var region in inner.regions {
      region.id += regionBase
      region.node += nodeBase
      regions.append(region)
    }
    for var edge in inner.edges {
      edge.id += edgeBase
      edge.source += nodeBase
      edge.target += nodeBase
      edge.label = edge.label.map { $0 + labelBase }
      edges.append(edge)
    }
    for var label in inner.labels {
      label.id += labelBase
      label.edge += edgeBase
      labels.append(label)
    }
  }
}

extension GraphLayout.Rectangle {
  mutating func move(_ dx: Double, _ dy: Double) {
    x += dx
    y += dy
  }

  var transposed: GraphLayout.Rectangle { .init(x: y, y: x, width: height, height: width) }
}

private struct LayoutBuilder {
  let style: GraphStyle
  let direction: GraphLayout.Direction
  let notes: [String: [String]]

  /// A node before it has a place.
  struct Draft {
    var node: GraphLayout.Node
    /// Machines inside it, placed from its top left corner.
    var inner: [(layout: GraphLayout, frame: GraphLayout.Rectangle)] = []
  }

  func machine(_ machine: DefinitionOutline.Machine, isOuter: Bool) -> GraphLayout {
    let graph = MachineGraph(machine)
    var drafts = [mark(.start, isOuter)]
    drafts += graph.states.map(state)
    if graph.hasEnd { drafts.append(mark(.end, isOuter)) }
    let labels = graph.edges.map(label)
    let isDown = direction == .down
    let result = LayeredLayout.run(
      style: style,
      nodes: drafts.map { draft in
        let frame = isDown ? draft.node.frame : draft.node.frame.transposed
        return LayeredLayout.Node(width: frame.width, height: frame.height)
      },
      edges: zip(graph.edges, labels).map { edge, label in
        LayeredLayout.Edge(
          source: edge.source, target: edge.target,
          label: label.map { isDown ? $0.size : .init(width: $0.size.height, height: $0.size.width) },
          isDashed: edge.kind == .catch)
      })
    return assemble(graph, drafts, labels, isDown ? result : result.transposed)
  }

  private func assemble(
    _ graph: MachineGraph, _ drafts: [Draft], _ labels: [LabelText?], _ result: LayeredLayout.Result
  ) -> GraphLayout {
    var layout = GraphLayout(direction: direction, size: result.size, comment: nil)
    for (index, draft) in drafts.enumerated() {
      var node = draft.node
      node.id = index
      let place = result.frames[index]
      node.textFrame.move(place.x, place.y)
      // Ways to itself may have made it taller.
      if !node.kind.isContainer {
        node.textFrame.width += place.width - node.frame.width
        node.textFrame.height += place.height - node.frame.height
      }
      node.frame = place
      layout.nodes.append(node)
    }
    for (index, edge) in graph.edges.enumerated() {
      var label: Int?
      if let frame = result.labels[index], let text = labels[index] {
        label = layout.labels.count
        layout.labels.append(
          GraphLayout.Label(
            id: layout.labels.count, edge: index, frame: frame, lines: text.lines, text: text.text))
      }
      layout.edges.append(
        GraphLayout.Edge(
          id: index, kind: edge.kind, source: edge.source, target: edge.target, isBack: result.isBack[index],
          points: result.points[index], label: label))
    }
    for (index, draft) in drafts.enumerated() {
      for (branch, inner) in draft.inner.enumerated() {
        var frame = inner.frame
        frame.move(layout.nodes[index].frame.x, layout.nodes[index].frame.y)
        let region = layout.regions.count
        layout.regions.append(
          GraphLayout.Region(id: region, node: index, index: branch, frame: frame))
        var content = inner.layout
        content.move(frame.x, frame.y)
        layout.add(content, region: region)
      }
    }
    return layout
  }

  // MARK: Nodes

  private func mark(_ kind: GraphLayout.Node.Kind, _ isOuter: Bool) -> Draft {
    let size =
      isOuter ? style.outerMark : GraphLayout.Size(width: style.markSize, height: style.markSize)
    let frame = GraphLayout.Rectangle(x: 0, y: 0, width: size.width, height: size.height)
    return Draft(
      node: GraphLayout.Node(
        id: 0, kind: kind, state: "", pointer: "", region: nil, frame: frame, textFrame: frame,
        title: isOuter ? [kind == .start ? "Start" : "End"] : [], caption: [], note: []))
  }

  private func state(_ state: DefinitionOutline.State) -> Draft {
    var kind: GraphLayout.Node.Kind
    var machines: [DefinitionOutline.Machine] = []
    switch state.kind {
    case .pass: kind = .pass
    case .task: kind = .task
    case .choice: kind = .choice
    case .wait: kind = .wait
    case .succeed: kind = .succeed
    case .fail: kind = .fail
    case .parallel(let branches):
      kind = .parallel
      machines = branches
    case .map(let map):
      kind = map.isDistributed ? .distributedMap : .map
      machines = [map.processor]
    }
    let inner = machines.map { machine in
      var layout = self.machine(machine, isOuter: false)
      layout.move(style.innerPadding, style.innerPadding)
      layout.size.width += 2 * style.innerPadding
      layout.size.height += 2 * style.innerPadding
      return layout
    }
    let content = arrange(inner)
    let small = { style.smallWidth($0) }
    // A large box has room for longer lines.
    let wider = max(0, content.size.width - 2 * style.paddingX)
    let title = TextMetrics.wrap(state.name, width: max(style.titleWidthMax, wider)) { style.titleWidth($0) }
    let caption = TextMetrics.wrap(
      StateCaption.text(state), width: max(style.captionWidthMax, wider), linesMax: 3, measure: small)
    let note = (notes[state.name] ?? []).flatMap {
      TextMetrics.wrap($0, width: max(style.captionWidthMax, wider), linesMax: 2, measure: small)
    }
    let textWidth = max(
      title.reduce(0) { max($0, style.titleWidth($1)) }, (caption + note).reduce(0) { max($0, small($1)) })
    // The corners of a Choice are cut off, and a Wait has a clock.
    let isRoomy = !style.isCells && (kind == .choice || kind == .wait)
    let paddingX = style.paddingX + (isRoomy ? (kind == .wait ? 16 : 8) : 0)
    var width = max(style.nodeWidthMin, textWidth + 2 * paddingX, content.size.width)
    let textHeight =
      Double(title.count) * style.titleLineHeight + Double(caption.count + note.count) * style.smallLineHeight
    var height = textHeight + 2 * style.paddingY
    width = style.isCells ? odd(width) : (width / 2).rounded(.up) * 2
    if style.isCells, direction == .right { height = odd(height) }
    var frame = GraphLayout.Rectangle(x: 0, y: 0, width: width, height: height)
    let textFrame = frame
    var placed: [(layout: GraphLayout, frame: GraphLayout.Rectangle)] = []
    if !inner.isEmpty {
      // The border's lower line belongs to the text's frame in cells, and is further down here.
      let top = textFrame.maxY - (style.isCells ? 1 : 4)
      let shift = ((width - content.size.width) / 2).rounded(.down)
      for (layout, place) in zip(inner, content.frames) {
        var place = place
        place.move(shift, top)
        placed.append((layout, place))
      }
      frame.height = top + content.size.height
      if style.isCells, direction == .right { frame.height = odd(frame.height) }
    }
    return Draft(
      node: GraphLayout.Node(
        id: 0, kind: kind, state: state.name, pointer: state.pointer, region: nil, frame: frame,
        textFrame: textFrame, title: title, caption: caption, note: note),
      inner: placed)
  }

  private func odd(_ value: Double) -> Double {
    let whole = value.rounded(.up)
    return whole.truncatingRemainder(dividingBy: 2) == 0 ? whole + 1 : whole
  }

  /// Branches stand beside each other, across the flow.
  private func arrange(_ layouts: [GraphLayout]) -> (frames: [GraphLayout.Rectangle], size: GraphLayout.Size)
  {
    guard !layouts.isEmpty else { return ([], GraphLayout.Size(width: 0, height: 0)) }
    let padding = style.regionPadding
    let side = style.isCells ? padding + 1 : padding
    var frames: [GraphLayout.Rectangle] = []
    var x = side
    var y = 0.0
    var size = GraphLayout.Size(width: 0, height: 0)
    for layout in layouts {
      frames.append(
        GraphLayout.Rectangle(x: x, y: y, width: layout.size.width, height: layout.size.height))
      size.width = max(size.width, x + layout.size.width + side)
      size.height = max(size.height, y + layout.size.height + padding)
      if direction == .down {
        x += layout.size.width + (style.isCells ? 3 : padding)
      } else {
        y += layout.size.height + (style.isCells ? 1 : padding)
      }
    }
    return (frames, size)
  }

  // MARK: Labels

  private struct LabelText {
    var lines: [String]
    var text: String
    var size: GraphLayout.Size
  }

  private static let reasonsMax = 4

  private func label(_ edge: MachineGraph.Edge) -> LabelText? {
    guard !edge.texts.isEmpty else { return nil }
    let shown = edge.texts.count <= Self.reasonsMax ? edge.texts.count : Self.reasonsMax - 1
    let separator = edge.kind == .catch ? "," : " or"
    var lines: [String] = []
    for (index, text) in edge.texts.prefix(shown).enumerated() {
      let isLast = index == edge.texts.count - 1
      // Long ones get wider before they get too tall.
      let long = style.smallWidth(text) / style.labelWidthMax
      let width = style.labelWidthMax * (style.isCells ? 1 : min(1.7, max(1, long / 4)))
      lines += TextMetrics.wrap(
        text + (isLast ? "" : separator), width: width.rounded(), linesMax: style.labelLinesMax
      ) {
        style.smallWidth($0)
      }
    }
    if shown < edge.texts.count { lines.append("\(edge.texts.count - shown) more") }
    var width = lines.reduce(0) { max($0, style.smallWidth($1)) } + (style.isCells ? 0 : 8)
    var height = Double(lines.count) * style.smallLineHeight + (style.isCells ? 0 : 4)
    width = style.isCells ? odd(width) : (width / 2).rounded(.up) * 2
    if style.isCells, direction == .right { height = odd(height) }
    let text = edge.texts.map { TextMetrics.readable($0) }.joined(
      separator: edge.kind == .catch ? ", " : " or ")
    return LabelText(lines: lines, text: text, size: GraphLayout.Size(width: width, height: height))
  }
}

extension LayeredLayout.Result {
  var transposed: LayeredLayout.Result {
    LayeredLayout.Result(
      frames: frames.map(\.transposed), points: points.map { $0.map { .init($0.y, $0.x) } },
      labels: labels.map { $0?.transposed }, isBack: isBack,
      size: GraphLayout.Size(width: size.height, height: size.width))
  }
}
