// How wide a text will be, without asking a font.
//
// The widths are those of Helvetica, whose proportions the usual sans-serif fonts keep; a
// tenth is added for those that are wider. A table is enough: the text gets a border
// anyway, and asking a font would make pictures differ between machines.

enum TextMetrics {
  /// From space to tilde, in thousandths of the font's size.
  private static let ascii: [Int] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
  ]

  /// The width of a text in a sans-serif font of that size.
  static func width(_ text: String, fontSize: Double) -> Double {
    var sum = 0
    for character in text { sum += thousandths(character) }
    return Double(sum) * fontSize / 1000 * 1.1
  }

  private static func thousandths(_ character: Character) -> Int {
    if let byte = character.asciiValue { return byte >= 32 && byte < 127 ? ascii[Int(byte) - 32] : 600 }
    return columns(character) * 500 + 150
  }

  /// The columns that a text takes in a terminal.
  static func columns(_ text: String) -> Int { text.reduce(0) { $0 + columns($1) } }

  static func columns(_ character: Character) -> Int {
    if character.isASCII { return 1 }
    let scalars = character.unicodeScalars
    guard let first = scalars.first else { return 0 }
    if scalars.count == 1, first.properties.generalCategory == .nonspacingMark { return 0 }
    return isWide(first.value) || first.properties.isEmojiPresentation ? 2 : 1
  }

  /// The scripts whose characters fill a square.
  private static func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
      0xA000...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      true
    default: false
    }
  }

  // MARK: Text that can be shown

  /// A text on one line: whatever breaks lines or moves the cursor becomes a space, and what has no
  /// width of its own or turns the direction of text around is left out.
  static func readable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { isDisturbing($0) || $0 == " " }) else { return text }
    var result = ""
    var isSpace = true
    for scalar in text.unicodeScalars {
      if scalar == " " || scalar.properties.generalCategory == .control || scalar.value == 0x2028
        || scalar.value == 0x2029
      {
        if !isSpace { result += " " }
        isSpace = true
      } else if !isDisturbing(scalar) {
        result.unicodeScalars.append(scalar)
        isSpace = false
      }
    }
    if result.last == " " { result.removeLast() }
    return result
  }

  private static func isDisturbing(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x20 || scalar.value == 0x7F { return true }
    if scalar.isASCII { return false }
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: return true
    // Joiners hold some emoji together; the other format characters turn text around.
    case .format: return scalar.value != 0x200D
    default: return scalar.value == 0xFFFE || scalar.value == 0xFFFF
    }
  }

  // MARK: Breaking lines

  /// Breaks a text into lines no wider than `width`: at spaces; words that are wider behind the marks inside
  /// them (`orders.` `nextToken`); what is still wider before its humps, else anywhere. Beyond `linesMax` lines the rest is an ellipsis.
  static func wrap(
    _ text: String, width: Double, linesMax: Int = .max, measure: (String) -> Double
  ) -> [String] {
    let text = readable(text)
    guard !text.isEmpty else { return [] }
    if measure(text) <= width { return [text] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ").map(String.init) {
      if lines.count > linesMax { break }
      let joined = line.isEmpty ? word : line + " " + word
      if measure(joined) <= width {
        line = joined
        continue
      }
      if measure(word) <= width {
        lines.append(line)
        line = word
        continue
      }
      // A word that needs lines of its own begins on the one that is there, if a part of it fits.
      line += line.isEmpty ? "" : " "
      for part in parts(of: word) {
        if measure(part) <= width {
          add(part, &lines, &line, width, measure)
        } else {
          for piece in humps(of: part) { add(piece, &lines, &line, width, measure) }
        }
      }
    }
    if !line.isEmpty { lines.append(line) }
    lines = lines.map { $0.last == " " ? String($0.dropLast()) : $0 }.filter { !$0.isEmpty }
    return lines.count <= linesMax ? lines : cut(lines, linesMax, width, measure)
  }

  private static func add(
    _ piece: String, _ lines: inout [String], _ line: inout String, _ width: Double,
    _ measure: (String) -> Double
  ) {
    if measure(line + piece) <= width {
      line += piece
      return
    }
    if !line.isEmpty { lines.append(line) }
    var piece = piece
    while measure(piece) > width, piece.count > 1 {
      let head = fitting(piece, width, measure)
      lines.append(head)
      piece = String(piece.dropFirst(head.count))
    }
    line = piece
  }

  private static func cut(
    _ lines: [String], _ count: Int, _ width: Double, _ measure: (String) -> Double
  ) -> [String] {
    var last = lines[count - 1] + "…"
    while measure(last) > width, last.count > 1 {
      last.removeLast(2)
      last += "…"
    }
    return lines[..<(count - 1)] + [last]
  }

  /// The longest beginning that fits, at least one character.
  private static func fitting(_ text: String, _ width: Double, _ measure: (String) -> Double) -> String {
    var head = ""
    for character in text {
      if !head.isEmpty, measure(head + String(character)) > width { break }
      head.append(character)
    }
    return head
  }

  /// A word taken apart behind its marks.
  private static func parts(of word: String) -> [String] {
    broken(word) { previous, _ in "-_./:,".contains(previous) }
  }

  /// A name taken apart before its humps.
  private static func humps(of name: String) -> [String] {
    broken(name) { previous, character in character.isUppercase && previous.isLowercase }
  }

  private static func broken(_ text: String, _ isBreak: (Character, Character) -> Bool) -> [String] {
    var pieces: [String] = []
    var piece = ""
    for character in text {
      if let previous = piece.last, isBreak(previous, character) {
        pieces.append(piece)
        piece = ""
      }
      piece.append(character)
    }
    if !piece.isEmpty { pieces.append(piece) }
    return pieces
  }
}
