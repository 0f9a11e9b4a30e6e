/// The usual text of a UUID.
enum UUIDText {
  static func text(_ halves: (high: UInt64, low: UInt64)) -> String {
    var text = ""
    text.reserveCapacity(36)
    for digit in 0..<32 {
      if digit == 8 || digit == 12 || digit == 16 || digit == 20 { text.append("-") }
      let half = digit < 16 ? halves.high : halves.low
      text.append(String((half &>> UInt64(60 &- 4 &* (digit & 15))) & 15, radix: 16))
    }
    return text
  }
}
