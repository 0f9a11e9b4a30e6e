#if !STEPMILL_FUZZER
  @testable import Stepmill
  @testable import StepmillGraph
#endif

/// A definition, and behind a zero byte a history or a sample of its input: checked, laid out, drawn in
/// every way and forecast.
enum GraphFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let end = bytes.firstIndex(of: 0) ?? bytes.endIndex
    let rest = Array(bytes[min(bytes.endIndex, end + 1)...])
    var run = try? RecordedRun.read(rest)
    guard let outline = DefinitionOutline.read(Array(bytes[..<end])).outline else { return }
    let direction = rest.count % 2 == 0 ? GraphLayout.Direction.down : .right
    let layout = GraphLayout(outline, direction: direction, notes: run?.notes ?? [:])
    check(layout)
    run?.paint(layout)
    _ = SVGDrawing.svg(layout, title: "fuzz", run: run)
    _ = JSONDrawing.json(layout, run: run).text
    _ = MermaidDrawing.text(layout)
    _ = DOTDrawing.text(layout)
    let text = TextDrawing.Options(width: 80, isColored: rest.count % 4 < 2, direction: direction)
    _ = TextDrawing.text(outline, options: text, run: run)
    var options = Prediction.Options()
    options.sample = try? JSON(parsing: rest)
    let report = PredictionReport(Prediction(outline, options: options), runs: 1 + rest.count)
    _ = report.text(title: "fuzz", width: 60)
    _ = report.json.text
  }

  private static func check(_ layout: GraphLayout) {
    for node in layout.nodes {
      precondition(node.frame.x >= 0 && node.frame.y >= 0, "a node is outside of the picture")
      precondition(
        node.frame.maxX <= layout.size.width && node.frame.maxY <= layout.size.height,
        "a node is outside of the picture")
    }
    for edge in layout.edges { precondition(edge.points.count >= 2, "an edge has no way") }
  }
}
