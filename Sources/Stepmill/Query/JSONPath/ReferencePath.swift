// Reference Paths as `ResultPath` takes them: `$` and the names and indices below it.

struct ReferencePath: Sendable {
  enum Segment: Sendable, Hashable {
    case name(String)
    case index(Int)
  }

  /// The path as written.
  let text: String
  /// Where it leads; empty for `$`.
  let segments: [Segment]

  /// Refuses everything that does not name exactly one place in the data, with the texts
  /// that AWS gives: `Value is not a Reference Path`, and the same with a reason.
  static func parse(_ text: String) throws(PathSyntaxError) -> ReferencePath {
    guard text.utf8.first == UInt8(ascii: "$") else {
      throw PathSyntaxError(message: notStarting, offset: 0)
    }
    let path: JSONPath
    do {
      path = try JSONPath.parse(text)
    } catch {
      throw PathSyntaxError(message: notReference, offset: error.offset)
    }
    guard path.root == .data else { throw PathSyntaxError(message: notReference, offset: 1) }
    guard path.isReferencePath, let segments = path.referenceSegments else {
      throw PathSyntaxError(message: notReference, offset: 0)
    }
    return ReferencePath(text: text, segments: segments)
  }

  static let notReference = "Value is not a Reference Path"
  static let notStarting = "Value is not a Reference Path: Reference path didn't start with '$'"
}

extension JSONPath {
  /// The names and indices of a path that consists of nothing else.
  var referenceSegments: [ReferencePath.Segment]? {
    var segments: [ReferencePath.Segment] = []
    for step in steps {
      switch step {
      case .property(let name): segments.append(.name(name))
      case .index(let index): segments.append(.index(index))
      default: return nil
      }
    }
    return segments
  }
}
