@testable import Stepmill

// A small reader and writer of JSON for tests that need values and not the parser under
// test: recursive, forgiving, and with an arena of its own that lives as long as it does.

final class TestJSON {
  let pool: UnsafeMutablePointer<ChunkPool>
  let arena: UnsafeMutablePointer<Arena>

  init() {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena(pool: pool))
  }

  deinit {
    arena.pointee.release()
    arena.deallocate()
    pool.deinitialize(count: 1)
    pool.deallocate()
  }

  func parse(_ text: String) -> Value {
    var reader = Reader(bytes: Array(text.utf8), arena: arena)
    return reader.value()
  }

  private struct Reader {
    let bytes: [UInt8]
    let arena: UnsafeMutablePointer<Arena>
    var position = 0

    mutating func skip() {
      while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
    }

    mutating func value() -> Value {
      skip()
      switch bytes[position] {
      case UInt8(ascii: "{"): return object()
      case UInt8(ascii: "["): return array()
      case UInt8(ascii: "\""): return arena.pointee.string(text())
      case UInt8(ascii: "t"):
        position += 4
        return .true
      case UInt8(ascii: "f"):
        position += 5
        return .false
      case UInt8(ascii: "n"):
        position += 4
        return .null
      default: return number()
      }
    }

    mutating func object() -> Value {
      var members: [Member] = []
      position += 1
      skip()
      while bytes[position] != UInt8(ascii: "}") {
        let key = arena.pointee.key(text())
        skip()
        position += 1
        members.append(Member(key: key, value: value()))
        skip()
        if bytes[position] == UInt8(ascii: ",") { position += 1 }
        skip()
      }
      position += 1
      let run = arena.pointee.members(members.count)
      run.update(from: members, count: members.count)
      return .object(run, count: members.count)
    }

    mutating func array() -> Value {
      var elements: [Value] = []
      position += 1
      skip()
      while bytes[position] != UInt8(ascii: "]") {
        elements.append(value())
        skip()
        if bytes[position] == UInt8(ascii: ",") { position += 1 }
        skip()
      }
      position += 1
      let run = arena.pointee.elements(elements.count)
      run.update(from: elements, count: elements.count)
      return .array(run, count: elements.count)
    }

    mutating func text() -> String {
      position += 1
      var units: [UInt16] = []
      var plain: [UInt8] = []
      func flush(_ plain: inout [UInt8], _ units: inout [UInt16]) {
        units += Array(String(decoding: plain, as: UTF8.self).utf16)
        plain = []
      }
      while bytes[position] != UInt8(ascii: "\"") {
        guard bytes[position] == UInt8(ascii: "\\") else {
          plain.append(bytes[position])
          position += 1
          continue
        }
        flush(&plain, &units)
        let escape = bytes[position + 1]
        position += 2
        switch escape {
        case UInt8(ascii: "b"): units.append(8)
        case UInt8(ascii: "f"): units.append(12)
        case UInt8(ascii: "n"): units.append(10)
        case UInt8(ascii: "r"): units.append(13)
        case UInt8(ascii: "t"): units.append(9)
        case UInt8(ascii: "u"):
          let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
          units.append(UInt16(digits, radix: 16) ?? 0xFFFD)
          position += 4
        default: units.append(UInt16(escape))
        }
      }
      position += 1
      flush(&plain, &units)
      return String(decoding: units, as: UTF16.self)
    }

    mutating func number() -> Value {
      let start = position
      while position < bytes.count, "+-.eE0123456789".utf8.contains(bytes[position]) { position += 1 }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      if let integer = Int64(text) { return .integer(integer) }
      return .double(Double(text) ?? .nan)
    }
  }

  /// The value as compact JSON; a double without a fraction is written like an integer.
  static func write(_ value: Value) -> String {
    switch value.tag {
    case .missing: return "(missing)"
    case .null: return "null"
    case .true: return "true"
    case .false: return "false"
    case .integer: return String(value.integerValue)
    case .double:
      let number = value.doubleBits
      if let integer = Int64(exactly: number) { return String(integer) }
      return number.description
    case .numeral: return value.text
    case .string: return quoted(value.text)
    case .array: return "[" + value.elements.map { write($0) }.joined(separator: ",") + "]"
    case .object:
      return "{"
        + value.members.map { quoted($0.key.text) + ":" + write($0.value) }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 { result += "\\u{" + String(scalar.value, radix: 16) + "}" } else { result.unicodeScalars.append(scalar) }
      }
    }
    return result + "\""
  }
}
