// JSON as YAML: block style, plain scalars where nothing else could be meant, literal blocks for
// texts of several lines, double quotes for the rest.

import Stepmill

package enum YAMLText {
  /// A document that reads back as the same JSON.
  package static func write(_ json: JSON, order: CanonicalOrder = .machine) -> [UInt8] {
    var output = ""
    if isBlock(json) {
      block(json, order, indentation: 0, begins: false, to: &output)
    } else {
      output = scalar(json, indentation: 0) + "\n"
    }
    return Array(output.utf8)
  }

  private static func isBlock(_ json: JSON) -> Bool {
    (json.kind == .object || json.kind == .array) && json.count > 0
  }

  /// - Parameter begins: the first line is begun already, by the dash of a sequence.
  private static func block(
    _ json: JSON, _ order: CanonicalOrder, indentation: Int, begins: Bool, to output: inout String
  ) {
    let blanks = String(repeating: " ", count: indentation)
    var isBegun = begins
    func begin() {
      if !isBegun { output += blanks }
      isBegun = false
    }
    if let members = json.object {
      for member in order.sorted(Array(members), name: \.key) {
        begin()
        output += quotedUnlessPlain(member.key) + ":"
        // A sequence may stand as deep as the name that it belongs to; one level deeper reads better.
        if isBlock(member.value) {
          output += "\n"
          block(
            member.value, order.member(member.key), indentation: indentation + 2, begins: false, to: &output)
        } else {
          output += " " + scalar(member.value, indentation: indentation + 2) + "\n"
        }
      }
    } else if let elements = json.array {
      for element in elements {
        begin()
        output += "- "
        if isBlock(element) {
          block(element, order.element, indentation: indentation + 2, begins: true, to: &output)
        } else {
          output += scalar(element, indentation: indentation + 2) + "\n"
        }
      }
    }
  }

  /// A value on the rest of its line; a literal block goes on below.
  private static func scalar(_ json: JSON, indentation: Int) -> String {
    guard let text = json.string else { return json.text }
    return literal(text, indentation: indentation) ?? quotedUnlessPlain(text)
  }

  /// A text of several lines as people wrote it. Nil where the block would lose something: blanks at
  /// the ends of lines survive, but nobody sees them.
  private static func literal(_ text: String, indentation: Int) -> String? {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count > 1, let first = lines.first?.first, first != " ", first != "\t",
      !text.unicodeScalars.contains(where: { ($0.value < 0x20 && $0 != "\n") || !isPrintable($0) }),
      lines.allSatisfy({ $0.last != " " })
    else { return nil }
    // One line break at the end is the usual case, none is "strip", more are "keep".
    var chomping = "-"
    if lines.last == "" {
      lines.removeLast()
      guard lines.last != "" else { return nil }
      chomping = ""
    }
    let blanks = String(repeating: " ", count: indentation)
    return "|\(chomping)\n" + lines.map { $0.isEmpty ? "" : blanks + $0 }.joined(separator: "\n")
  }

  private static func quotedUnlessPlain(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

  /// Nothing in it could be taken for YAML, nor the whole for anything but a string. Words that YAML 1.1
  /// reads as truth are quoted, for other people's parsers.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last, text.utf8.count <= 200,
      first.properties.isAlphabetic || first == "$" || first == "_" || first == "/" || first == ".",
      last != " ", last != ":",
      text.unicodeScalars.allSatisfy({ isPrintable($0) && !"\n#".unicodeScalars.contains($0) }),
      !text.contains(": "), !truths.contains(text.lowercased()),
      YAMLScalar.json(plain: Array(text.utf8))?.first == UInt8(ascii: "\"")
    else { return false }
    return true
  }

  private static let truths: Set<String> = ["y", "n", "yes", "no", "on", "off"]

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A, 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
      scalar != "\u{2028}" && scalar != "\u{2029}"
    default: false
    }
  }

  private static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\t": output += "\\t"
      case "\r": output += "\\r"
      default:
        if isPrintable(scalar) {
          output.unicodeScalars.append(scalar)
        } else {
          let digits = String(scalar.value, radix: 16)
          output += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
        }
      }
    }
    return output + "\""
  }
}
