/// A call of a synchronous handler: its input, and where its answer goes.
///
/// It is valid during the call only, and cannot be kept.
public struct TaskCall: ~Copyable {
  let shard: Shard
  let fiber: UnsafeMutablePointer<Fiber>
  let arena: UnsafeMutablePointer<Arena>
  /// Where the answer goes: `result`, and of a failure `cause`.
  let frame: UnsafeMutablePointer<Frame>
  let inputValue: Value

  @inline(__always)
  init(shard: Shard, fiber: UnsafeMutablePointer<Fiber>, frame: UnsafeMutablePointer<Frame>, input: Value) {
    self.shard = shard
    self.fiber = fiber
    self.frame = frame
    arena = Frame.arena(of: frame)
    inputValue = input
    frame.pointee.result = .emptyObject
  }

  /// The task's input, after InputPath and Parameters.
  public var input: JSONView { JSONView(inputValue) }

  /// How often this task has been retried in this visit of its state.
  public var retryCount: Int { Int(fiber.pointee.retryCount) }

  /// Answers with an owned value.
  public func succeed(_ output: JSON) { frame.pointee.result = output.copied(to: arena) }

  /// Answers with a part of the input, without copying it.
  public func succeed(_ view: borrowing JSONView) { frame.pointee.result = view.value }

  /// Answers with an object, built in place.
  ///
  /// ```swift
  /// call.succeed(members: 2) { object in
  ///   object.add("id", "tx-1")
  ///   object.add("amount", call.input["amount"])
  /// }
  /// ```
  @inline(__always)
  public func succeed(members: Int, _ build: (inout ObjectWriter) -> Void) {
    var writer = ObjectWriter(arena, capacity: members)
    build(&writer)
    frame.pointee.result = writer.finish()
  }

  func fail(_ failure: TaskFailure) {
    frame.pointee.result = failure.error.map { arena.pointee.string($0) } ?? .null
    frame.pointee.cause = failure.cause.map { arena.pointee.string($0) } ?? .missing
  }
}

/// A value inside a running call, read without copying it.
public struct JSONView: ~Copyable {
  let value: Value

  init(_ value: Value) { self.value = value }

  /// The member with this name; a view of nothing where there is none.
  public subscript(name: StaticString) -> JSONView { JSONView(value.member(named: name)) }

  /// The element at this index; a view of nothing where there is none.
  public subscript(index: Int) -> JSONView {
    guard value.isArray, index >= 0, index < value.count else { return JSONView(.missing) }
    return JSONView(value.elements[index])
  }

  /// Elements of an array, members of an object; else 0.
  public var count: Int { value.isContainer ? value.count : 0 }
  /// False for a view of nothing: a member or an element that is not there.
  public var exists: Bool { !value.isMissing }
  /// True for JSON's null, not for what is missing.
  public var isNull: Bool { value.isNull }
  /// The boolean, if it is one.
  public var bool: Bool? { value.isBool ? value.tag == .true : nil }
  /// The number as an integer, if it is one and fits.
  public var int: Int? { value.isNumber ? value.asInteger.map { Int($0) } : nil }
  /// The number as a double.
  public var double: Double? { value.isNumber ? value.asDouble : nil }
  /// The string's text, copied.
  public var string: String? { value.isString ? value.text : nil }

  /// A copy that owns its memory.
  public var json: JSON { JSON(copying: value.isMissing ? .null : value) }
}

/// Builds an object in an execution's memory.
public struct ObjectWriter: ~Copyable {
  private let arena: UnsafeMutablePointer<Arena>
  private var members: UnsafeMutablePointer<Member>
  private var capacity: Int
  private var count = 0

  init(_ arena: UnsafeMutablePointer<Arena>, capacity: Int) {
    self.arena = arena
    self.capacity = capacity
    members = arena.pointee.members(capacity)
  }

  mutating func finish() -> Value { .object(members, count: count) }

  @inline(__always)
  private mutating func append(_ name: StaticString, _ value: Value) {
    if _slowPath(count == capacity) { grow() }
    members[count] = Member(key: .key(name), value: value)
    count &+= 1
  }

  @inline(never)
  private mutating func grow() {
    let larger = arena.pointee.members(max(4, capacity * 2))
    larger.update(from: members, count: count)
    members = larger
    capacity = max(4, capacity * 2)
  }

  /// Adds a part of the input, without copying it; null for a view of nothing.
  public mutating func add(_ name: StaticString, _ value: borrowing JSONView) {
    append(name, value.value.isMissing ? .null : value.value)
  }

  /// Adds an integer.
  public mutating func add(_ name: StaticString, _ number: Int) { append(name, .integer(Int64(number))) }
  /// Adds a number.
  public mutating func add(_ name: StaticString, _ number: Double) { append(name, .double(number)) }
  /// Adds a boolean.
  public mutating func add(_ name: StaticString, _ flag: Bool) { append(name, .bool(flag)) }
  /// Adds a text of the program itself, without copying it.
  public mutating func add(_ name: StaticString, _ text: StaticString) { append(name, .string(text)) }
  /// Adds a text.
  public mutating func add(_ name: StaticString, _ text: String) { append(name, arena.pointee.string(text)) }
  /// Adds an owned value, as a copy.
  public mutating func add(_ name: StaticString, _ value: JSON) { append(name, value.copied(to: arena)) }

  /// Adds a text made of a prefix and a string of the input, without a detour.
  public mutating func add(_ name: StaticString, _ prefix: StaticString, joining text: borrowing JSONView) {
    let head = Value.string(prefix)
    let tail = text.value.isString ? text.value : .emptyString
    let memory = arena.pointee.allocate(head.count &+ tail.count)
    memory.copyMemory(from: head.address, byteCount: head.count)
    (memory + head.count).copyMemory(from: tail.address, byteCount: tail.count)
    append(
      name,
      .string(memory, count: head.count &+ tail.count, plain: head.isPlainText && tail.isPlainText))
  }
}
