// An event of a history while it is told.
//
// The shard writes what an event has to say into one buffer, as fields: which member of the
// details, in what form, and its bytes. Whoever keeps histories takes the fields from there; only
// who wants an event as a value of its own has one made. So telling costs a text written once,
// and nothing is allocated for it.

/// The members of events' details.
package enum EventMember: UInt8, Sendable {
  case input, output, name, error, cause, roleARN, aliasARN, versionARN, redriveCount, location, state
  case length, index, mapRunARN, resourceType, resource, region, parameters, timeout, heartbeat, credentials
  case workerName, variables

  package var name: StaticString {
    switch self {
    case .input: "input"
    case .output: "output"
    case .name: "name"
    case .error: "error"
    case .cause: "cause"
    case .roleARN: "roleArn"
    case .aliasARN: "stateMachineAliasArn"
    case .versionARN: "stateMachineVersionArn"
    case .redriveCount: "redriveCount"
    case .location: "location"
    case .state: "state"
    case .length: "length"
    case .index: "index"
    case .mapRunARN: "mapRunArn"
    case .resourceType: "resourceType"
    case .resource: "resource"
    case .region: "region"
    case .parameters: "parameters"
    case .timeout: "timeoutInSeconds"
    case .heartbeat: "heartbeatInSeconds"
    case .credentials: "taskCredentials"
    case .workerName: "workerName"
    case .variables: "assignedVariables"
    }
  }

  /// Inputs, outputs and variables: each has a note beside it that says that it is whole.
  package var noteName: StaticString? {
    switch self {
    case .input: "inputDetails"
    case .output: "outputDetails"
    case .variables: "assignedVariablesDetails"
    default: nil
    }
  }
}

/// What the bytes of a field are.
package enum EventForm: UInt8, Sendable {
  /// The UTF-8 of a text, as a `Value` has it.
  case text
  /// A number of 8 bytes.
  case integer
  /// JSON as it is.
  case json
}

/// What a field is about, for who would not say the same thing twice.
package enum EventTopic: UInt8, Sendable {
  case other
  /// Data that states hand to one another.
  case data
  /// The role of the execution.
  case role
}

/// An event, with what it says in memory that is good during the call only.
package struct EventRecord {
  package let id: Int
  /// The event that this one follows from; 0 for the first ones and for ends from outside.
  package let previousID: Int
  package let type: HistoryEventType
  /// Milliseconds since 1970.
  package let timestamp: Int64
  /// Nil for types without details.
  package let fields: EventFields?
}

/// The fields of an event, one after the other.
package struct EventFields: Sequence, IteratorProtocol {
  package struct Field {
    package let member: EventMember
    package let form: EventForm
    /// What is likely to have been said before.
    package let topic: EventTopic
    package let bytes: UnsafeRawBufferPointer

    package var integer: Int64 { bytes.loadUnaligned(as: Int64.self) }
  }

  /// Member, form, topic, a byte of nothing, and the count; then the bytes.
  static let headSize = 8

  private var cursor: UnsafeRawPointer
  private let end: UnsafeRawPointer

  init(_ bytes: UnsafeRawBufferPointer) {
    cursor = bytes.baseAddress.unsafelyUnwrapped
    end = cursor + bytes.count
  }

  @inline(__always)
  package mutating func next() -> Field? {
    guard cursor < end else { return nil }
    let member = unsafeBitCast(cursor.load(as: UInt8.self), to: EventMember.self)
    let form = unsafeBitCast(cursor.load(fromByteOffset: 1, as: UInt8.self), to: EventForm.self)
    let topic = unsafeBitCast(cursor.load(fromByteOffset: 2, as: UInt8.self), to: EventTopic.self)
    let count = Int(cursor.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    let bytes = UnsafeRawBufferPointer(start: cursor + Self.headSize, count: count)
    cursor += Self.headSize &+ count
    return Field(member: member, form: form, topic: topic, bytes: bytes)
  }
}

extension EventRecord {
  /// The details as a value of their own.
  package var details: JSON? {
    guard let fields else { return nil }
    return JSONScratch.with { scratch in
      var members: [Member] = []
      for field in fields {
        let value: Value
        switch field.form {
        case .text:
          value =
            field.bytes.isEmpty
            ? .emptyString
            : .string(field.bytes.baseAddress.unsafelyUnwrapped, count: field.bytes.count, plain: false)
        case .integer: value = .integer(field.integer)
        case .json: value = (try? scratch.parse(field.bytes)) ?? .null
        }
        members.append(Member(key: .key(field.member.name), value: value))
        guard let note = field.member.noteName else { continue }
        let flag = scratch.arena.pointee.members(1)
        flag[0] = Member(key: .key("truncated"), value: .false)
        members.append(Member(key: .key(note), value: .object(flag, count: 1)))
      }
      return members.withUnsafeBufferPointer { members in
        members.isEmpty
          ? JSON(copying: .emptyObject)
          : JSON(copying: .object(members.baseAddress.unsafelyUnwrapped, count: members.count))
      }
    }
  }
}

extension HistoryEvent {
  /// The event as a value that may be kept.
  package init(_ record: EventRecord, execution: String = "") {
    self.init(
      id: record.id, previousID: record.previousID, type: record.type, timestamp: record.timestamp,
      execution: execution, details: record.details)
  }
}

extension UnsafeRawBufferPointer {
  /// The bytes as a text in JSON, with its quotes, written behind `target`.
  package func appendQuoted(to target: inout [UInt8]) {
    JSONScratch.with { scratch in
      let value: Value =
        isEmpty ? .emptyString : .string(baseAddress.unsafelyUnwrapped, count: count, plain: false)
      target.append(contentsOf: scratch.write(value))
    }
  }
}

/// The data told last, as a text.
///
/// Values do not change, so the same one at the same address has the same text, unless the memory
/// was used anew meanwhile. That takes a chunk from the pool, or somebody else's turn.
struct ToldData: ~Copyable {
  private var value = Value.missing
  private var takes = 0
  private(set) var text = OutputBuffer()

  @inline(__always)
  func isText(of other: Value, _ takes: Int) -> Bool {
    !value.isMissing && other.head == value.head && other.payload == value.payload && takes == self.takes
  }

  mutating func keep(_ text: UnsafeRawBufferPointer, of value: Value, _ takes: Int) {
    self.text.removeAll()
    self.text.append(text)
    self.value = value
    self.takes = takes
  }

  mutating func forget() { value = .missing }
}

/// Writes the fields of one event.
struct EventWriter {
  private let shard: Shard
  private let includesData: Bool

  init(_ shard: Shard, includesData: Bool) {
    self.shard = shard
    self.includesData = includesData
    shard.state.pointee.event.pointee.removeAll()
  }

  var fields: EventFields { EventFields(shard.state.pointee.event.pointee.bytes) }

  /// Begins a field, and says where. Its size is put in when it is complete.
  @inline(__always)
  private func begin(_ member: EventMember, _ form: EventForm, _ topic: EventTopic = .other) -> Int {
    let event = shard.state.pointee.event
    let start = event.pointee.count
    let head = event.pointee.reserve(EventFields.headSize)
    head.storeBytes(
      of: UInt32(member.rawValue) | UInt32(form.rawValue) &<< 8 | UInt32(topic.rawValue) &<< 16,
      as: UInt32.self)
    event.pointee.commit(head + EventFields.headSize)
    return start
  }

  @inline(__always)
  private func end(_ start: Int) {
    let event = shard.state.pointee.event
    let count = UInt32(truncatingIfNeeded: event.pointee.count &- start &- EventFields.headSize)
    event.pointee.start.storeBytes(of: count, toByteOffset: start &+ 4, as: UInt32.self)
  }

  private func write(_ value: Value) {
    shard.state.pointee.writer.pointee.write(value, to: &shard.state.pointee.event.pointee)
  }

  /// A value: nearly always a text.
  func add(_ member: EventMember, _ value: Value) {
    if value.isMissing { return }
    let start = begin(member, value.isString ? .text : .json)
    if value.isString { shard.state.pointee.event.pointee.append(value.bytes) } else { write(value) }
    end(start)
  }

  func add(_ member: EventMember, _ text: String, _ topic: EventTopic = .other) {
    let start = begin(member, .text, topic)
    var text = text
    text.withUTF8 { shard.state.pointee.event.pointee.append(UnsafeRawBufferPointer($0)) }
    end(start)
  }

  func add(_ member: EventMember, number: Int64) {
    let start = begin(member, .integer)
    withUnsafeBytes(of: number) { shard.state.pointee.event.pointee.append($0) }
    end(start)
  }

  /// A value as the text of its JSON. What leaves one state enters the next, so most are the one
  /// that was told last.
  func add(_ member: EventMember, textOf value: Value) {
    let start = begin(member, .text, .data)
    defer { end(start) }
    let event = shard.state.pointee.event
    let told = shard.state.pointee.told
    let takes = shard.state.pointee.pool.pointee.takes
    if told.pointee.isText(of: value, takes) { return event.pointee.append(told.pointee.text.bytes) }
    guard !value.isMissing else { return }
    let before = event.pointee.count
    write(value)
    guard value.isObject || value.isArray else { return }
    told.pointee.keep(
      UnsafeRawBufferPointer(rebasing: event.pointee.bytes[before...]), of: value, takes)
  }

  /// The same for what is told only where the observer wants data.
  func addData(_ member: EventMember, _ value: Value) {
    if includesData { add(member, textOf: value) }
  }

  /// Variables as a map from name to JSON text, names sorted.
  func addVariables(_ values: Value) {
    guard includesData, values.isObject, values.count > 0 else { return }
    var arena = Arena(pool: shard.state.pointee.pool)
    let sorted = values.members.sorted { $0.key.text < $1.key.text }
    let texts = arena.members(sorted.count)
    for (position, member) in sorted.enumerated() {
      texts[position] = Member(key: member.key, value: arena.string(shard.json(member.value)))
    }
    add(.variables, .object(texts, count: sorted.count))
    arena.release()
  }

  /// The role that a task's `Credentials` name.
  func addCredentials(_ role: Value) {
    guard !role.isMissing else { return }
    withUnsafePointer(to: Member(key: .key("roleArn"), value: role)) {
      add(.credentials, .object($0, count: 1))
    }
  }
}
