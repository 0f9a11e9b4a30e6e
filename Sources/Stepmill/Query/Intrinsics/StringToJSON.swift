// States.StringToJson: the one intrinsic that parses.

extension Intrinsic {
  static func stringToJSON(_ text: Value, _ scratch: IntrinsicScratch) -> Value {
    guard text.isString else { return .missing }
    // AWS takes a text of nothing but blanks for null.
    guard !isBlank(text.bytes) else { return .null }

    // The parser reads beyond the text's end, and its strings point into the text.
    let copy = scratch.arena.pointee.allocate(text.count + JSONParser.padding)
    copy.copyMemory(from: text.address, byteCount: text.count)
    (copy + text.count).initializeMemory(as: UInt8.self, repeating: 0, count: JSONParser.padding)
    let bytes = UnsafeRawBufferPointer(start: copy, count: text.count)
    do {
      return try scratch.parser.pointee.parse(bytes, into: scratch.arena)
    } catch {
      return .missing
    }
  }

  private static func isBlank(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for byte in bytes where byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 { return false }
    return true
  }
}
