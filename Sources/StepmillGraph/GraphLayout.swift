// A picture of a definition, as coordinates.
//
// This target stands beside the core because a picture is nothing that an engine needs, and
// below the command line because it is not the only one who draws: the web console shows the
// same coordinates. Everything in a layout is a plain value. What is drawn with it (SVG, text,
// other languages) stands in `Drawing/` and adds no geometry of its own.
//
// The promises of a layout, which its tests check on every definition they can get:
//
// - Nodes of one region overlap neither each other nor labels; regions lie inside their node.
// - An edge's first point is on its source's border, its last on its target's.
// - Labels lie inside the picture, and no text is cut: lines are broken instead.
// - The same definition gives the same layout, on every machine.

/// Where everything of a definition stands in its picture.
package struct GraphLayout: Sendable, Equatable {
  package var direction: Direction
  package var size: Size
  /// The definition's comment.
  package var comment: String?
  /// Outer ones come before those inside them, so that drawing them in order covers nothing.
  package var nodes: [Node] = []
  /// One for each machine inside a Parallel or Map.
  package var regions: [Region] = []
  package var edges: [Edge] = []
  package var labels: [Label] = []

  /// Where the flow leads.
  package enum Direction: String, Sendable, CaseIterable { case down, right }

  package struct Point: Sendable, Hashable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) {
      self.x = x
      self.y = y
    }
  }

  package struct Size: Sendable, Hashable {
    package var width: Double
    package var height: Double
  }

  package struct Rectangle: Sendable, Hashable {
    package var x: Double
    package var y: Double
    package var width: Double
    package var height: Double

    package var maxX: Double { x + width }
    package var maxY: Double { y + height }
    package var midX: Double { x + width / 2 }
    package var midY: Double { y + height / 2 }
  }

  /// A state, or the mark where a machine starts or ends.
  package struct Node: Sendable, Equatable {
    /// Its index in `nodes`.
    package var id: Int
    package var kind: Kind
    /// The state's name; empty for marks.
    package var state: String
    /// Where the state stands in the definition; empty for marks.
    package var pointer: String
    /// The region it stands in; nil for the outermost machine.
    package var region: Int?
    package var frame: Rectangle
    /// Where its text stands: the whole frame, or the head of a Parallel or Map.
    package var textFrame: Rectangle
    /// The name, broken into lines.
    package var title: [String]
    /// What it is or does, broken into lines.
    package var caption: [String]
    /// What was asked to be shown with it, such as a recorded run's counts.
    package var note: [String]

    package enum Kind: String, Sendable, CaseIterable {
      case start, end, pass, task, choice, wait, succeed, fail, parallel, map, distributedMap

      package var isMark: Bool { self == .start || self == .end }
      package var isContainer: Bool { self == .parallel || self == .map || self == .distributedMap }
    }
  }

  /// The place of a machine inside a Parallel or Map.
  package struct Region: Sendable, Equatable {
    package var id: Int
    /// The node around it.
    package var node: Int
    /// Which branch it is; 0 for a Map's only machine.
    package var index: Int
    package var frame: Rectangle
  }

  /// A way from one node to another.
  package struct Edge: Sendable, Equatable {
    package var id: Int
    package var kind: Kind
    package var source: Int
    package var target: Int
    /// It leads back to where the flow has been.
    package var isBack: Bool
    /// From the source's border to the target's. Where two neighbours share neither x nor y, the way between
    /// them is a curve that leaves and arrives in the direction of the flow.
    package var points: [Point]
    /// Its label's index in `labels`.
    package var label: Int?

    package enum Kind: String, Sendable, CaseIterable {
      /// From the start mark.
      case start
      case next
      case choice
      /// Choice's `Default`.
      case `default`
      case `catch`
      /// To the end mark.
      case end
    }
  }

  /// The text at an edge.
  package struct Label: Sendable, Equatable {
    package var id: Int
    package var edge: Int
    package var frame: Rectangle
    package var lines: [String]
    /// The text without line breaks and in full.
    package var text: String
  }
}
