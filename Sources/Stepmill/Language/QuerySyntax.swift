// The checks of paths and intrinsic calls, in one place: each answers why a text is wrong,
// or nil if it is right.

enum QuerySyntax {
  /// A path: `$…` the data, `$$…` the context object, `$name…` a variable.
  static func problem(inPath text: String) -> String? {
    if isPlainReference(text) { return nil }
    do throws(PathSyntaxError) {
      _ = try JSONPath.parse(text)
      return nil
    } catch {
      return error.description
    }
  }

  /// A path of names and indexes only, which can lead to one place at most.
  static func problem(inReferencePath text: String) -> String? {
    if isPlainReference(text) { return nil }
    do throws(PathSyntaxError) {
      return try JSONPath.parse(text).isReferencePath
        ? nil : "a reference path leads to one place: it has names and indexes only"
    } catch {
      return error.description
    }
  }

  /// Whether a text is a path of plain names and indexes, as nearly all are: `$.order.lines[0].sku`. Only others
  /// go through the parser.
  static func isPlainReference(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      guard bytes.count > 0, bytes[0] == UInt8(ascii: "$") else { return false }
      var position = 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "$") { position += 1 }
      while position < bytes.count {
        let isName = bytes[position] == UInt8(ascii: ".")
        guard isName || bytes[position] == UInt8(ascii: "[") else { return false }
        position += 1
        let start = position
        if isName {
          while position < bytes.count, isNameByte(bytes[position]) { position += 1 }
          if position == start { return false }
        } else {
          while position < bytes.count, isDigit(bytes[position]) { position += 1 }
          // Longer indexes may overflow, which the parser has words for.
          guard position > start, position - start < 9, position < bytes.count,
            bytes[position] == UInt8(ascii: "]")
          else { return false }
          position += 1
        }
      }
      return true
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    let letter = byte | 0x20
    return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || isDigit(byte)
      || byte == UInt8(ascii: "_")
  }

  /// A call such as `States.Format('{}', $.name)`.
  static func problem(inIntrinsic text: String) -> String? {
    do throws(IntrinsicSyntaxError) {
      return problem(inArgumentsOf: try IntrinsicCall.parse(text))
    } catch {
      return "\(error.message) (at byte \(error.offset))"
    }
  }

  /// Calls keep their paths as text.
  private static func problem(inArgumentsOf call: IntrinsicCall) -> String? {
    for argument in call.arguments {
      switch argument {
      case .path(let path):
        if let problem = problem(inPath: path) { return "\(path): \(problem)" }
      case .call(let inner):
        if let problem = problem(inArgumentsOf: inner) { return problem }
      case .string, .number, .bool, .null:
        break
      }
    }
    return nil
  }

  /// What may stand under a key that ends in `.$`.
  static func problem(inPathOrIntrinsic text: String) -> String? {
    if text.utf8.first == UInt8(ascii: "$") { return problem(inPath: text) }
    if text.hasPrefix("States.") { return problem(inIntrinsic: text) }
    return "a path starts with '$', an intrinsic call with 'States.'"
  }

  /// True for text that was probably meant to be evaluated.
  static func looksDynamic(_ text: String) -> Bool {
    guard let first = text.utf8.first, first == UInt8(ascii: "$") || first == UInt8(ascii: "S") else {
      return false
    }
    if text.hasPrefix("$.") || text.hasPrefix("$[") || text.hasPrefix("$$.") {
      return problem(inPath: text) == nil
    }
    return text.hasPrefix("States.") && problem(inIntrinsic: text) == nil
  }
}
