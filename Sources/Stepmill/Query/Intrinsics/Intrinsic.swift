// The intrinsic functions of the States Language (its section "Intrinsic Functions"), as
// AWS evaluates them: where AWS is known to differ from its own text, AWS is followed.
//
// A function takes values and gives a value, in the arena of the execution. It has one
// way to fail, `missing`, which the engine reports as "Invalid arguments in States.X".
// Results share what they can with their arguments: chunks of an array are slices of it,
// pieces of a text point into it.
//
// To add a function: a case and its name here, a line in `evaluate`, its body in the file
// of its family, and rows in the tests.

enum Intrinsic: UInt8, CaseIterable, Sendable {
  case format
  case stringToJSON
  case jsonToString
  case array
  case arrayPartition
  case arrayContains
  case arrayRange
  case arrayGetItem
  case arrayLength
  case arrayUnique
  case base64Encode
  case base64Decode
  case hash
  case jsonMerge
  case mathRandom
  case mathAdd
  case stringSplit
  case uuid

  /// The name that a definition calls it by.
  var qualifiedName: StaticString {
    switch self {
    case .format: "States.Format"
    case .stringToJSON: "States.StringToJson"
    case .jsonToString: "States.JsonToString"
    case .array: "States.Array"
    case .arrayPartition: "States.ArrayPartition"
    case .arrayContains: "States.ArrayContains"
    case .arrayRange: "States.ArrayRange"
    case .arrayGetItem: "States.ArrayGetItem"
    case .arrayLength: "States.ArrayLength"
    case .arrayUnique: "States.ArrayUnique"
    case .base64Encode: "States.Base64Encode"
    case .base64Decode: "States.Base64Decode"
    case .hash: "States.Hash"
    case .jsonMerge: "States.JsonMerge"
    case .mathRandom: "States.MathRandom"
    case .mathAdd: "States.MathAdd"
    case .stringSplit: "States.StringSplit"
    case .uuid: "States.UUID"
    }
  }

  private static let byName = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.qualifiedName.description, $0) })

  init?(qualifiedName name: String) {
    guard let match = Self.byName[name] else { return nil }
    self = match
  }
}

extension Intrinsic {
  /// Characters (UTF-16 code units, as Java counts) that the encoding functions and
  /// `States.Hash` take.
  static let encodedCharactersMax = 10_000

  /// Elements that `States.ArrayRange` makes.
  static let rangeCountMax = 1000

  /// Bytes of a text that a function makes or compares. Far above what a state may pass
  /// on, it stops arguments that share their parts from unfolding without end.
  static let textSizeMax = 16 << 20

  /// Nesting of values that a function walks through.
  static let nestingMax = 2000
}

/// What evaluation works with. It all belongs to the loop that runs the execution.
struct IntrinsicScratch {
  /// Where results go.
  var arena: UnsafeMutablePointer<Arena>
  var random: UnsafeMutablePointer<RandomSource>
  /// For `States.StringToJson`.
  var parser: UnsafeMutablePointer<JSONParser>
  /// For `States.JsonToString`, with the memory it writes to: what that holds is lost.
  var writer: UnsafeMutablePointer<JSONWriter>
  var output: UnsafeMutablePointer<OutputBuffer>
}

extension Intrinsic {
  /// The function's result for these arguments, or `missing` if they are not valid.
  ///
  /// A template that the definition itself contains goes to `format(pieces:_:_:)` instead:
  /// here every first argument of `States.Format` is taken as data and scanned.
  func evaluate(_ arguments: UnsafeBufferPointer<Value>, _ scratch: IntrinsicScratch) -> Value {
    switch (self, arguments.count) {
    case (.mathAdd, 2): Intrinsic.mathAdd(arguments[0], arguments[1])
    case (.arrayGetItem, 2): Intrinsic.arrayGetItem(arguments[0], arguments[1])
    case (.arrayLength, 1): Intrinsic.arrayLength(arguments[0])
    case (.array, _): Intrinsic.array(arguments, scratch.arena)
    case (.format, 1...): Intrinsic.format(arguments, scratch.arena)
    case (.stringToJSON, 1): Intrinsic.stringToJSON(arguments[0], scratch)
    case (.jsonToString, 1): Intrinsic.jsonToString(arguments[0], scratch)
    case (.jsonMerge, 3):
      Intrinsic.jsonMerge(arguments[0], arguments[1], deep: arguments[2], scratch.arena)
    case (.arrayPartition, 2): Intrinsic.arrayPartition(arguments[0], arguments[1], scratch.arena)
    case (.arrayContains, 2): Intrinsic.arrayContains(arguments[0], arguments[1], scratch.arena)
    case (.arrayRange, 3):
      Intrinsic.arrayRange(arguments[0], arguments[1], step: arguments[2], scratch.arena)
    case (.arrayUnique, 1): Intrinsic.arrayUnique(arguments[0], scratch.arena)
    case (.stringSplit, 2): Intrinsic.stringSplit(arguments[0], arguments[1], scratch.arena)
    case (.base64Encode, 1): Intrinsic.base64Encode(arguments[0], scratch.arena)
    case (.base64Decode, 1): Intrinsic.base64Decode(arguments[0], scratch.arena)
    case (.hash, 2): Intrinsic.hash(arguments[0], algorithm: arguments[1], scratch)
    case (.mathRandom, 2):
      Intrinsic.mathRandom(arguments[0], arguments[1], scratch.random)
    case (.mathRandom, 3):
      Intrinsic.mathRandom(arguments[0], arguments[1], seed: arguments[2])
    case (.uuid, 0): Intrinsic.uuid(scratch)
    default: .missing
    }
  }
}
