// A document with its members in another order, everything else as it was: comments, quotes,
// anchors, blank lines.
//
// Members of a block mapping own whole lines, so sorting them is sorting pieces of the text. A
// comment above a member goes with it. What cannot be taken apart that way (flow style, several
// members on a line) stays as it is. A sorted text is only given out if it still says the same:
// moving an anchor behind its alias, for one, would change it.

import Stepmill

extension YAMLDocument {
  /// The source text with its members in the canonical order.
  ///
  /// - Returns: nil if the text would say something else then.
  package static func formatted(
    _ source: [UInt8], order: CanonicalOrder = .machine
  ) throws(YAMLError) -> [UInt8]? {
    let (nodes, root) = try YAMLReader.read(source, limits: Limits())
    let formatter = YAMLFormatter(source: source, nodes: nodes)
    let result = formatter.text(root: root, order)
    guard let before = try? YAMLDocument(source).json, let after = try? YAMLDocument(result).json,
      let expected = try? JSON(parsing: before), let found = try? JSON(parsing: after), expected == found
    else { return nil }
    return result
  }
}

private struct YAMLFormatter {
  private let lines: [ArraySlice<UInt8>]
  private let nodes: [YAMLNode]

  init(source: [UInt8], nodes: [YAMLNode]) {
    var lines = source.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    self.lines = lines
    self.nodes = nodes
  }

  func text(root: Int, _ order: CanonicalOrder) -> [UInt8] {
    let first = nodes[root].start.line - 1
    let body = piece(root, first..<lines.count, order)
    return Array((lines[..<first] + body).joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")]
  }

  /// A node's lines, in order. The range begins on the line where the node begins.
  private func piece(_ index: Int, _ range: Range<Int>, _ order: CanonicalOrder) -> [ArraySlice<UInt8>] {
    let node = nodes[index]
    switch node.content {
    case .scalar:
      return Array(lines[range])
    case .sequence(let elements):
      let starts = elements.map { (line: dash(before: $0, of: node, in: range), value: $0) }
      guard let pieces = split(range, starts, indentation: node.start.column - 1) else {
        return Array(lines[range])
      }
      return Array(lines[range.lowerBound..<pieces.start])
        + zip(elements, pieces.ranges).flatMap { nested($0, $1, order.element) }
        + lines[pieces.end..<range.upperBound]
    case .mapping(let members):
      return mapping(node, members, range, order)
    }
  }

  private func mapping(
    _ node: YAMLNode, _ members: [(name: Int, value: Int)], _ range: Range<Int>, _ order: CanonicalOrder
  ) -> [ArraySlice<UInt8>] {
    let indentation = node.start.column - 1
    let isBlock = members.allSatisfy { nodes[$0.name].start.column == node.start.column }
    let starts = members.map { (line: nodes[$0.name].start.line - 1, value: $0.value) }
    guard isBlock, starts.first?.line == range.lowerBound,
      let pieces = split(range, starts, indentation: indentation)
    else { return Array(lines[range]) }
    // What stands before the first member on its line, such as the dash of a sequence.
    let prefix = lines[range.lowerBound].prefix(indentation)
    let blanks = ArraySlice(Array(repeating: UInt8(ascii: " "), count: indentation))
    var parts: [(name: String, lines: [ArraySlice<UInt8>])] = []
    for (member, range) in zip(members, pieces.ranges) {
      let name = self.name(member.name)
      var lines = nested(member.value, range, order.member(name))
      if parts.isEmpty { lines[0] = blanks + lines[0].dropFirst(indentation) }
      parts.append((name, lines))
    }
    var sorted = order.sorted(parts, name: \.name).flatMap(\.lines)
    sorted[0] = prefix + sorted[0].dropFirst(indentation)
    return sorted + lines[pieces.end..<range.upperBound]
  }

  /// The lines of a member or an element: those before its value as they are, then the value's.
  private func nested(_ value: Int, _ range: Range<Int>, _ order: CanonicalOrder) -> [ArraySlice<UInt8>] {
    let start = nodes[value].start.line - 1
    // An alias has its node elsewhere.
    guard range.contains(start) else { return Array(lines[range]) }
    return Array(lines[range.lowerBound..<start]) + piece(value, start..<range.upperBound, order)
  }

  /// The line of the dash that an element stands behind, perhaps some lines above. Before the range for a
  /// sequence in flow style.
  private func dash(before element: Int, of sequence: YAMLNode, in range: Range<Int>) -> Int {
    var line = nodes[element].start.line - 1
    let column = sequence.start.column - 1
    while range.contains(line) {
      let text = lines[line]
      if text.count > column, text[text.startIndex + column] == UInt8(ascii: "-") { return line }
      line -= 1
    }
    return range.lowerBound - 1
  }

  /// Cuts lines into a piece for each value; the comments above a start belong to it, unless they are
  /// indented deeper. Blank lines and comments behind the last piece stay behind. Nil if two pieces share a line.
  private func split(
    _ range: Range<Int>, _ starts: [(line: Int, value: Int)], indentation: Int
  ) -> (start: Int, ranges: [Range<Int>], end: Int)? {
    guard let first = starts.first?.line, let last = starts.last?.line, first >= range.lowerBound,
      last < range.upperBound, zip(starts, starts.dropFirst()).allSatisfy({ $0.line < $1.line })
    else { return nil }
    var bounds = [first]
    for (previous, next) in zip(starts, starts.dropFirst()) {
      let least = max(previous.line + 1, textEnd(of: previous.value))
      var bound = next.line
      while bound > least, isComment(bound - 1, upTo: indentation) { bound -= 1 }
      bounds.append(bound)
    }
    var end = range.upperBound
    let least = max(last + 1, textEnd(of: starts.last!.value))
    while end > least, isBlank(end - 1) || isComment(end - 1, upTo: indentation) { end -= 1 }
    bounds.append(end)
    return (first, zip(bounds, bounds.dropFirst()).map { $0..<$1 }, end)
  }

  /// The first line behind a scalar: what looks like a comment before that is text.
  private func textEnd(of index: Int) -> Int {
    guard case .scalar = nodes[index].content else { return 0 }
    let end = nodes[index].end
    return end.column == 1 ? end.line - 1 : end.line
  }

  private func isBlank(_ line: Int) -> Bool {
    lines[line].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
  }

  /// A comment that is indented no deeper than what it may belong to.
  private func isComment(_ line: Int, upTo indentation: Int) -> Bool {
    let text = lines[line].drop { $0 == 0x20 || $0 == 0x09 }
    return text.first == UInt8(ascii: "#") && text.startIndex - lines[line].startIndex <= indentation
  }

  private func name(_ index: Int) -> String {
    guard case .scalar(let json) = nodes[index].content else { return "" }
    return String(decoding: json.dropFirst().dropLast(), as: UTF8.self)
  }
}
