extension Value {
  var asDouble: Double { tag == .integer ? Double(integerValue) : tag == .double ? doubleBits : Double(text)! }
  var asInteger: Int64? { tag == .integer ? integerValue : nil }
  func evacuate(from: Arena, to: UnsafeMutablePointer<Arena>) -> Value { self }
  func copy(to: UnsafeMutablePointer<Arena>) -> Value { self }
}
public struct JSON: Sendable {
  init(copying: Stepmill.Value) {}
  init(_ x: String) {}
  init(_ x: Int) {}
  static func object(_: [(String, JSON)]) -> JSON { JSON(1) }
  subscript(x: String) -> JSON { get { self } set { _ = newValue } }
  func copy(to: UnsafeMutablePointer<Arena>) -> Value { .null }
}
