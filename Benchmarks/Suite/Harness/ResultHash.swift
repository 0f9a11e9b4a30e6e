// A hash of what a JSON text means, so that contestants who order members differently or
// write 12.0 for 12 still agree: FNV-1a over 64 bits, members sorted by name, numbers as the
// bits of a Double. It reads outputs of the suite and is no validator.

/// Nil when the text is not JSON.
public func resultHash(ofJSON text: [UInt8]) -> UInt64? {
  var reader = MeaningReader(text: text)
  guard let hash = reader.value(), reader.isAtEnd else { return nil }
  return hash
}

/// FNV-1a over 64 bits.
struct FNV {
  private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }

  mutating func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { add(byte) } }

  mutating func add(_ word: UInt64) {
    for shift in 0..<8 { add(UInt8(truncatingIfNeeded: word >> (shift * 8))) }
  }
}

private struct MeaningReader {
  let text: [UInt8]
  var at = 0

  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return at == text.count
    }
  }

  init(text: [UInt8]) { self.text = text }

  mutating func value() -> UInt64? {
    skipSpace()
    guard at < text.count else { return nil }
    switch text[at] {
    case UInt8(ascii: "{"): return object()
    case UInt8(ascii: "["): return array()
    case UInt8(ascii: "\""): return string().map { hash(UInt8(ascii: "s"), Array($0.utf8)) }
    default: return scalar()
    }
  }

  private mutating func object() -> UInt64? {
    var members: [(name: String, value: UInt64)] = []
    at += 1
    if take(UInt8(ascii: "}")) { return combine(UInt8(ascii: "o"), []) }
    repeat {
      skipSpace()
      guard let name = string(), take(UInt8(ascii: ":")), let value = value() else { return nil }
      members.append((name, value))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { return nil }
    members.sort { $0.name < $1.name }
    return combine(
      UInt8(ascii: "o"), members.flatMap { [hash(UInt8(ascii: "k"), Array($0.name.utf8)), $0.value] })
  }

  private mutating func array() -> UInt64? {
    var elements: [UInt64] = []
    at += 1
    if take(UInt8(ascii: "]")) { return combine(UInt8(ascii: "a"), []) }
    repeat {
      guard let value = value() else { return nil }
      elements.append(value)
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]")) ? combine(UInt8(ascii: "a"), elements) : nil
  }

  /// A number, true, false or null.
  private mutating func scalar() -> UInt64? {
    let start = at
    while at < text.count, !"{}[],:\" \n\r\t".utf8.contains(text[at]) { at += 1 }
    let word = String(decoding: text[start..<at], as: UTF8.self)
    if ["true", "false", "null"].contains(word) { return hash(UInt8(ascii: "w"), Array(word.utf8)) }
    guard let number = Double(word) else { return nil }
    return combine(UInt8(ascii: "n"), [number.bitPattern])
  }

  private mutating func string() -> String? {
    guard at < text.count, text[at] == UInt8(ascii: "\"") else { return nil }
    at += 1
    var units: [UInt8] = []
    var escaped: [UInt16] = []
    while at < text.count {
      let byte = text[at]
      at += 1
      if byte == UInt8(ascii: "\\"), at + 4 < text.count, text[at] == UInt8(ascii: "u") {
        guard let unit = UInt16(String(decoding: text[(at + 1)...(at + 4)], as: UTF8.self), radix: 16)
        else { return nil }
        escaped.append(unit)
        at += 5
        continue
      }
      // Halves of a surrogate pair are decoded together.
      units += Array(String(decoding: escaped, as: UTF16.self).utf8)
      escaped.removeAll()
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let plain = unescaped() else { return nil }
        units.append(plain)
      default: units.append(byte)
      }
    }
    return nil
  }

  private mutating func unescaped() -> UInt8? {
    guard at < text.count else { return nil }
    defer { at += 1 }
    switch text[at] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return text[at]
    case UInt8(ascii: "b"): return 8
    case UInt8(ascii: "f"): return 12
    case UInt8(ascii: "n"): return 10
    case UInt8(ascii: "r"): return 13
    case UInt8(ascii: "t"): return 9
    default: return nil
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard at < text.count, text[at] == byte else { return false }
    at += 1
    return true
  }

  private mutating func skipSpace() {
    while at < text.count, " \n\r\t".utf8.contains(text[at]) { at += 1 }
  }

  private func hash(_ tag: UInt8, _ bytes: [UInt8]) -> UInt64 {
    var fnv = FNV()
    fnv.add(tag)
    fnv.add(bytes)
    return fnv.hash
  }

  private func combine(_ tag: UInt8, _ parts: [UInt64]) -> UInt64 {
    var fnv = FNV()
    fnv.add(tag)
    for part in parts { fnv.add(part) }
    return fnv.hash
  }
}
