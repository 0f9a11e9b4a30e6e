// XML as AWS's older protocols answer: elements and texts. Attributes and comments are skipped,
// prefixes of names fall away, and there are no declarations of types: what has one is refused,
// and with it every trick that entities can play.

/// An element.
struct XMLElement: Sendable, Hashable {
  var name: String
  /// What stands between its children, all together.
  var text = ""
  var children: [XMLElement] = []

  func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }
}

struct XMLError: Error, Hashable, Sendable {
  let description: String
}

enum XMLReader {
  private static let depthMax = 64

  /// Reads a document.
  static func read(_ bytes: [UInt8]) throws(XMLError) -> XMLElement {
    var scanner = Scanner(bytes)
    return try scanner.document()
  }

  private struct Scanner {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// One root element, and nothing but white space and comments beside it. The elements that
    /// are open lie on a stack of its own, so that no document exhausts the thread's.
    mutating func document() throws(XMLError) -> XMLElement {
      var open: [XMLElement] = []
      var root: XMLElement?
      while index < bytes.count {
        guard bytes[index] == UInt8(ascii: "<") else {
          let text = try text()
          if let last = open.indices.last {
            open[last].text += text
          } else if !text.allSatisfy(\.isWhitespace) {
            throw XMLError(description: "text outside of the root element")
          }
          continue
        }
        if starts(with: "<!--") {
          try skip(to: "-->")
        } else if starts(with: "<?") {
          try skip(to: "?>")
        } else if starts(with: "<![CDATA[") {
          let start = index + 9
          try skip(to: "]]>")
          guard let last = open.indices.last else {
            throw XMLError(description: "text outside of the root element")
          }
          open[last].text += String(decoding: bytes[start..<(index - 3)], as: UTF8.self)
        } else if starts(with: "<!") {
          throw XMLError(description: "a declaration of a document type")
        } else if starts(with: "</") {
          index += 2
          let name = try name()
          skipBlanks()
          try expect(UInt8(ascii: ">"))
          guard let element = open.popLast(), element.name == name else {
            throw XMLError(description: "the end of '\(name)' without its beginning")
          }
          try close(element, &open, &root)
        } else {
          index += 1
          guard root == nil, open.count < depthMax else {
            throw XMLError(
              description: root == nil ? "too many elements inside one another" : "two root elements")
          }
          let element = XMLElement(name: try name())
          if try attributes() { try close(element, &open, &root) } else { open.append(element) }
        }
      }
      guard open.isEmpty, let root else { throw XMLError(description: "the document ends too early") }
      return root
    }

    private func close(
      _ element: XMLElement, _ open: inout [XMLElement], _ root: inout XMLElement?
    ) throws(XMLError) {
      if let last = open.indices.last {
        open[last].children.append(element)
      } else {
        root = element
      }
    }

    private func starts(with text: StaticString) -> Bool {
      let count = text.utf8CodeUnitCount
      guard index + count <= bytes.count else { return false }
      return unsafe UnsafeBufferPointer(start: text.utf8Start, count: count).elementsEqual(
        bytes[index..<(index + count)])
    }

    private mutating func skip(to end: StaticString) throws(XMLError) {
      while index < bytes.count {
        if starts(with: end) {
          index += end.utf8CodeUnitCount
          return
        }
        index += 1
      }
      throw XMLError(description: "the document ends too early")
    }

    private mutating func skipBlanks() {
      while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(XMLError) {
      guard index < bytes.count, bytes[index] == byte else {
        throw XMLError(description: "no '\(Character(Unicode.Scalar(byte)))' where one belongs")
      }
      index += 1
    }

    /// A name without its prefix.
    private mutating func name() throws(XMLError) -> String {
      let start = index
      while index < bytes.count {
        switch bytes[index] {
        case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ">"), UInt8(ascii: "/"), UInt8(ascii: "="),
          UInt8(ascii: "<"):
          guard index > start else { throw XMLError(description: "an element without a name") }
          let name = bytes[start..<index]
          let local = name.lastIndex(of: UInt8(ascii: ":")).map { name[($0 + 1)...] } ?? name
          return String(decoding: local, as: UTF8.self)
        default: index += 1
        }
      }
      throw XMLError(description: "the document ends too early")
    }

    /// Skips attributes and the tag's end. True when the element is empty.
    private mutating func attributes() throws(XMLError) -> Bool {
      while true {
        skipBlanks()
        guard index < bytes.count else { throw XMLError(description: "the document ends too early") }
        switch bytes[index] {
        case UInt8(ascii: ">"):
          index += 1
          return false
        case UInt8(ascii: "/"):
          index += 1
          try expect(UInt8(ascii: ">"))
          return true
        default:
          _ = try name()
          skipBlanks()
          try expect(UInt8(ascii: "="))
          skipBlanks()
          guard index < bytes.count, [UInt8(ascii: "\""), UInt8(ascii: "'")].contains(bytes[index]) else {
            throw XMLError(description: "an attribute without a value")
          }
          let quote = bytes[index]
          index += 1
          while index < bytes.count, bytes[index] != quote { index += 1 }
          try expect(quote)
        }
      }
    }

    /// Text up to the next tag, its entities replaced.
    private mutating func text() throws(XMLError) -> String {
      var result: [UInt8] = []
      while index < bytes.count, bytes[index] != UInt8(ascii: "<") {
        if bytes[index] == UInt8(ascii: "&") {
          result.append(contentsOf: try entity().utf8)
        } else {
          result.append(bytes[index])
          index += 1
        }
      }
      return String(decoding: result, as: UTF8.self)
    }

    private mutating func entity() throws(XMLError) -> String {
      let start = index + 1
      guard let end = bytes[start...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else {
        throw XMLError(description: "an '&' that begins no entity")
      }
      index = end + 1
      let name = String(decoding: bytes[start..<end], as: UTF8.self)
      switch name {
      case "lt": return "<"
      case "gt": return ">"
      case "amp": return "&"
      case "quot": return "\""
      case "apos": return "'"
      default:
        let digits = name.dropFirst(name.hasPrefix("#x") || name.hasPrefix("#X") ? 2 : 1)
        guard name.hasPrefix("#"),
          let number = UInt32(digits, radix: name.count - digits.count == 2 ? 16 : 10),
          let scalar = Unicode.Scalar(number)
        else { throw XMLError(description: "an entity that nobody knows: '&\(name);'") }
        return String(Character(scalar))
      }
    }
  }
}
