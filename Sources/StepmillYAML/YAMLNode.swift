// What a YAML document says, before it becomes JSON: a graph, since an alias is a second way
// to the same node. Nodes live in one array and name each other by index, so that nothing is
// copied and nothing is destroyed recursively, however deep the document.

struct YAMLNode {
  enum Content {
    /// A scalar as JSON text.
    case scalar([UInt8])
    case sequence([Int])
    /// Members in source order; a name is the index of a scalar, which is a string.
    case mapping([(name: Int, value: Int)])
  }

  var content: Content
  var start: YAMLMark
  /// Behind its last character.
  var end: YAMLMark
  var form = YAMLTextForm.other
  /// An alias may mean a node only once that is complete.
  var isComplete = true
}

/// How a scalar's text stands in the source, as far as a place in one can be found in the other.
enum YAMLTextForm: Hashable, Sendable {
  /// Character by character on one line, from this column on.
  case line(column: Int)
  /// Line by line from this line on, each behind so many blanks: a literal block.
  case block(line: Int, indentation: Int)
  /// Folded over lines, or with escapes.
  case other
}
