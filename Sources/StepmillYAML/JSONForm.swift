// The document as JSON text, one scalar or bracket to a line. So a line of the JSON stands
// for a place in the YAML, and whatever reads the JSON can tell its findings by line and
// column as it does anyway.

struct JSONForm {
  private let nodes: [YAMLNode]
  private let limits: YAMLDocument.Limits
  private(set) var bytes: [UInt8] = []
  /// For each line of the JSON, from 1: where in the YAML it comes from.
  private(set) var places: [YAMLDocument.Place] = []

  /// What is left to be written, the next thing last. A stack instead of recursion.
  private enum Work {
    case value(Int)
    case elements(of: Int, from: Int)
    case close(UInt8, YAMLMark)
  }

  init(nodes: [YAMLNode], root: Int, limits: YAMLDocument.Limits) throws(YAMLError) {
    self.nodes = nodes
    self.limits = limits
    try write(root)
  }

  private mutating func write(_ root: Int) throws(YAMLError) {
    var stack = [Work.value(root)]
    while let work = stack.popLast() {
      switch work {
      case .value(let index): try open(index, &stack)
      case .close(let bracket, let mark): line([bracket], YAMLDocument.Place(mark: mark))
      case .elements(let index, let from): elements(of: index, from: from, &stack)
      }
      if bytes.count > limits.jsonBytesMax {
        throw YAMLError(
          "The document becomes more than \(limits.jsonBytesMax) bytes of JSON when its aliases are written out.",
          at: places.last?.mark ?? YAMLMark(line: 1, column: 1))
      }
      if stack.count > 2 * limits.nestingMax {
        throw YAMLError(
          "The nesting is deeper than \(limits.nestingMax) levels when the aliases are written out.",
          at: places.last?.mark ?? YAMLMark(line: 1, column: 1))
      }
    }
  }

  private mutating func open(_ index: Int, _ stack: inout [Work]) throws(YAMLError) {
    let node = nodes[index]
    let place = YAMLDocument.Place(mark: node.start, form: node.form)
    switch node.content {
    case .scalar(let json): line(json, place)
    case .sequence:
      line([UInt8(ascii: "[")], place)
      stack.append(.close(UInt8(ascii: "]"), node.end))
      stack.append(.elements(of: index, from: 0))
    case .mapping:
      line([UInt8(ascii: "{")], place)
      stack.append(.close(UInt8(ascii: "}"), node.end))
      stack.append(.elements(of: index, from: 0))
    }
  }

  /// Writes what stands before the next element or member, and leaves its value to the stack.
  private mutating func elements(of index: Int, from position: Int, _ stack: inout [Work]) {
    switch nodes[index].content {
    case .scalar: return
    case .sequence(let elements):
      guard position < elements.count else { return }
      if position > 0 { punctuation(UInt8(ascii: ",")) }
      stack.append(.elements(of: index, from: position + 1))
      stack.append(.value(elements[position]))
    case .mapping(let members):
      guard position < members.count else { return }
      if position > 0 { punctuation(UInt8(ascii: ",")) }
      let name = nodes[members[position].name]
      if case .scalar(let json) = name.content {
        line(json, YAMLDocument.Place(mark: name.start, form: name.form))
      }
      punctuation(UInt8(ascii: ":"))
      stack.append(.elements(of: index, from: position + 1))
      stack.append(.value(members[position].value))
    }
  }

  private mutating func line(_ text: [UInt8], _ place: YAMLDocument.Place) {
    var place = place
    place.offset = bytes.count
    bytes += text
    bytes.append(UInt8(ascii: "\n"))
    places.append(place)
  }

  /// Takes the end of the line before it.
  private mutating func punctuation(_ mark: UInt8) {
    bytes[bytes.count - 1] = mark
    bytes.append(UInt8(ascii: "\n"))
  }
}
