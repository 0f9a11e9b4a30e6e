// The fields of one object, sorted by what the language allows there.

/// The numbers that a field takes.
struct FieldRange {
  var minimum: Int
  var maximum: Int?

  init(_ minimum: Int, _ maximum: Int? = nil) {
    self.minimum = minimum
    self.maximum = maximum
  }

  /// Times in seconds, where nothing else is said.
  static let seconds = FieldRange(0, 99_999_999)
}

/// The query languages that a field belongs to.
enum FieldUse {
  case both
  case jsonPath
  case jsonata
}

/// The fields that an object of one kind may have, and what holds of each by itself: the checks and the schema
/// for editors both go by it.
///
/// Looking a name up happens for every member of every object, so this is a small table of its
/// own: its hash takes the length and two bytes, which tells the language's words apart well.
final class FieldTable: Sendable {
  private let names: [String]
  private let uses: [FieldUse]
  /// The place of a name in `names` plus one; zero where none is.
  private let slots: [UInt8]

  /// Those that must be there, whatever else is.
  let required: [String]
  private let choices: [(name: String, values: [String])]
  private let ranges: [(name: String, range: FieldRange)]

  private static let slotCount = 256

  init(
    _ both: [String], jsonPath: [String] = [], jsonata: [String] = [], required: [String] = [],
    choices: [(name: String, values: [String])] = [], ranges: [(name: String, range: FieldRange)] = []
  ) {
    names = both + jsonPath + jsonata
    uses = both.map { _ in .both } + jsonPath.map { _ in .jsonPath } + jsonata.map { _ in .jsonata }
    var slots = [UInt8](repeating: 0, count: FieldTable.slotCount)
    for (index, name) in names.enumerated() {
      var slot = FieldTable.slot(of: name)
      while slots[slot] != 0 { slot = (slot + 1) % FieldTable.slotCount }
      slots[slot] = UInt8(index + 1)
    }
    self.slots = slots
    self.required = required
    self.choices = choices
    self.ranges = ranges
  }

  /// The words that a field takes; nil if it takes any.
  func choices(of name: String) -> [String]? {
    for index in choices.indices where choices[index].name.isWord(name) { return choices[index].values }
    return nil
  }

  /// The numbers that a field takes; nil if it takes none.
  func range(of name: String) -> FieldRange? {
    for index in ranges.indices where ranges[index].name.isWord(name) { return ranges[index].range }
    return nil
  }

  /// What a field of that name is for; nil if there is none.
  func use(of name: String) -> FieldUse? {
    var slot = FieldTable.slot(of: name)
    while true {
      let entry = Int(slots[slot])
      if entry == 0 { return nil }
      if names[entry &- 1].isWord(name) { return uses[entry &- 1] }
      slot = (slot &+ 1) % FieldTable.slotCount
    }
  }

  private static func slot(of name: String) -> Int {
    let (count, first, last) = name.ends
    return (count &* 29 &+ first &* 7 &+ last &* 3) % slotCount
  }

  func names(for language: QueryLanguage) -> some Sequence<String> {
    zip(names, uses).lazy
      .filter { $0.1 == .both || ($0.1 == .jsonPath) == (language == .jsonPath) }.map(\.0)
  }
}

/// An object's members after the sorting.
struct ObjectFields {
  let node: SyntaxNode
  let language: QueryLanguage
  /// Tables live as long as the process.
  unowned(unsafe) let table: FieldTable
  private let members: SyntaxMembers
  /// Those that the table allows in this query language; nil if that is all of them, as a rule.
  fileprivate var allowed: [SyntaxMember]?
  /// Those that it allows in the other one.
  fileprivate var foreign: [SyntaxMember] = []
  /// A bit for each name that is written; several names may share one. Most lookups are for fields that are
  /// not there, and end here.
  fileprivate var present: UInt64 = 0

  fileprivate init(
    _ node: SyntaxNode, _ members: SyntaxMembers, _ table: FieldTable, _ language: QueryLanguage
  ) {
    self.node = node
    self.members = members
    self.table = table
    self.language = language
  }

  /// The value to read. Nil also for a field of the other query language, which has been reported.
  subscript(name: String) -> SyntaxNode? {
    if present & name.presenceBit == 0 { return nil }
    return allowedMember(name)?.value
  }

  private func allowedMember(_ name: String) -> SyntaxMember? {
    if let allowed { return allowed.first { $0.name.isWord(name) } }
    for index in members.indices where members[index].name.isWord(name) { return members[index] }
    return nil
  }

  /// All fields that the table knows, whether or not they belong there.
  func forEachKnown(_ body: (SyntaxMember) -> Void) {
    guard let allowed else { return members.forEach(body) }
    allowed.forEach(body)
    foreign.forEach(body)
  }

  /// True if the field is written, whether or not it belongs there.
  func has(_ name: String) -> Bool {
    if present & name.presenceBit == 0 { return false }
    if allowedMember(name) != nil { return true }
    return !foreign.isEmpty && foreign.contains { $0.name.isWord(name) }
  }
}

extension DefinitionReader {
  /// Sorts an object's members, and reports those that do not belong there.
  ///
  /// `reportsMixing` is false for a state whose own query language is the mistake.
  func fields(
    of node: SyntaxNode, _ table: FieldTable, _ language: QueryLanguage, reportsMixing: Bool = true
  ) -> ObjectFields? {
    guard let members = node.members else {
      expect("[OBJECT]", at: node)
      return nil
    }
    var fields = ObjectFields(node, members, table, language)
    var isPlain = true
    for index in members.indices {
      let name = members[index].name
      fields.present |= name.presenceBit
      switch table.use(of: name) {
      case .both: break
      case .jsonPath: if language != .jsonPath { isPlain = false }
      case .jsonata: if language != .jsonata { isPlain = false }
      case nil: isPlain = false
      }
    }
    if isPlain { return fields }
    var allowed: [SyntaxMember] = []
    for member in members {
      guard let use = table.use(of: member.name) else {
        unsupported(member, in: node, table, language)
        continue
      }
      switch (use, language) {
      case (.both, _), (.jsonPath, .jsonPath), (.jsonata, .jsonata):
        allowed.append(member)
        continue
      case (.jsonPath, .jsonata):
        if reportsMixing { mixing(member, in: node, "JSONata", "JSONPath") }
      case (.jsonata, .jsonPath):
        if reportsMixing { mixing(member, in: node, "JSONPath", "JSONata") }
      }
      fields.foreign.append(member)
    }
    fields.allowed = allowed
    return fields
  }

  /// A field that the object's kind does not have.
  func unsupported(
    _ member: SyntaxMember, in node: SyntaxNode, _ table: FieldTable, _ language: QueryLanguage
  ) {
    error(
      "Field '\(member.name)' is not supported", at: node, member: member,
      hint: didYouMean(member.name, table.names(for: language)))
  }

  private func mixing(_ member: SyntaxMember, in node: SyntaxNode, _ set: String, _ only: String) {
    error(
      "The QueryLanguage is set to '\(set)', but field '\(member.name)' is only supported for the '\(only)' QueryLanguage",
      at: node, member: member, hint: Self.counterparts[member.name])
  }

  /// What the other query language has instead.
  private static let counterparts = [
    "InputPath": "JSONata states read `$states.input` where they need it",
    "OutputPath": "JSONata states have `Output`",
    "Parameters": "JSONata states have `Arguments`, and a Map has `ItemSelector`",
    "ResultSelector": "JSONata states have `Output`, where `$states.result` is the result",
    "ResultPath": "JSONata states have `Output`, where `$states.result` is the result",
    "Result": "JSONata states have `Output`",
    "SecondsPath": "JSONata states have `Seconds`, which may be an expression",
    "TimestampPath": "JSONata states have `Timestamp`, which may be an expression",
    "TimeoutSecondsPath": "JSONata states have `TimeoutSeconds`, which may be an expression",
    "HeartbeatSecondsPath": "JSONata states have `HeartbeatSeconds`, which may be an expression",
    "ErrorPath": "JSONata states have `Error`, which may be an expression",
    "CausePath": "JSONata states have `Cause`, which may be an expression",
    "ItemsPath": "JSONata states have `Items`",
    "MaxConcurrencyPath": "JSONata states have `MaxConcurrency`, which may be an expression",
    "Variable": "JSONata states have `Condition`",
    "And": "JSONata states have `Condition`",
    "Or": "JSONata states have `Condition`",
    "Not": "JSONata states have `Condition`",
    "Arguments": "JSONPath states have `Parameters`",
    "Output": "JSONPath states have `ResultSelector`, `ResultPath` and `OutputPath`",
    "Items": "JSONPath states have `ItemsPath`",
    "Condition": "JSONPath states have `Variable` and a comparison, or `And`, `Or` and `Not`",
  ]

  /// Reports those fields that must be there and are not, together. True if all are there.
  @discardableResult
  func requireFields(in fields: ObjectFields) -> Bool { require(fields.table.required, in: fields) }

  /// The same for fields that must be there because of what others say.
  @discardableResult
  func require(_ names: [String], in fields: ObjectFields) -> Bool {
    let missing = names.filter { !fields.has($0) }
    if missing.isEmpty { return true }
    error("These fields are required: [\(missing.joined(separator: ", "))]", at: fields.node)
    return false
  }

  /// Reports more than one of `names`. True if there is at most one.
  @discardableResult
  func exclude(_ names: [String], in fields: ObjectFields) -> Bool {
    if names.count(where: { fields.has($0) }) <= 1 { return true }
    error(
      "There should only be one of the following fields: [\(names.joined(separator: ", "))]", at: fields.node)
    return false
  }

  /// Reports none, and more than one, of `names`. True if there is exactly one.
  @discardableResult
  func requireOne(of names: [String], in fields: ObjectFields) -> Bool {
    guard names.contains(where: { fields.has($0) }) else {
      error(
        "This object should have only one of the following fields: [\(names.joined(separator: ", "))]",
        at: fields.node)
      return false
    }
    return exclude(names, in: fields)
  }
}

// MARK: - Values

extension DefinitionReader {
  func expect(_ type: String, at node: SyntaxNode) {
    error("Expected value of type \(type)", at: node)
  }

  func text(_ name: String, in fields: ObjectFields) -> Located<String>? {
    guard let node = fields[name] else { return nil }
    guard let text = node.text else {
      expect("[STRING]", at: node)
      return nil
    }
    return Located(value: text, node: node)
  }

  /// A text that must be one of a few words.
  func choice(_ name: String, in fields: ObjectFields) -> String? {
    guard let text = text(name, in: fields) else { return nil }
    let choices = fields.table.choices(of: name) ?? []
    guard choices.contains(text.value) else {
      error(
        "Value should be one of the following: [\(choices.joined(separator: ", "))]", at: text.node,
        hint: didYouMean(text.value, choices))
      return nil
    }
    return text.value
  }

  /// An integer within a range.
  private func integer(_ node: SyntaxNode, _ range: FieldRange) -> Located<Int>? {
    guard case .number(let text) = node.kind, !text.contains(where: { $0 == "." || $0 == "e" || $0 == "E" })
    else {
      expect("Integer", at: node)
      return nil
    }
    // What does not fit is beyond every maximum there is; where there is none, it is as good as the largest.
    let value = Int(text) ?? (text.hasPrefix("-") ? Int.min : Int.max)
    guard inRange(value < range.minimum, value > range.maximum ?? Int.max, range, node) else { return nil }
    return Located(value: value, node: node)
  }

  func inRange(_ isBelow: Bool, _ isAbove: Bool, _ range: FieldRange, _ node: SyntaxNode) -> Bool {
    if isBelow {
      error("Minimum value is \(range.minimum)", at: node)
      return false
    }
    if isAbove {
      error("Maximum value is \(range.maximum ?? Int.max)", at: node)
      return false
    }
    return true
  }

  func integer(_ name: String, in fields: ObjectFields) -> Int? {
    fields[name].flatMap { integer($0, range(of: name, fields))?.value }
  }

  func range(of name: String, _ fields: ObjectFields) -> FieldRange {
    guard let range = fields.table.range(of: name) else {
      preconditionFailure("BUG in Stepmill (please report): no range is known for \(name)")
    }
    return range
  }

  /// A number field and its `…Path` twin; in JSONata states the number may be an expression.
  func number(_ name: String, in fields: ObjectFields) -> NumberField? {
    let pathName = name + "Path"
    guard exclude([name, pathName], in: fields) else { return nil }
    if let node = fields[name] {
      if fields.language == .jsonata, let text = node.text {
        if ExpressionText.isDelimited(text) {
          checkExpression(text, at: node)
          return .expression(Located(value: text, node: node))
        }
        if ExpressionText.isBroken(text) {
          error(ExpressionText.delimiterMessage, at: node)
          return nil
        }
      }
      if fields.language == .jsonPath, let text = node.text, QuerySyntax.looksDynamic(text) {
        error("Expected value of type Integer", at: node, hint: "did you mean `\(pathName)`?")
        return nil
      }
      return integer(node, range(of: name, fields)).map { .literal($0) }
    }
    return referencePath(pathName, in: fields).map { .path($0) }
  }

  /// `InputPath` and `OutputPath`: a path or `null`.
  func path(_ name: String, in fields: ObjectFields) -> PathField {
    guard let node = fields[name] else { return .absent }
    if node.isNull { return .null(node) }
    guard let text = text(name, in: fields) else { return .absent }
    if let reason = QuerySyntax.problem(inPath: text.value) {
      error("Value must be a valid JSONPath.", at: node, hint: reason)
    } else {
      noteReads(text.value, in: node, place: node)
    }
    return .path(text)
  }

  /// `ResultPath`: a reference path into the input, or `null`.
  func resultPath(in fields: ObjectFields) -> PathField {
    guard let node = fields["ResultPath"] else { return .absent }
    if node.isNull { return .null(node) }
    guard let text = text("ResultPath", in: fields) else { return .absent }
    let second = text.value.utf8.dropFirst().first
    if text.value.utf8.first == UInt8(ascii: "$"), let second, second != UInt8(ascii: "."),
      second != UInt8(ascii: "[")
    {
      error(
        "Value is not a Reference Path", at: node,
        hint: "a result goes into the state's input, so this path starts with '$.' or '$['")
    } else {
      checkReferencePath(text.value, at: node)
    }
    return .path(text)
  }

  func referencePath(_ name: String, in fields: ObjectFields) -> Located<String>? {
    guard let text = text(name, in: fields) else { return nil }
    checkReferencePath(text.value, at: text.node)
    return text
  }

  func checkReferencePath(_ text: String, at node: SyntaxNode) {
    if text.utf8.first != UInt8(ascii: "$") {
      error("Value is not a Reference Path: Reference path didn't start with '$'", at: node)
    } else if let reason = QuerySyntax.problem(inReferencePath: text) {
      error("Value is not a Reference Path", at: node, hint: reason)
    } else {
      noteReads(text, in: node, place: node)
    }
  }

  /// A list that must be there and hold something.
  func nonEmptyArray(_ node: SyntaxNode) -> SyntaxElements? {
    guard let elements = node.elements else {
      expect("[ARRAY]", at: node)
      return nil
    }
    if elements.isEmpty {
      error("Value cannot be empty", at: node)
      return nil
    }
    return elements
  }
}
