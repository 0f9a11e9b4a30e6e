// The definition as written: JSON with positions.
//
// This is the cold side of the house. A definition is read once, so its nodes are
// ordinary Swift objects that know where they stand; the engine never sees them.

/// One JSON value of a definition, with its place in the text.
final class SyntaxNode {
  enum Kind {
    case null
    case bool(Bool)
    /// The number's text, exactly as written.
    case number(String)
    case string(String)
    case array([SyntaxNode])
    /// Members in source order; a name that recurs stands once, with its last value.
    case object([SyntaxMember])
  }

  let kind: Kind
  /// Byte offsets into the source text.
  let range: Range<Int>
  /// The container this node stands in; nil for the root.
  fileprivate(set) weak var parent: SyntaxNode?
  /// How the parent reaches it.
  fileprivate(set) var step: Step?

  enum Step {
    case name(String)
    case index(Int)
  }

  init(_ kind: Kind, range: Range<Int>) {
    self.kind = kind
    self.range = range
    switch kind {
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        element.parent = self
        element.step = .index(index)
      }
    case .object(let members):
      for member in members {
        member.value.parent = self
        member.value.step = .name(member.name)
      }
    case .null, .bool, .number, .string:
      break
    }
  }
}

struct SyntaxMember {
  let name: String
  /// Byte offsets of the name, quotes included.
  let nameRange: Range<Int>
  let value: SyntaxNode
}

extension SyntaxNode {
  var members: [SyntaxMember]? {
    if case .object(let members) = kind { return members }
    return nil
  }

  var elements: [SyntaxNode]? {
    if case .array(let elements) = kind { return elements }
    return nil
  }

  var text: String? {
    if case .string(let text) = kind { return text }
    return nil
  }

  var boolean: Bool? {
    if case .bool(let value) = kind { return value }
    return nil
  }

  var isNull: Bool {
    if case .null = kind { return true }
    return false
  }

  /// The member's value, or nil. Linear: definitions are read once.
  subscript(name: String) -> SyntaxNode? {
    members?.first { $0.name == name }?.value
  }

  /// From the root to this node.
  var steps: [Step] {
    var steps: [Step] = []
    var node = self
    while let step = node.step, let parent = node.parent {
      steps.append(step)
      node = parent
    }
    return steps.reversed()
  }
}
