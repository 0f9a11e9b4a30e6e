import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What an expression came to, as text that can be compared and shown.
enum JSONataOutcome: Equatable, CustomStringConvertible {
  case value(String)
  case undefined
  case function
  case failed(JSONataError)

  var description: String {
    switch self {
    case .value(let text): text
    case .undefined: "undefined"
    case .function: "function"
    case .failed(let error): "\(error.code.name) \(error.message) token=\(error.token ?? "-")"
    }
  }
}

/// An arena with what it takes to evaluate expressions in it.
final class JSONataBench {
  let pool: UnsafeMutablePointer<ChunkPool>
  let arena: UnsafeMutablePointer<Arena>
  let scratch: UnsafeMutablePointer<JSONataScratch>
  let random: UnsafeMutablePointer<RandomSource>
  var environment = JSONataEnvironment()
  var options = JSONataOptions()

  init() {
    pool = .allocate(capacity: 1)
    pool.initialize(to: ChunkPool())
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena(pool: pool))
    scratch = .allocate(capacity: 1)
    scratch.initialize(to: JSONataScratch())
    random = .allocate(capacity: 1)
    random.initialize(to: RandomSource(seed: 1))
    environment.random = random
    environment.milliseconds = 1_709_251_200_123
  }

  deinit {
    arena.pointee.release()
    arena.deallocate()
    scratch.pointee.release()
    scratch.deallocate()
    random.deallocate()
    pool.deinitialize(count: 1)
    pool.deallocate()
  }

  func parse(_ text: some Collection<UInt8>) -> Value {
    let copy = arena.pointee.allocate(text.count + JSONParser.padding)
    (copy + text.count).initializeMemory(as: UInt8.self, repeating: 0, count: JSONParser.padding)
    copy.copyMemory(from: Array(text), byteCount: text.count)
    var parser = JSONParser()
    let buffer = UnsafeRawBufferPointer(start: copy, count: text.count)
    guard let value = try? parser.parse(buffer, into: arena) else { fatalError("no JSON: \(text)") }
    return value
  }

  func evaluate(
    _ program: JSONataProgram, input: Value, variables: [String: Value] = [:]
  ) -> JSONataResult {
    let slots = program.externals.map { variables[$0] ?? .missing }
    return (slots + [.missing]).withUnsafeBufferPointer { slots in
      withUnsafePointer(to: environment) { environment in
        program.evaluate(
          input: input, variables: slots.baseAddress.unsafelyUnwrapped, arena: arena, scratch: scratch,
          environment: environment)
      }
    }
  }

  func run(_ expression: String, input: Value = .missing, variables: [String: Value] = [:]) -> JSONataOutcome
  {
    do {
      let program = try JSONataProgram.compile(expression, options: options)
      return outcome(evaluate(program, input: input, variables: variables))
    } catch {
      return .failed(error)
    }
  }

  func outcome(_ result: JSONataResult) -> JSONataOutcome {
    switch result {
    case .value(let value): .value(JSONataBench.print(value))
    case .undefined: .undefined
    case .function: .function
    case .failed(let error): .failed(error)
    }
  }

  /// Canonical text: members in order of their names, numbers by value.
  static func print(_ value: Value) -> String {
    switch value.kind {
    case .null: "null"
    case .true: "true"
    case .false: "false"
    case .integer: String(value.integerValue)
    case .double, .numeral: String(decoding: JSONataDigits(value.number).text, as: UTF8.self)
    case .string: quoted(value)
    case .array: "[" + value.elements.map(print).joined(separator: ",") + "]"
    case .object:
      "{" + value.members.map { quoted($0.key) + ":" + print($0.value) }.sorted().joined(separator: ",") + "}"
    default: "?\(value.kind)"
    }
  }

  private static func quoted(_ value: Value) -> String {
    JSONataText.units(value.bytes).reduce(into: "\"") { text, unit in
      if unit >= 0x20, unit < 0x7F, unit != 0x22 {
        text.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      } else {
        text += "\\u" + String(unit, radix: 16)
      }
    } + "\""
  }
}

/// What a thread is to do. The thread ends before anybody looks at the result.
private final class Work: @unchecked Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private final class Holder<Content>: @unchecked Sendable {
  var content: Content?
}

/// Runs something on a thread with a large stack, as evaluations without the service's
/// limit on nesting need it, and more so with a sanitizer's frames.
func withLargeStack<Result: Sendable>(_ body: @escaping @Sendable () -> Result) -> Result {
  let holder = Holder<Result>()
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 64 << 20)
  var thread = pthread_t()
  let context = Unmanaged.passRetained(Work { holder.content = body() })
  let failed = pthread_create(
    &thread, &attributes,
    { raw in
      guard let raw else { return nil }
      Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body()
      return nil
    }, context.toOpaque())
  guard failed == 0 else { fatalError("no thread") }
  pthread_join(thread, nil)
  guard let result = holder.content else { fatalError("no result") }
  return result
}
