// From libyaml's events to nodes.
//
// The reader keeps a stack of open containers instead of recursing. What JSON has no word
// for is refused where it stands: tags, keys that are no scalars, infinities, a second
// document. An alias refers to a node; what it costs to write that out again is counted by
// `JSONForm`.

import CLibyaml

struct YAMLReader {
  private let source: [UInt8]
  private let limits: YAMLDocument.Limits
  private(set) var nodes: [YAMLNode] = []
  private var anchors: [String: Int] = [:]
  private var open: [OpenContainer] = []
  private var root: Int?
  private var lineStarts: [Int]?

  private struct OpenContainer {
    var index: Int
    var isMapping: Bool
    /// The name that waits for its value.
    var name: Int?
    /// The names so far, as JSON texts.
    var names: Set<[UInt8]> = []
  }

  /// The document's nodes and the index of its root.
  static func read(
    _ source: [UInt8], limits: YAMLDocument.Limits
  ) throws(YAMLError) -> (nodes: [YAMLNode], root: Int) {
    var reader = YAMLReader(source: source, limits: limits)
    try reader.readEvents()
    guard let root = reader.root else {
      throw YAMLError("The file holds no YAML document.", at: YAMLMark(line: 1, column: 1))
    }
    return (reader.nodes, root)
  }

  private init(source: [UInt8], limits: YAMLDocument.Limits) {
    self.source = source
    self.limits = limits
  }

  private mutating func readEvents() throws(YAMLError) {
    guard source.count <= limits.sourceBytesMax else {
      throw YAMLError(
        "The file has \(source.count) bytes; \(limits.sourceBytesMax) are the most that are read.",
        at: YAMLMark(line: 1, column: 1))
    }
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else {
      throw YAMLError("There is no memory for reading YAML.", at: YAMLMark(line: 1, column: 1))
    }
    defer { unsafe yaml_parser_delete(&parser) }
    // The parser keeps the address, so all the parsing stands inside the closure.
    let result = unsafe source.withUnsafeBufferPointer { bytes -> Result<Void, YAMLError> in
      unsafe yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
      do throws(YAMLError) {
        while try unsafe readEvent(&parser) {}
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// False at the end of the stream.
  private mutating func readEvent(_ parser: inout yaml_parser_t) throws(YAMLError) -> Bool {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(&parser, &event) == 1 else { throw unsafe Self.syntaxError(parser) }
    defer { unsafe yaml_event_delete(&event) }
    let start = unsafe YAMLMark(event.start_mark)
    let end = unsafe YAMLMark(event.end_mark)
    switch unsafe event.type {
    case YAML_STREAM_END_EVENT:
      return false
    case YAML_DOCUMENT_START_EVENT:
      if root != nil {
        throw YAMLError("A second document begins here; a definition is one document.", at: start)
      }
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      try unsafe refuse(tag: scalar.tag, of: .scalar, at: start)
      try unsafe add(self.scalar(scalar, start, end), anchor: scalar.anchor)
    case YAML_SEQUENCE_START_EVENT:
      let sequence = unsafe event.data.sequence_start
      try unsafe refuse(tag: sequence.tag, of: .sequence, at: start)
      try unsafe begin(.sequence([]), anchor: sequence.anchor, start, end)
    case YAML_MAPPING_START_EVENT:
      let mapping = unsafe event.data.mapping_start
      try unsafe refuse(tag: mapping.tag, of: .mapping, at: start)
      try unsafe begin(.mapping([]), anchor: mapping.anchor, start, end)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      let container = open.removeLast()
      nodes[container.index].isComplete = true
      nodes[container.index].end = end
    case YAML_ALIAS_EVENT:
      let name = unsafe Self.text(event.data.alias.anchor) ?? ""
      guard let target = anchors[name] else {
        throw YAMLError(
          "The alias '*\(name)' means no anchor before it.", at: start, hint: "an anchor is written &\(name)")
      }
      guard nodes[target].isComplete else {
        throw YAMLError("The alias '*\(name)' stands inside the node that it means.", at: start)
      }
      try attach(target, at: start)
    default:
      break
    }
    return true
  }

  // MARK: Nodes

  private mutating func begin(
    _ content: YAMLNode.Content, anchor: UnsafePointer<UInt8>?, _ start: YAMLMark, _ end: YAMLMark
  ) throws(YAMLError) {
    guard open.count < limits.nestingMax else {
      throw YAMLError("The nesting is deeper than \(limits.nestingMax) levels.", at: start)
    }
    let isMapping = if case .mapping = content { true } else { false }
    let node = YAMLNode(content: content, start: start, end: end, isComplete: false)
    let index = try unsafe add(node, anchor: anchor)
    open.append(OpenContainer(index: index, isMapping: isMapping))
  }

  @discardableResult
  private mutating func add(_ node: YAMLNode, anchor: UnsafePointer<UInt8>?) throws(YAMLError) -> Int {
    let index = nodes.count
    nodes.append(node)
    if let name = unsafe Self.text(anchor) { anchors[name] = index }
    try attach(index, at: node.start)
    return index
  }

  /// Gives a node its place in the innermost open container.
  private mutating func attach(_ index: Int, at mark: YAMLMark) throws(YAMLError) {
    guard let container = open.last else {
      root = index
      return
    }
    guard container.isMapping else {
      guard case .sequence(var elements) = nodes[container.index].content else { return }
      nodes[container.index].content = .sequence([])
      elements.append(index)
      nodes[container.index].content = .sequence(elements)
      return
    }
    guard let name = container.name else {
      let name = try self.name(index, at: mark)
      if case .scalar(let json) = nodes[name].content,
        !open[open.count - 1].names.insert(json).inserted
      {
        throw YAMLError(
          "The name \(String(decoding: json, as: UTF8.self)) stands twice in its mapping: in YAML that is an error.",
          at: mark, hint: "remove one of the two")
      }
      open[open.count - 1].name = name
      return
    }
    open[open.count - 1].name = nil
    guard case .mapping(var members) = nodes[container.index].content else { return }
    nodes[container.index].content = .mapping([])
    members.append((name, index))
    nodes[container.index].content = .mapping(members)
  }

  /// A node as a member's name: a string, whatever it would be as a value.
  private mutating func name(_ index: Int, at mark: YAMLMark) throws(YAMLError) -> Int {
    guard case .scalar(let json) = nodes[index].content else {
      throw YAMLError("A name must be a scalar: JSON has no others.", at: mark)
    }
    if json == Array("\"<<\"".utf8), case .line(nodes[index].start.column) = nodes[index].form {
      throw YAMLError(
        "Merge keys ('<<') are not part of YAML 1.2.", at: mark,
        hint: "write the members out, or share a whole value through an anchor and an alias")
    }
    if json.first == UInt8(ascii: "\"") { return index }
    // `1:` and `true:` are names by their text.
    var node = nodes[index]
    node.content = .scalar(YAMLScalar.string(text(of: node) ?? json))
    nodes.append(node)
    return nodes.count - 1
  }

  /// A plain scalar as it was written.
  private mutating func text(of node: YAMLNode) -> [UInt8]? {
    guard case .line = node.form, node.start.line == node.end.line else { return nil }
    let line = sourceLine(node.start.line)
    let text = String(decoding: line, as: UTF8.self).unicodeScalars
    guard node.end.column - 1 <= text.count else { return nil }
    return Array(
      String(
        String.UnicodeScalarView(
          text.dropFirst(node.start.column - 1).prefix(node.end.column - node.start.column))
      ).utf8)
  }

  // MARK: Scalars

  private mutating func scalar(
    _ scalar: yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar, _ start: YAMLMark, _ end: YAMLMark
  ) throws(YAMLError) -> YAMLNode {
    let text = unsafe Array(UnsafeBufferPointer(start: scalar.value, count: scalar.length))
    let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.plain_implicit == 1
    guard let json = isPlain ? YAMLScalar.json(plain: text) : YAMLScalar.string(text) else {
      throw YAMLError(
        "\(String(decoding: text, as: UTF8.self)) cannot be said in JSON.", at: start,
        hint: "in quotes it is a string")
    }
    var node = YAMLNode(content: .scalar(json), start: start, end: end)
    node.form = unsafe form(of: text, style: scalar.style, start, end)
    return node
  }

  private mutating func form(
    of text: [UInt8], style: yaml_scalar_style_t, _ start: YAMLMark, _ end: YAMLMark
  ) -> YAMLTextForm {
    let columns = end.column - start.column
    switch style {
    case YAML_PLAIN_SCALAR_STYLE, YAML_SINGLE_QUOTED_SCALAR_STYLE, YAML_DOUBLE_QUOTED_SCALAR_STYLE:
      let quotes = style == YAML_PLAIN_SCALAR_STYLE ? 0 : 2
      let count = String(decoding: text, as: UTF8.self).unicodeScalars.count
      guard start.line == end.line, columns == count + quotes else { return .other }
      return .line(column: start.column + quotes / 2)
    case YAML_LITERAL_SCALAR_STYLE:
      // A line that begins with blanks of its own cannot tell where the indentation ends.
      guard let first = text.first, first != UInt8(ascii: " "), first != UInt8(ascii: "\n") else {
        return .other
      }
      let indentation = sourceLine(start.line + 1).prefix { $0 == UInt8(ascii: " ") }.count
      return .block(line: start.line + 1, indentation: indentation)
    default:
      return .other
    }
  }

  private mutating func sourceLine(_ line: Int) -> ArraySlice<UInt8> {
    let starts = lineStarts ?? Self.lineStarts(source)
    lineStarts = starts
    guard line >= 1, line <= starts.count else { return [] }
    let end = line < starts.count ? starts[line] - 1 : source.count
    return source[starts[line - 1]..<end]
  }

  private static func lineStarts(_ source: [UInt8]) -> [Int] {
    [0] + source.indices.filter { source[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
  }

  // MARK: Refusals

  private enum NodeKind: String {
    case scalar = "str"
    case sequence = "seq"
    case mapping = "map"
  }

  private func refuse(tag: UnsafePointer<UInt8>?, of kind: NodeKind, at mark: YAMLMark) throws(YAMLError) {
    guard let tag = unsafe Self.text(tag) else { return }
    // What the node is anyway, or a number or `true` made a string.
    if tag == "tag:yaml.org,2002:\(kind.rawValue)" { return }
    if Self.cloudFormationTags.contains(tag) {
      throw YAMLError(
        "\(tag) is a tag of CloudFormation, which replaces it before Step Functions sees the definition.",
        at: mark, hint: "write the value itself, or a placeholder such as ${Name} in a string")
    }
    let shown = tag.hasPrefix("tag:yaml.org,2002:") ? "!!" + tag.dropFirst("tag:yaml.org,2002:".count) : tag
    throw YAMLError("The tag \(shown) has no meaning in a definition.", at: mark, hint: "leave it out")
  }

  private static let cloudFormationTags: Set<String> = [
    "!And", "!Base64", "!Cidr", "!Condition", "!Equals", "!FindInMap", "!GetAtt", "!GetAZs", "!If",
    "!ImportValue", "!Join", "!Length", "!Not", "!Or", "!Ref", "!Select", "!Split", "!Sub", "!ToJsonString",
    "!Transform",
  ]

  private static func syntaxError(_ parser: yaml_parser_t) -> YAMLError {
    let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "it cannot be read"
    let context = unsafe parser.context.map { unsafe " (\(String(cString: $0)))" } ?? ""
    let isReader = unsafe parser.error == YAML_READER_ERROR
    let mark = unsafe isReader ? YAMLMark(parser.mark) : YAMLMark(parser.problem_mark)
    let hint =
      problem.contains("cannot start any token")
      ? "YAML is indented with blanks, never with tabs, and '@' and '`' begin no plain text" : nil
    return YAMLError("This is not YAML: \(problem)\(context).", at: mark, hint: hint)
  }

  private static func text(_ pointer: UnsafePointer<UInt8>?) -> String? {
    unsafe pointer.map { unsafe String(cString: $0) }
  }
}

extension YAMLMark {
  init(_ mark: yaml_mark_t) { self.init(line: mark.line + 1, column: mark.column + 1) }
}
