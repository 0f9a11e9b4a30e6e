import Testing

@testable import Stepmill

/// Evaluates calls as they are written, over an input, as the engine would: arguments
/// first, a literal template in its cut form. Paths are dotted names only.
final class IntrinsicEvaluator {
  let pool: UnsafeMutablePointer<ChunkPool>
  let scratch: IntrinsicScratch

  init(seed: UInt64 = 1) {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    scratch = IntrinsicScratch(
      arena: .allocate(capacity: 1), random: .allocate(capacity: 1), parser: .allocate(capacity: 1),
      writer: .allocate(capacity: 1), output: .allocate(capacity: 1))
    scratch.arena.initialize(to: Arena(pool: pool))
    scratch.random.initialize(to: RandomSource(seed: seed))
    scratch.parser.initialize(to: JSONParser(maximumDepth: 1000))
    scratch.writer.initialize(to: JSONWriter())
    scratch.output.initialize(to: OutputBuffer())
  }

  deinit {
    scratch.arena.pointee.release()
    scratch.arena.deallocate()
    scratch.random.deallocate()
    scratch.parser.deinitialize(count: 1).deallocate()
    scratch.writer.deinitialize(count: 1).deallocate()
    scratch.output.deinitialize(count: 1).deallocate()
    pool.deinitialize(count: 1).deallocate()
  }

  /// The value of a JSON text.
  func value(_ json: String) throws -> Value {
    let bytes = Array(json.utf8)
    let copy = scratch.arena.pointee.allocate(bytes.count + JSONParser.padding)
    copy.initializeMemory(as: UInt8.self, repeating: 0, count: bytes.count + JSONParser.padding)
    copy.copyMemory(from: bytes, byteCount: bytes.count)
    return try scratch.parser.pointee.parse(
      UnsafeRawBufferPointer(start: copy, count: bytes.count), into: scratch.arena)
  }

  /// The JSON text of a value; "missing" stands for a failure.
  func json(_ value: Value) -> String {
    guard !value.isMissing else { return "missing" }
    scratch.output.pointee.removeAll()
    scratch.writer.pointee.write(value, to: &scratch.output.pointee)
    return String(decoding: scratch.output.pointee.bytes, as: UTF8.self)
  }

  /// The result of a call as JSON text, with `$` denoting `input`.
  func callAsFunction(_ call: String, _ input: String = "{}") throws -> String {
    let input = try value(input)
    return json(try evaluate(try IntrinsicCall.parse(call), input))
  }

  func evaluate(_ call: IntrinsicCall, _ input: Value) throws -> Value {
    var arguments: [Value] = []
    for argument in call.arguments {
      let value = try evaluate(argument, input)
      if value.isMissing { return .missing }
      arguments.append(value)
    }
    if call.function == .format, case .string(let literal)? = call.arguments.first {
      guard let template = literal.template else { return .missing }
      let pieces = template.pieces.map { scratch.arena.pointee.string($0) }
      return pieces.withUnsafeBufferPointer { pieces in
        arguments.dropFirst().withUnsafeBufferPointer { arguments in
          Intrinsic.format(pieces: pieces, arguments, scratch.arena)
        }
      }
    }
    return arguments.withUnsafeBufferPointer { call.function.evaluate($0, scratch) }
  }

  private func evaluate(_ argument: IntrinsicCall.Argument, _ input: Value) throws -> Value {
    switch argument {
    case .string(let literal): return scratch.arena.pointee.string(literal.text)
    case .number(let text): return try value(text)
    case .bool(let bool): return .bool(bool)
    case .null: return .null
    case .call(let call): return try evaluate(call, input)
    case .path(let path):
      return path.split(separator: ".").dropFirst().reduce(input) { value, name in
        value.member(scratch.arena.pointee.key(String(name)))
      }
    }
  }
}

/// A call, its input, and the JSON text of its result; "missing" for invalid arguments.
struct IntrinsicRow: CustomTestStringConvertible {
  var call: String
  var input: String
  var expected: String

  init(_ call: String, _ input: String, _ expected: String) {
    self.call = call
    self.input = input
    self.expected = expected
  }

  init(_ call: String, _ expected: String) { self.init(call, "{}", expected) }

  var testDescription: String { "\(call) on \(input.prefix(80))" }
}
