import Stepmill

/// A JSON object on its way out, written straight into bytes.
///
/// The service writes members in alphabetical order; whoever builds a body adds them so.
/// Members that are nil are left out.
package struct ResponseBody: Sendable {
  private var bytes: [UInt8]
  private var isEmpty = true

  init(capacity: Int = 256) {
    bytes = []
    bytes.reserveCapacity(capacity)
    bytes.append(UInt8(ascii: "{"))
  }

  /// An object inside another body, continued in its bytes.
  private init(in bytes: consuming [UInt8]) {
    self.bytes = bytes
    self.bytes.append(UInt8(ascii: "{"))
  }

  consuming func finish() -> [UInt8] {
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  // MARK: Members

  private mutating func name(_ name: String) {
    if !isEmpty { bytes.append(UInt8(ascii: ",")) }
    isEmpty = false
    Self.write(name, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
  }

  mutating func add(_ name: String, _ text: String?) {
    guard let text else { return }
    self.name(name)
    Self.write(text, to: &bytes)
  }

  mutating func add(_ name: String, _ number: Int?) {
    guard let number else { return }
    self.name(name)
    bytes.append(contentsOf: String(number).utf8)
  }

  mutating func add(_ name: String, _ number: Double) {
    self.name(name)
    bytes.append(contentsOf: number.description.utf8)
  }

  mutating func add(_ name: String, _ flag: Bool?) {
    guard let flag else { return }
    self.name(name)
    bytes.append(contentsOf: (flag ? "true" : "false").utf8)
  }

  /// A time in milliseconds since 1970: seconds with a fraction on the wire.
  mutating func add(_ name: String, date milliseconds: Int64?) {
    guard let milliseconds else { return }
    self.name(name)
    Self.write(date: milliseconds, to: &bytes)
  }

  /// JSON text as it is.
  mutating func add(_ name: String, json: some Sequence<UInt8>) {
    self.name(name)
    bytes.append(contentsOf: json)
  }

  /// A value that is written into the bytes.
  mutating func add(_ name: String, _ write: (inout [UInt8]) -> Void) {
    self.name(name)
    write(&bytes)
  }

  /// A text of UTF-8 bytes.
  mutating func add(_ name: String, utf8: [UInt8]) {
    self.name(name)
    Self.write(utf8: utf8, to: &bytes)
  }

  mutating func object(_ name: String, _ build: (inout ResponseBody) -> Void) {
    self.name(name)
    bytes = Self.object(in: bytes, build)
  }

  /// An array of objects.
  mutating func array<Element>(
    _ name: String, _ elements: some Sequence<Element>, _ build: (inout ResponseBody, Element) -> Void
  ) {
    self.name(name)
    bytes.append(UInt8(ascii: "["))
    var isFirst = true
    for element in elements {
      if !isFirst { bytes.append(UInt8(ascii: ",")) }
      isFirst = false
      bytes = Self.object(in: bytes) { build(&$0, element) }
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// An array of texts.
  mutating func array(_ name: String, texts: [String]) {
    self.name(name)
    bytes.append(UInt8(ascii: "["))
    for (index, text) in texts.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      Self.write(text, to: &bytes)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  private static func object(
    in bytes: consuming [UInt8], _ build: (inout ResponseBody) -> Void
  ) -> [UInt8] {
    var inner = ResponseBody(in: bytes)
    build(&inner)
    return inner.finish()
  }

  // MARK: Texts

  static func write(date milliseconds: Int64, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: String(milliseconds / 1000).utf8)
    bytes.append(UInt8(ascii: "."))
    let fraction = Int(milliseconds % 1000)
    for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] {
      bytes.append(UInt8(ascii: "0") + UInt8(digit))
    }
  }

  static func write(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 { escape(byte, to: &bytes) }
    bytes.append(UInt8(ascii: "\""))
  }

  static func write(utf8 text: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text { escape(byte, to: &bytes) }
    bytes.append(UInt8(ascii: "\""))
  }

  @inline(__always)
  private static func escape(_ byte: UInt8, to bytes: inout [UInt8]) {
    if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
      bytes.append(byte)
    } else {
      escapeRare(byte, to: &bytes)
    }
  }

  /// What stands for the control characters.
  static let escapes: [[UInt8]] = (UInt8(0)..<0x20).map { byte in
    var bytes: [UInt8] = []
    escapeRare(byte, to: &bytes)
    return bytes
  }

  private static func escapeRare(_ byte: UInt8, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    default:
      let digits = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(digits[Int(byte >> 4)])
      bytes.append(digits[Int(byte & 15)])
    }
  }
}
