import Stepmill

// The graph in other people's languages, which lay it out themselves: names and ways only.

/// Mermaid's flowcharts, which many wikis and code hosts draw.
package enum MermaidDrawing {
  package static func text(_ layout: GraphLayout) -> String {
    var text = "flowchart \(layout.direction == .down ? "TB" : "LR")\n"
    let tree = RegionTree(layout)
    write(tree.outer, layout, tree, indent: "  ", &text)
    for edge in layout.edges {
      let label = edge.label.map { "|\"\(escape(layout.labels[$0].text))\"|" } ?? ""
      text += "  n\(edge.source) \(edge.kind == .catch ? "-.->" : "-->")\(label) n\(edge.target)\n"
    }
    text += """
        classDef choice fill:#fdf6e3,stroke:#b98511,color:#16202c
        classDef wait fill:#f4effc,stroke:#7c53c3,color:#16202c
        classDef succeed fill:#e9f8ee,stroke:#2a9150,color:#16202c
        classDef fail fill:#fdecec,stroke:#cf3b3b,color:#16202c
        classDef task fill:#eef4fd,stroke:#3b74c9,color:#16202c

      """
    for kind in [GraphLayout.Node.Kind.choice, .wait, .succeed, .fail, .task] {
      let names = layout.nodes.filter { $0.kind == kind }.map { "n\($0.id)" }
      if !names.isEmpty { text += "  class \(names.joined(separator: ",")) \(kind.rawValue)\n" }
    }
    return text
  }

  private static func write(
    _ nodes: [Int], _ layout: GraphLayout, _ tree: RegionTree, indent: String, _ text: inout String
  ) {
    for id in nodes {
      let node = layout.nodes[id]
      guard node.kind.isContainer else {
        text += "\(indent)n\(id)\(shape(node))\n"
        continue
      }
      text += "\(indent)subgraph n\(id)[\"\(words(node))\"]\n"
      for region in tree.regions[id] ?? [] {
        let isBranch = node.kind == .parallel
        let inner = isBranch ? indent + "    " : indent + "  "
        if isBranch { text += "\(indent)  subgraph r\(region)[\" \"]\n" }
        write(tree.inside[region] ?? [], layout, tree, indent: inner, &text)
        if isBranch { text += "\(indent)  end\n" }
      }
      text += "\(indent)end\n"
    }
  }

  private static func shape(_ node: GraphLayout.Node) -> String {
    let words = "\"\(words(node))\""
    switch node.kind {
    case .start: return "((\"Start\"))"
    case .end: return "(((\"End\")))"
    case .choice: return "{{\(words)}}"
    case .wait, .succeed, .fail: return "([\(words)])"
    case .pass, .task, .parallel, .map, .distributedMap: return "[\(words)]"
    }
  }

  private static func words(_ node: GraphLayout.Node) -> String {
    let caption = node.caption.joined(separator: " ")
    return escape(TextMetrics.readable(node.state)) + (caption.isEmpty ? "" : "<br/>\(escape(caption))")
  }

  /// Mermaid's own entities, which its parser leaves alone.
  private static func escape(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "#", "<", ">", "&", "`", "\\", "|", ";", "[", "]", "{", "}", "(", ")", "_", "*":
        result += "#\(scalar.value);"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// Graphviz' language.
package enum DOTDrawing {
  package static func text(_ layout: GraphLayout) -> String {
    var text = "digraph workflow {\n  rankdir=\(layout.direction == .down ? "TB" : "LR");\n  compound=true;\n"
    text += "  node [fontname=\"Helvetica\", fontsize=12, style=\"rounded,filled\", shape=box];\n"
    text += "  edge [fontname=\"Helvetica\", fontsize=10];\n"
    let tree = RegionTree(layout)
    write(tree.outer, layout, tree, indent: "  ", &text)
    for edge in layout.edges {
      var attributes: [String] = []
      if let label = edge.label {
        attributes.append("label=\(quote(layout.labels[label].lines.joined(separator: "\n")))")
      }
      if edge.kind == .catch { attributes.append("style=dashed, color=\"#c2571a\"") }
      if edge.isBack { attributes.append("constraint=false") }
      // An edge to a box leads to its first node, and is cut off at the border.
      let (tail, head) = (tree.inner(edge.source, layout), tree.inner(edge.target, layout))
      if tail != edge.source { attributes.append("ltail=cluster_n\(edge.source)") }
      if head != edge.target { attributes.append("lhead=cluster_n\(edge.target)") }
      let list = attributes.isEmpty ? "" : " [\(attributes.joined(separator: ", "))]"
      text += "  n\(tail) -> n\(head)\(list);\n"
    }
    return text + "}\n"
  }

  private static func write(
    _ nodes: [Int], _ layout: GraphLayout, _ tree: RegionTree, indent: String, _ text: inout String
  ) {
    for id in nodes {
      let node = layout.nodes[id]
      guard node.kind.isContainer else {
        text += "\(indent)n\(id) [\(attributes(node))];\n"
        continue
      }
      let label = quote((node.title + node.caption).joined(separator: "\n"))
      text += "\(indent)subgraph cluster_n\(id) {\n\(indent)  label=\(label);\n"
      for region in tree.regions[id] ?? [] {
        let isBranch = node.kind == .parallel
        let inner = isBranch ? indent + "    " : indent + "  "
        if isBranch {
          text += "\(indent)  subgraph cluster_r\(region) {\n\(inner)label=\"\"; style=dotted;\n"
        }
        write(tree.inside[region] ?? [], layout, tree, indent: inner, &text)
        if isBranch { text += "\(indent)  }\n" }
      }
      text += "\(indent)}\n"
    }
  }

  private static func attributes(_ node: GraphLayout.Node) -> String {
    let label = "label=\(quote((node.title + node.caption).joined(separator: "\n")))"
    switch node.kind {
    case .start: return "label=\"\", shape=circle, width=0.2, fillcolor=black, style=filled"
    case .end: return "label=\"\", shape=doublecircle, width=0.15, fillcolor=black, style=filled"
    case .choice: return "\(label), shape=hexagon, style=filled, fillcolor=\"#fdf6e3\""
    case .wait: return "\(label), fillcolor=\"#f4effc\""
    case .succeed: return "\(label), fillcolor=\"#e9f8ee\""
    case .fail: return "\(label), fillcolor=\"#fdecec\""
    case .task: return "\(label), fillcolor=\"#eef4fd\""
    case .pass, .parallel, .map, .distributedMap: return "\(label), fillcolor=\"#f4f5f7\""
    }
  }

  private static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Which nodes stand in which region.
struct RegionTree {
  var outer: [Int] = []
  var inside: [Int: [Int]] = [:]
  /// The regions of each container.
  var regions: [Int: [Int]] = [:]

  init(_ layout: GraphLayout) {
    for node in layout.nodes {
      if let region = node.region {
        inside[region, default: []].append(node.id)
      } else {
        outer.append(node.id)
      }
    }
    for region in layout.regions { regions[region.node, default: []].append(region.id) }
  }

  /// A node that is no box: the first one inside, for a box.
  func inner(_ node: Int, _ layout: GraphLayout) -> Int {
    var node = node
    while layout.nodes[node].kind.isContainer, let region = regions[node]?.first,
      let first = inside[region]?.first
    {
      node = first
    }
    return node
  }
}

/// The layout itself for other programs.
package enum JSONDrawing {
  package static func json(_ layout: GraphLayout, run: RecordedRun? = nil) -> JSON {
    [
      "direction": JSON(layout.direction.rawValue),
      "width": number(layout.size.width), "height": number(layout.size.height),
      "nodes": JSON(layout.nodes.map { json($0, run) }),
      "regions": JSON(
        layout.regions.map { region in
          [
            "id": JSON(region.id), "node": JSON(region.node), "index": JSON(region.index),
            "frame": json(region.frame),
          ]
        }),
      "edges": JSON(layout.edges.map { json($0, run) }),
      "labels": JSON(
        layout.labels.map { label in
          [
            "id": JSON(label.id), "edge": JSON(label.edge), "frame": json(label.frame),
            "lines": JSON(label.lines.map { JSON($0) }), "text": JSON(label.text),
          ]
        }),
    ]
  }

  private static func json(_ node: GraphLayout.Node, _ run: RecordedRun?) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("id", JSON(node.id)), ("kind", JSON(node.kind.rawValue)), ("state", JSON(node.state)),
      ("pointer", JSON(node.pointer)), ("region", node.region.map { JSON($0) } ?? .null),
      ("frame", json(node.frame)), ("textFrame", json(node.textFrame)),
      ("title", JSON(node.title.map { JSON($0) })), ("caption", JSON(node.caption.map { JSON($0) })),
    ]
    if let visits = run?.visits[node.state], !node.kind.isMark {
      members += [
        ("status", JSON(visits.status.rawValue)), ("count", JSON(visits.entered)),
        ("failures", JSON(visits.failures)), ("milliseconds", JSON(visits.milliseconds)),
      ]
    }
    return JSON(members: members)
  }

  private static func json(_ edge: GraphLayout.Edge, _ run: RecordedRun?) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("id", JSON(edge.id)), ("kind", JSON(edge.kind.rawValue)), ("source", JSON(edge.source)),
      ("target", JSON(edge.target)), ("isBack", JSON(edge.isBack)),
      ("points", JSON(edge.points.map { JSON([number($0.x), number($0.y)]) })),
      ("label", edge.label.map { JSON($0) } ?? .null),
    ]
    if let run { members.append(("count", JSON(run.count(ofEdge: edge.id)))) }
    return JSON(members: members)
  }

  private static func json(_ frame: GraphLayout.Rectangle) -> JSON {
    [
      "x": number(frame.x), "y": number(frame.y), "width": number(frame.width),
      "height": number(frame.height),
    ]
  }

  private static func number(_ value: Double) -> JSON { Int(exactly: value).map { JSON($0) } ?? JSON(value) }
}
