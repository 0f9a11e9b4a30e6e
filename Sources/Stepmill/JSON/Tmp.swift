extension Value {
  var asDouble: Double { tag == .integer ? Double(integerValue) : tag == .double ? doubleBits : Double(text)! }
  var asInteger: Int64? { tag == .integer ? integerValue : nil }
  func evacuate(from: Arena, to: UnsafeMutablePointer<Arena>) -> Value { self }
  func copy(to: UnsafeMutablePointer<Arena>) -> Value { self }
}
public struct JSON: Sendable, Hashable {
  public init(encoding: some Encodable) throws {}
  public func decode<T: Decodable>(_ t: T.Type) throws -> T { fatalError() }
  func withUTF8<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R { try body(.init(start: nil, count: 0)) }
  init(copying: Stepmill.Value) {}
  init(_ x: String) {}
  init(_ x: Int) {}
  static func object(_: [(String, JSON)]) -> JSON { JSON(1) }
  subscript(x: String) -> JSON { get { self } set { _ = newValue } }
  func copy(to: UnsafeMutablePointer<Arena>) -> Value { .null }
}
