// JSON laid out for people: two blanks a level, a member a line, arrays of scalars on one line
// where they fit, members in the canonical order. Strings and numbers stay as they are written,
// character by character: a formatter has no business with values.

import Stepmill

struct JSONFormatter {
  private let text: [UInt8]
  private let indent: Int
  private var position = 0
  private var output: [UInt8] = []

  /// Arrays longer than this get a line for each element.
  private static let widthMax = 100

  private indirect enum Item {
    case scalar(Range<Int>)
    case array([Item])
    case object([Member])
  }

  private struct Member {
    var name: Range<Int>
    var value: Item
  }

  /// - Parameter json: JSON that a parser has accepted.
  static func format(_ json: [UInt8], indent: Int = 2, order: CanonicalOrder = .machine) -> [UInt8] {
    var formatter = JSONFormatter(text: json, indent: indent)
    let item = formatter.item()
    formatter.write(item, order, depth: 0)
    return formatter.output + [UInt8(ascii: "\n")]
  }

  private init(text: [UInt8], indent: Int) {
    self.text = text
    self.indent = indent
  }

  // MARK: Reading

  private mutating func item() -> Item {
    skipBlanks()
    switch text[position] {
    case UInt8(ascii: "{"):
      var members: [Member] = []
      elements(until: UInt8(ascii: "}")) { formatter in
        let name = formatter.scalar()
        formatter.skipBlanks()
        formatter.position += 1
        members.append(Member(name: name, value: formatter.item()))
      }
      return .object(members)
    case UInt8(ascii: "["):
      var items: [Item] = []
      elements(until: UInt8(ascii: "]")) { items.append($0.item()) }
      return .array(items)
    default:
      return .scalar(scalar())
    }
  }

  private mutating func elements(until close: UInt8, _ element: (inout JSONFormatter) -> Void) {
    position += 1
    while true {
      skipBlanks()
      if text[position] == close { break }
      if text[position] == UInt8(ascii: ",") {
        position += 1
        continue
      }
      element(&self)
    }
    position += 1
  }

  private mutating func scalar() -> Range<Int> {
    skipBlanks()
    let start = position
    if text[position] == UInt8(ascii: "\"") {
      position += 1
      while text[position] != UInt8(ascii: "\"") { position += text[position] == UInt8(ascii: "\\") ? 2 : 1 }
      position += 1
    } else {
      while position < text.count, !Self.ends.contains(text[position]) { position += 1 }
    }
    return start..<position
  }

  private static let ends = Set(",]} \t\r\n".utf8)

  private mutating func skipBlanks() {
    while text[position] <= UInt8(ascii: " ") { position += 1 }
  }

  // MARK: Writing

  private mutating func write(_ item: Item, _ order: CanonicalOrder, depth: Int) {
    switch item {
    case .scalar(let range):
      output += text[range]
    case .array(let items):
      if let line = line(items, depth) {
        output += line
        return
      }
      output.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        newLine(after: index, depth + 1)
        write(item, order.element, depth: depth + 1)
      }
      close(UInt8(ascii: "]"), isEmpty: items.isEmpty, depth)
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      let sorted = order.sorted(members) { name(of: $0) }
      for (index, member) in sorted.enumerated() {
        newLine(after: index, depth + 1)
        output += text[member.name]
        output += ": ".utf8
        write(member.value, order.member(name(of: member)), depth: depth + 1)
      }
      close(UInt8(ascii: "}"), isEmpty: members.isEmpty, depth)
    }
  }

  /// An array of scalars on one line, if it fits.
  private func line(_ items: [Item], _ depth: Int) -> [UInt8]? {
    var line: [UInt8] = [UInt8(ascii: "[")]
    for (index, item) in items.enumerated() {
      guard case .scalar(let range) = item else { return nil }
      if index > 0 { line += ", ".utf8 }
      line += text[range]
      if line.count + indent * depth > Self.widthMax { return nil }
    }
    return line + [UInt8(ascii: "]")]
  }

  private mutating func newLine(after index: Int, _ depth: Int) {
    if index > 0 { output.append(UInt8(ascii: ",")) }
    output.append(UInt8(ascii: "\n"))
    output += repeatElement(UInt8(ascii: " "), count: indent * depth)
  }

  private mutating func close(_ bracket: UInt8, isEmpty: Bool, _ depth: Int) {
    if !isEmpty {
      output.append(UInt8(ascii: "\n"))
      output += repeatElement(UInt8(ascii: " "), count: indent * depth)
    }
    output.append(bracket)
  }

  private func name(of member: Member) -> String {
    String(decoding: text[member.name.dropFirst().dropLast()], as: UTF8.self)
  }
}
