// Function signatures: `<s-nn?:s>` and the like.
//
// The reference turns a signature into a regular expression over one letter per argument
// and lets that decide. Here each parameter is a set of letters and how often it may
// occur; matching is greedy with backtracking, as the expression would match.

struct JSONataSignature: Sendable {
  struct Parameter: BitwiseCopyable, Sendable {
    /// Which kinds of argument fit, one bit each.
    var accepted: UInt16
    var optional = false
    var repeated = false
    /// A missing argument is replaced by the context.
    var context = false
    var isArray = false
    /// What the elements of an array must be; `none` if anything.
    var element: Letter = .none
  }

  enum Letter: UInt8, BitwiseCopyable, Sendable {
    case string, number, bool, null, object, array, function, missing, none

    @inline(__always) var bit: UInt16 { 1 &<< UInt16(rawValue) }
  }

  static let any: UInt16 = 0xFF
  static let json: UInt16 = 0xFF & ~Letter.function.bit

  private(set) var parameters: [Parameter] = []

  struct Failure: Error {
    var code: JSONataCode
    var offset: Int
  }

  init(_ text: String) throws(Failure) {
    let letters = Array(text.utf8)
    var position = 1
    scanning: while position < letters.count {
      switch letters[position] {
      case UInt8(ascii: ":"): break scanning
      case UInt8(ascii: "s"), UInt8(ascii: "n"), UInt8(ascii: "b"), UInt8(ascii: "l"), UInt8(ascii: "o"):
        let letter = Self.letter(letters[position])
        parameters.append(Parameter(accepted: letter.bit | Letter.missing.bit))
      case UInt8(ascii: "a"):
        parameters.append(Parameter(accepted: Self.any, isArray: true))
      case UInt8(ascii: "f"):
        parameters.append(Parameter(accepted: Letter.function.bit))
      case UInt8(ascii: "j"): parameters.append(Parameter(accepted: Self.json))
      case UInt8(ascii: "x"): parameters.append(Parameter(accepted: Self.any))
      case UInt8(ascii: "-"):
        if !parameters.isEmpty {
          parameters[parameters.count - 1].context = true
          parameters[parameters.count - 1].optional = true
        }
      case UInt8(ascii: "?"):
        if !parameters.isEmpty { parameters[parameters.count - 1].optional = true }
      case UInt8(ascii: "+"):
        if !parameters.isEmpty { parameters[parameters.count - 1].repeated = true }
      case UInt8(ascii: "("):
        let end = Self.closing(letters, position, UInt8(ascii: "("), UInt8(ascii: ")"))
        let choice = letters[(position + 1)..<max(end, position + 1)]
        if choice.contains(UInt8(ascii: "<")) { throw Failure(code: .s0402, offset: position) }
        var accepted = Letter.missing.bit
        for byte in choice { accepted |= Self.letter(byte).bit & Self.any }
        parameters.append(Parameter(accepted: accepted))
        position = end
      case UInt8(ascii: "<"):
        guard let last = parameters.last, last.isArray || last.accepted == Letter.function.bit else {
          throw Failure(code: .s0401, offset: position)
        }
        let end = Self.closing(letters, position, UInt8(ascii: "<"), UInt8(ascii: ">"))
        if last.isArray && end > position + 1 {
          parameters[parameters.count - 1].element = Self.letter(letters[position + 1])
        }
        position = end
      default: break
      }
      position += 1
    }
  }

  private static func letter(_ byte: UInt8) -> Letter {
    switch byte {
    case UInt8(ascii: "s"): .string
    case UInt8(ascii: "n"): .number
    case UInt8(ascii: "b"): .bool
    case UInt8(ascii: "l"): .null
    case UInt8(ascii: "o"): .object
    case UInt8(ascii: "a"): .array
    case UInt8(ascii: "f"): .function
    case UInt8(ascii: "m"): .missing
    default: .none
    }
  }

  private static func closing(_ text: [UInt8], _ start: Int, _ open: UInt8, _ close: UInt8) -> Int {
    var depth = 1
    var position = start
    while position + 1 < text.count {
      position += 1
      if text[position] == close {
        depth -= 1
        if depth == 0 { break }
      } else if text[position] == open {
        depth += 1
      }
    }
    return position
  }

  /// How errors call arrays of such elements.
  static func plural(_ letter: Letter) -> String? {
    switch letter {
    case .array: "arrays"
    case .bool: "booleans"
    case .function: "functions"
    case .number: "numbers"
    case .object: "objects"
    case .string: "strings"
    default: nil
    }
  }
}
