/// The measures of a picture: of one in points, or of one in a terminal's cells.
package struct GraphStyle: Sendable {
  /// Lengths are whole cells, and ways have right angles only.
  var isCells: Bool
  var titleWidthMax: Double
  var captionWidthMax: Double
  var labelWidthMax: Double
  var labelLinesMax: Int
  var titleLineHeight: Double
  var smallLineHeight: Double
  /// From a node's border to its text.
  var paddingX: Double
  var paddingY: Double
  var nodeWidthMin: Double
  /// Between nodes beside each other.
  var nodeGap: Double
  /// Between ways, and between a way and a node.
  var wayGap: Double
  /// Between the border of a Parallel or Map and its regions.
  var regionPadding: Double
  var outerPadding: Double
  /// Between a region's border and the machine in it.
  var innerPadding: Double
  /// Between a rank of nodes and what is below it.
  var gapBelowNodes: Double
  /// Above a rank of nodes: room for an arrow's head.
  var gapAboveNodes: Double
  /// Between parallel ways across the flow.
  var trackGap: Double
  var markSize: Double
  var outerMark: GraphLayout.Size

  /// For SVG and the console: the unit is a point.
  package static let points = GraphStyle(
    isCells: false, titleWidthMax: 190, captionWidthMax: 210, labelWidthMax: 150, labelLinesMax: 12,
    titleLineHeight: 17, smallLineHeight: 14, paddingX: 14, paddingY: 9, nodeWidthMin: 110, nodeGap: 28,
    wayGap: 14, regionPadding: 10, outerPadding: 20, innerPadding: 10, gapBelowNodes: 14, gapAboveNodes: 20,
    trackGap: 9,
    markSize: 12, outerMark: GraphLayout.Size(width: 62, height: 28))

  /// For terminals: the unit is a cell.
  package static func cells(textWidthMax: Int, _ direction: GraphLayout.Direction) -> GraphStyle {
    let width = Double(textWidthMax)
    let isDown = direction == .down
    return GraphStyle(
      isCells: true, titleWidthMax: width, captionWidthMax: width, labelWidthMax: width, labelLinesMax: 12,
      titleLineHeight: 1, smallLineHeight: 1, paddingX: 2, paddingY: 1, nodeWidthMin: 7,
      nodeGap: isDown ? 3 : 1, wayGap: 1, regionPadding: 1, outerPadding: 0, innerPadding: 0,
      gapBelowNodes: isDown ? 1 : 2,
      gapAboveNodes: isDown ? 1 : 2, trackGap: 1, markSize: 1,
      outerMark: GraphLayout.Size(width: 9, height: 1))
  }

  static let titleFontSize = 13.0
  static let smallFontSize = 11.0

  func titleWidth(_ text: String) -> Double {
    // Semibold is a little wider than the table says.
    isCells
      ? Double(TextMetrics.columns(text)) : TextMetrics.width(text, fontSize: Self.titleFontSize) * 1.05
  }

  func smallWidth(_ text: String) -> Double {
    isCells ? Double(TextMetrics.columns(text)) : TextMetrics.width(text, fontSize: Self.smallFontSize)
  }
}
