// Swift values as JSON, by way of `Encodable`.
//
// The encoder builds a tree of nodes, since containers may be filled in any order and long
// after they were asked for; when all is encoded the tree becomes one `JSON`.

extension JSON {
  /// The JSON of a Swift value. Optionals that are nil are left out of objects, as
  /// Swift's generated code asks; nil elements of arrays become null.
  public init(encoding value: some Encodable) throws {
    let root = EncodedNode()
    try root.encode(value, codingPath: [])
    self = JSONScratch.with { scratch in
      withExtendedLifetime(root) { JSON(copying: root.value(in: scratch.arena)) }
    }
  }
}

/// A place in the tree that is being built.
private final class EncodedNode {
  enum Content {
    case none
    case value(JSON)
    case array([EncodedNode])
    case object(names: [String], nodes: [String: EncodedNode])
  }

  var content = Content.none

  /// What was encoded here; nothing at all counts as an empty object. Points into the
  /// tree, which must stay until the value is copied.
  func value(in arena: UnsafeMutablePointer<Arena>) -> EngineValue {
    switch content {
    case .none: return .emptyObject
    case .value(let json): return json.value
    case .array(let nodes):
      guard !nodes.isEmpty else { return .emptyArray }
      let block = arena.pointee.elements(nodes.count)
      for (index, node) in nodes.enumerated() { block[index] = node.value(in: arena) }
      return .array(block, count: nodes.count)
    case .object(let names, let nodes):
      guard !names.isEmpty else { return .emptyObject }
      let block = arena.pointee.members(names.count)
      for (index, name) in names.enumerated() {
        let value = nodes[name].map { $0.value(in: arena) } ?? .null
        block[index] = Member(key: arena.pointee.key(name), value: value)
      }
      return .object(block, count: names.count)
    }
  }

  func beginArray() {
    if case .array = content { return }
    guard case .none = content else { preconditionFailure("a value was already encoded here") }
    content = .array([])
  }

  func beginObject() {
    if case .object = content { return }
    guard case .none = content else { preconditionFailure("a value was already encoded here") }
    content = .object(names: [], nodes: [:])
  }

  var elementCount: Int {
    if case .array(let nodes) = content { nodes.count } else { 0 }
  }

  func appendElement() -> EncodedNode {
    guard case .array(var nodes) = content else { preconditionFailure("no array is open here") }
    content = .none
    let node = EncodedNode()
    nodes.append(node)
    content = .array(nodes)
    return node
  }

  func member(_ name: String) -> EncodedNode {
    guard case .object(var names, var nodes) = content else { preconditionFailure("no object is open here") }
    // Emptied first, so that the arrays are not copied when they change.
    content = .none
    let node = EncodedNode()
    if nodes.updateValue(node, forKey: name) == nil { names.append(name) }
    content = .object(names: names, nodes: nodes)
    return node
  }

  func encode<T: Encodable>(_ value: T, codingPath: [any CodingKey]) throws {
    // JSON is itself encodable, for other encoders; here it stands for itself.
    if let json = value as? JSON {
      content = .value(json)
    } else {
      try value.encode(to: JSONValueEncoder(node: self, codingPath: codingPath))
    }
  }
}

private struct JSONValueEncoder: Encoder {
  let node: EncodedNode
  let codingPath: [any CodingKey]

  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    node.beginObject()
    return KeyedEncodingContainer(KeyedEncoding<Key>(node: node, codingPath: codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.beginArray()
    return UnkeyedEncoding(node: node, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    SingleValueEncoding(node: node, codingPath: codingPath)
  }
}

private struct SingleValueEncoding: SingleValueEncodingContainer {
  let node: EncodedNode
  let codingPath: [any CodingKey]

  private func put(_ value: JSON) { node.content = .value(value) }

  func encodeNil() { put(.null) }
  func encode(_ value: Bool) { put(JSON(value)) }
  func encode(_ value: String) { put(JSON(value)) }
  func encode(_ value: Double) throws { put(try JSON(finite: value, codingPath)) }
  func encode(_ value: Float) throws { put(try JSON(finite: value, codingPath)) }
  func encode(_ value: Int) { put(JSON(value)) }
  func encode(_ value: Int8) { put(JSON(value)) }
  func encode(_ value: Int16) { put(JSON(value)) }
  func encode(_ value: Int32) { put(JSON(value)) }
  func encode(_ value: Int64) { put(JSON(value)) }
  func encode(_ value: Int128) { put(JSON(value)) }
  func encode(_ value: UInt) { put(JSON(value)) }
  func encode(_ value: UInt8) { put(JSON(value)) }
  func encode(_ value: UInt16) { put(JSON(value)) }
  func encode(_ value: UInt32) { put(JSON(value)) }
  func encode(_ value: UInt64) { put(JSON(value)) }
  func encode(_ value: UInt128) { put(JSON(value)) }
  func encode<T: Encodable>(_ value: T) throws { try node.encode(value, codingPath: codingPath) }
}

private struct KeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: EncodedNode
  let codingPath: [any CodingKey]

  /// Where the value of a member goes. All the typed variants end in `encode<T>`, as the
  /// standard types encode themselves as single values.
  private func single(_ key: any CodingKey) -> SingleValueEncoding {
    SingleValueEncoding(node: node.member(key.stringValue), codingPath: codingPath + [key])
  }

  func encodeNil(forKey key: Key) { single(key).encodeNil() }
  func encode(_ value: Bool, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: String, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: Double, forKey key: Key) throws { try single(key).encode(value) }
  func encode(_ value: Float, forKey key: Key) throws { try single(key).encode(value) }
  func encode(_ value: Int, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: Int8, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: Int16, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: Int32, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: Int64, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: Int128, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: UInt, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: UInt8, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: UInt16, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: UInt32, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: UInt64, forKey key: Key) { single(key).encode(value) }
  func encode(_ value: UInt128, forKey key: Key) { single(key).encode(value) }
  func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try single(key).encode(value) }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    superEncoder(forKey: key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    superEncoder(forKey: key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { encoder(JSONCodingKey.super) }
  func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }

  private func encoder(_ key: any CodingKey) -> JSONValueEncoder {
    JSONValueEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
  }
}

private struct UnkeyedEncoding: UnkeyedEncodingContainer {
  let node: EncodedNode
  let codingPath: [any CodingKey]

  var count: Int { node.elementCount }

  private func single() -> SingleValueEncoding {
    let path = codingPath + [JSONCodingKey(index: count)]
    return SingleValueEncoding(node: node.appendElement(), codingPath: path)
  }

  func encodeNil() { single().encodeNil() }
  func encode(_ value: Bool) { single().encode(value) }
  func encode(_ value: String) { single().encode(value) }
  func encode(_ value: Double) throws { try single().encode(value) }
  func encode(_ value: Float) throws { try single().encode(value) }
  func encode(_ value: Int) { single().encode(value) }
  func encode(_ value: Int8) { single().encode(value) }
  func encode(_ value: Int16) { single().encode(value) }
  func encode(_ value: Int32) { single().encode(value) }
  func encode(_ value: Int64) { single().encode(value) }
  func encode(_ value: Int128) { single().encode(value) }
  func encode(_ value: UInt) { single().encode(value) }
  func encode(_ value: UInt8) { single().encode(value) }
  func encode(_ value: UInt16) { single().encode(value) }
  func encode(_ value: UInt32) { single().encode(value) }
  func encode(_ value: UInt64) { single().encode(value) }
  func encode(_ value: UInt128) { single().encode(value) }
  func encode<T: Encodable>(_ value: T) throws { try single().encode(value) }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    superEncoder().container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { superEncoder().unkeyedContainer() }

  func superEncoder() -> any Encoder {
    let path = codingPath + [JSONCodingKey(index: count)]
    return JSONValueEncoder(node: node.appendElement(), codingPath: path)
  }
}

/// Stands for an index or for "super" in coding paths.
struct JSONCodingKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  static let `super` = JSONCodingKey(stringValue: "super")

  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }

  init(intValue: Int) {
    stringValue = String(intValue)
    self.intValue = intValue
  }

  init(index: Int) {
    stringValue = "Index \(index)"
    intValue = index
  }
}

extension JSON {
  /// A number, refusing what JSON has no number for.
  fileprivate init<Number: BinaryFloatingPoint & CustomStringConvertible>(
    finite value: Number, _ codingPath: [any CodingKey]
  ) throws {
    guard value.isFinite else {
      throw EncodingError.invalidValue(
        value,
        EncodingError.Context(codingPath: codingPath, debugDescription: "JSON has no number for \(value)."))
    }
    // By way of its text a single-precision number keeps its own shortest digits: 0.1
    // does not become 0.10000000149011612.
    self.init(value is Double ? Double(value) : Double(value.description) ?? Double(value))
  }
}

extension JSON: Encodable {
  /// Encodes for any encoder, Foundation's among them.
  public func encode(to encoder: any Encoder) throws {
    switch kind {
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    case .bool:
      var container = encoder.singleValueContainer()
      try container.encode(value.tag == .true)
    case .number:
      var container = encoder.singleValueContainer()
      if let int { try container.encode(int) } else { try container.encode(value.asDouble) }
    case .string:
      var container = encoder.singleValueContainer()
      try container.encode(string ?? "")
    case .array:
      var container = encoder.unkeyedContainer()
      for element in Elements(whole: self) { try container.encode(element) }
    case .object:
      var container = encoder.container(keyedBy: JSONCodingKey.self)
      for member in Members(whole: self) {
        try container.encode(member.value, forKey: JSONCodingKey(stringValue: member.key))
      }
    }
  }
}
