@testable import Stepmill

/// Makes random JSON texts: valid by construction, of all shapes.
struct RandomDocuments {
  var random: SeededGenerator

  mutating func number(below limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

  mutating func text() -> String {
    var text = ""
    write(&text, depth: 0)
    return text
  }

  private mutating func write(_ text: inout String, depth: Int) {
    blanks(&text)
    switch number(below: depth > 6 ? 7 : 12) {
    case 0: text += "null"
    case 1: text += "true"
    case 2: text += "false"
    case 3, 4: text += scalar()
    case 5, 6: string(&text)
    case 7, 8, 9:
      text += "{"
      let count = number(below: number(below: 20) == 0 ? 100 : 6)
      for index in 0..<count {
        if index > 0 { text += "," }
        blanks(&text)
        // Few names, so that objects repeat them.
        if number(below: 3) == 0 { string(&text) } else { text += "\"k\(number(below: 40))\"" }
        blanks(&text)
        text += ":"
        write(&text, depth: depth + 1)
      }
      text += "}"
    default:
      text += "["
      let count = number(below: 6)
      let isRepeated = number(below: 3) == 0
      var element = ""
      for index in 0..<count {
        if index > 0 { text += "," }
        // Often the same again, as records are.
        if !isRepeated || index == 0 {
          element = ""
          write(&element, depth: depth + 1)
        }
        text += element
      }
      blanks(&text)
      text += "]"
    }
    blanks(&text)
  }

  private mutating func blanks(_ text: inout String) {
    guard number(below: 6) == 0 else { return }
    for _ in 0..<number(below: number(below: 8) == 0 ? 50 : 3) {
      text += [" ", "\n", "\t", "\r"][number(below: 4)]
    }
  }

  private mutating func scalar() -> String {
    switch number(below: 8) {
    case 0: return String(Int64(truncatingIfNeeded: random.next()) >> number(below: 64))
    case 1: return String(number(below: 1000))
    case 2: return "\(number(below: 10000)).\(number(below: 100))"
    case 3: return "-\(number(below: 10)).\(random.next())"
    case 4: return "\(random.next())\(random.next())"
    case 5: return "\(number(below: 100))e\(number(below: 700) - 350)"
    case 6: return "\(number(below: 10)).\(number(below: 1000))E+\(number(below: 20))"
    default: return "0.\(String(repeating: "0", count: number(below: 6)))\(number(below: 1000))"
    }
  }

  private mutating func string(_ text: inout String) {
    text += "\""
    for _ in 0..<number(below: number(below: 5) == 0 ? 60 : 12) {
      switch number(below: 24) {
      case 0: text += "\\n"
      case 1: text += "\\\""
      case 2: text += "\\\\"
      case 3: text += "\\u00e9"
      case 4: text += "\\ud83d\\ude00"
      case 5: text += "\\u\(["d8", "dc", "DB", "00"][number(below: 4)])\(number(below: 90) + 10)"
      case 6: text += "é"
      case 7: text += "漢"
      case 8: text += "😀"
      case 9: text += "\u{D7FF}"
      default: text += String(UnicodeScalar(UInt8(ascii: "a") + UInt8(number(below: 26))))
      }
    }
    text += "\""
  }
}
