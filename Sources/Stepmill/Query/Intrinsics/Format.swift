// States.Format: values inserted into a template.
//
// A template that the definition contains was cut at its placeholders when the definition
// was read, so formatting it is copying. One that comes from data is scanned here by the
// same rules, once to count and once to write.

extension Intrinsic {
  /// Puts each argument between two pieces of a template.
  static func format(
    pieces: UnsafeBufferPointer<Value>, _ arguments: UnsafeBufferPointer<Value>,
    _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard pieces.count == arguments.count &+ 1 else { return .missing }
    var bound = JavaTextBound()
    for piece in pieces where !bound.add(piece) { return .missing }
    for argument in arguments where !bound.add(argument) { return .missing }

    let start = arena.pointee.allocate(bound.size)
    var writer = TextWriter(end: start)
    writer.append(textOf: pieces[0])
    for index in 0..<arguments.count {
      writer.append(javaTextOf: arguments[index])
      writer.append(textOf: pieces[index &+ 1])
    }
    arena.pointee.trim(to: writer.end)
    return .string(start, count: writer.end - start, plain: bound.isPlain)
  }

  /// Formats by a template that is data: the first argument.
  static func format(
    _ arguments: UnsafeBufferPointer<Value>, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    let template = arguments[0]
    guard template.isString else { return .missing }
    var bound = JavaTextBound()
    guard bound.add(template) else { return .missing }
    var reader = TemplateReader(template.bytes)
    var placeholderCount = 0
    scan: while true {
      switch reader.next() {
      case .byte: continue
      case .placeholder: placeholderCount &+= 1
      case .invalid: return .missing
      case .end: break scan
      }
    }
    guard placeholderCount == arguments.count &- 1 else { return .missing }
    for argument in arguments.dropFirst() where !bound.add(argument) { return .missing }

    let start = arena.pointee.allocate(bound.size)
    var writer = TextWriter(end: start)
    reader = TemplateReader(template.bytes)
    var argument = 1
    write: while true {
      switch reader.next() {
      case .byte(let byte): writer.append(byte: byte)
      case .placeholder:
        writer.append(javaTextOf: arguments[argument])
        argument &+= 1
      case .invalid, .end: break write
      }
    }
    arena.pointee.trim(to: writer.end)
    return .string(start, count: writer.end - start, plain: bound.isPlain)
  }
}

/// Reads a template: `{}` is a placeholder, `\{`, `\}`, `\'` and `\\` are what follows the
/// backslash, any other backslash is one, and any other brace is invalid.
struct TemplateReader {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  enum Token {
    case byte(UInt8)
    case placeholder
    case invalid
    case end
  }

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  @inline(__always)
  mutating func next() -> Token {
    guard position < bytes.count else { return .end }
    let byte = bytes[position]
    let following = position &+ 1 < bytes.count ? bytes[position &+ 1] : 0
    position &+= 1
    switch byte {
    case UInt8(ascii: "\\"):
      switch following {
      case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "'"), UInt8(ascii: "\\"):
        position &+= 1
        return .byte(following)
      default: return .byte(byte)
      }
    case UInt8(ascii: "{"):
      guard following == UInt8(ascii: "}") else { return .invalid }
      position &+= 1
      return .placeholder
    case UInt8(ascii: "}"): return .invalid
    default: return .byte(byte)
    }
  }
}

extension FormatTemplate {
  /// Cuts a template whose escapes are still in place; nil if it is invalid.
  init?(escaped: [UInt8]) {
    var pieces: [[UInt8]] = [[]]
    let isValid = escaped.withUnsafeBytes { bytes in
      var reader = TemplateReader(bytes)
      while true {
        switch reader.next() {
        case .byte(let byte): pieces[pieces.count - 1].append(byte)
        case .placeholder: pieces.append([])
        case .invalid: return false
        case .end: return true
        }
      }
    }
    guard isValid else { return nil }
    self.pieces = pieces.map { String(decoding: $0, as: UTF8.self) }
  }
}
