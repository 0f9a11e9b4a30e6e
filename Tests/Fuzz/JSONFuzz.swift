#if !STEPMILL_FUZZER
  @testable import Stepmill
#endif

/// Any bytes as JSON text: what is accepted can be written, and reads back as the same.
enum JSONFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    guard let json = try? JSON(parsing: bytes) else { return }
    let text = json.utf8
    guard let again = try? JSON(parsing: text) else { preconditionFailure("what was written is not JSON") }
    precondition(again == json, "what was written reads back as something else")
    precondition(again.utf8 == text, "writing twice gives two texts")
    precondition(json.copy() == json, "a copy differs")
    _ = json.text(indent: 2)
    _ = json.kind
    for element in json.array.map(Array.init) ?? [] { _ = element.hashValue }
    for member in json.object.map(Array.init) ?? [] { _ = (json[member.key] == member.value) }
  }
}
