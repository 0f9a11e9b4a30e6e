import Stepmill

/// Texts that a parser must accept or reject.
enum JSONCases {
  static func run(_ row: JSON) -> CaseAnswer {
    guard let text = row["base64"]?.string, let bytes = Base64.decode(text) else {
      return CaseAnswer(skipped: "the case has no \"base64\"")
    }
    let got: String
    do {
      _ = try JSON(parsing: bytes)
      got = "accept"
    } catch {
      got = "reject"
    }
    let expected = row["expect"]?.string
    return CaseAnswer(JSON(got), isOK: expected == got || expected == "either")
  }
}

/// Standard base64, padded.
enum Base64 {
  static func decode(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for character in text.utf8 where character != UInt8(ascii: "=") {
      guard let digit = digit(character) else { return nil }
      bits = bits << 6 | UInt32(digit)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
