// The definition as written: JSON with positions.
//
// This is the cold side of the house: a definition is read once, and the engine never sees
// its nodes. They are views of the records of a `SyntaxTree`, which must be kept as long as
// they are used.

/// One JSON value of a definition, with its place in the text.
struct SyntaxNode {
  enum Kind {
    case null
    case bool(Bool)
    /// The number's text, exactly as written.
    case number(String)
    case string(String)
    case array(SyntaxElements)
    /// Members in source order; a name that recurs stands once, with its last value.
    case object(SyntaxMembers)
  }

  private let record: UnsafeMutablePointer<SyntaxRecord>

  init(_ record: UnsafeMutablePointer<SyntaxRecord>) { self.record = record }

  var kind: Kind {
    switch record.pointee.tag {
    case .null: .null
    case .false: .bool(false)
    case .true: .bool(true)
    case .number: .number(record.pointee.text.string)
    case .string: .string(record.pointee.text.string)
    case .array: .array(SyntaxElements(record))
    case .object: .object(SyntaxMembers(record))
    }
  }

  /// Byte offsets into the source text.
  var range: Range<Int> { Int(record.pointee.start)..<Int(record.pointee.end) }

  enum Step {
    case name(String)
    case index(Int)
  }
}

/// A member of an object: a value with its name.
struct SyntaxMember {
  fileprivate let record: UnsafeMutablePointer<SyntaxRecord>

  var name: String { record.pointee.name.string }
  /// Byte offsets of the name, quotes included.
  var nameRange: Range<Int> { Int(record.pointee.nameStart)..<Int(record.pointee.nameEnd) }
  var value: SyntaxNode { SyntaxNode(record) }
  /// The name ends in `.$`: in a payload template the value is a path or a call.
  var isDynamic: Bool {
    let (count, _, last) = name.ends
    return last == Int(UInt8(ascii: "$")) && count >= 2 && name.utf8.dropLast().last == UInt8(ascii: ".")
  }
}

/// The members of an object.
struct SyntaxMembers: RandomAccessCollection {
  private let list: SyntaxRecord.List?
  let count: Int

  fileprivate init(_ object: UnsafeMutablePointer<SyntaxRecord>) {
    count = object.pointee.count
    list = count == 0 ? nil : object.pointee.list
  }

  private init() {
    count = 0
    list = nil
  }

  static var none: SyntaxMembers { SyntaxMembers() }

  var startIndex: Int { 0 }
  var endIndex: Int { count }

  subscript(index: Int) -> SyntaxMember {
    precondition(index >= 0 && index < count)
    return SyntaxMember(record: list.unsafelyUnwrapped[index])
  }
}

/// The elements of an array.
struct SyntaxElements: RandomAccessCollection {
  private let list: SyntaxRecord.List?
  let count: Int

  fileprivate init(_ array: UnsafeMutablePointer<SyntaxRecord>) {
    count = array.pointee.count
    list = count == 0 ? nil : array.pointee.list
  }

  private init() {
    count = 0
    list = nil
  }

  static var none: SyntaxElements { SyntaxElements() }

  var startIndex: Int { 0 }
  var endIndex: Int { count }

  subscript(index: Int) -> SyntaxNode {
    precondition(index >= 0 && index < count)
    return SyntaxNode(list.unsafelyUnwrapped[index])
  }
}

extension SyntaxNode {
  var members: SyntaxMembers? { record.pointee.tag == .object ? SyntaxMembers(record) : nil }

  var elements: SyntaxElements? { record.pointee.tag == .array ? SyntaxElements(record) : nil }

  var text: String? { record.pointee.tag == .string ? record.pointee.text.string : nil }

  var boolean: Bool? {
    switch record.pointee.tag {
    case .false: false
    case .true: true
    default: nil
    }
  }

  var isNull: Bool { record.pointee.tag == .null }

  /// The member's value, or nil. Linear: definitions are read once.
  subscript(name: String) -> SyntaxNode? {
    guard let members else { return nil }
    for index in members.indices where members[index].name.isWord(name) { return members[index].value }
    return nil
  }

  /// The object or array this node stands in; nil for the root.
  var parent: SyntaxNode? { record.pointee.container.map { SyntaxNode($0) } }

  /// How the parent reaches this node.
  var step: Step? {
    switch record.pointee.container?.pointee.tag {
    case .array: .index(Int(record.pointee.place))
    case .object: .name(record.pointee.name.string)
    default: nil
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
