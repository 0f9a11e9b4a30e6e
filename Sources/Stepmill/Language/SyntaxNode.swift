// The definition as written: JSON with positions.
//
// This is the cold side of the house. A definition is read once, so its nodes are
// ordinary Swift objects that know where they stand; the engine never sees them.
//
// A node does not keep its container alive. That link is a plain pointer, cleared when the
// container goes: a weak reference would cost a side table for each container, which made
// up a fifth of reading.

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
  private unowned(unsafe) var container: SyntaxNode?
  /// Its place among the container's elements or members.
  private var index = 0

  enum Step {
    case name(String)
    case index(Int)
  }

  init(_ kind: Kind, range: Range<Int>) {
    self.kind = kind
    self.range = range
    switch kind {
    case .array(let elements):
      for index in elements.indices {
        elements[index].container = self
        elements[index].index = index
      }
    case .object(let members):
      for index in members.indices {
        members[index].value.container = self
        members[index].value.index = index
      }
    case .null, .bool, .number, .string:
      break
    }
  }

  deinit {
    switch kind {
    case .array(let elements): for index in elements.indices { elements[index].leave(self) }
    case .object(let members): for index in members.indices { members[index].value.leave(self) }
    case .null, .bool, .number, .string: break
    }
  }

  /// A node that stands in two containers, as an alias of YAML may, belongs to the later one.
  private func leave(_ container: SyntaxNode) {
    if self.container === container { self.container = nil }
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
    guard case .object(let members) = kind else { return nil }
    for index in members.indices where members[index].name.isWord(name) { return members[index].value }
    return nil
  }

  /// The object or array this node stands in; nil for the root.
  var parent: SyntaxNode? { container }

  /// How the parent reaches this node.
  var step: Step? {
    switch container?.kind {
    case .array: .index(index)
    case .object(let members): .name(members[index].name)
    case .null, .bool, .number, .string, nil: nil
    }
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
