import Testing

@testable import Stepmill

/// Proves on random texts what must hold for all. A failure prints the seed.
@Suite struct JSONPropertyTests {

  @Test func writtenTextReadsBackEqual() throws {
    var documents = RandomDocuments(random: SeededGenerator())
    for _ in 0..<1500 {
      let text = documents.text()
      let parsed = try ParsedText(text)
      let written = parsed.writeBytes(parsed.value)
      #expect(parsed.value.serializedSize == written.count, "\(documents.random) \(text)")
      let again = try ParsedText(written)
      withExtendedLifetime((parsed, again)) {
        #expect(parsed.value.isEqual(to: again.value), "\(documents.random) \(text)")
        #expect(again.writeBytes(again.value) == written, "\(documents.random) \(text)")
      }
    }
  }

  @Test func copiesAreEqualAndIndependent() throws {
    var documents = RandomDocuments(random: SeededGenerator())
    for round in 0..<500 {
      let text = documents.text()
      let target = ParsedText()
      let (copy, written): (Value, [UInt8])
      do {
        let source = try ParsedText(text)
        copy = withExtendedLifetime(source) { source.value.copy(to: target.arena) }
        written = source.writeBytes(source.value)
      }
      // The source is gone.
      #expect(target.writeBytes(copy) == written, "\(documents.random) \(text)")
      if round % 10 == 0 { #expect(copy.footprint <= 64 * text.utf8.count + 64) }
    }
  }

  @Test func evacuationCopiesWhatLiesInTheSource() throws {
    var documents = RandomDocuments(random: SeededGenerator())
    for _ in 0..<500 {
      let text = documents.text()
      let source = try ParsedText(text)
      let target = ParsedText()
      let constant = Value.string("constant")
      try withExtendedLifetime((source, target)) {
        // Texts stay where the parser found them; containers move.
        let block = source.arena.pointee.elements(3)
        block[0] = source.value
        block[1] = constant
        block[2] = .emptyObject
        let value = Value.array(block, count: 3)
        let moved = value.evacuate(from: source.arena.pointee, to: target.arena)
        #expect(moved.isEqual(to: value), "\(documents.random) \(text)")
        #expect(target.arena.pointee.owns(moved.address))
        #expect(moved.elements[1].payload == constant.payload)
        #expect(!owns(source.arena.pointee, moved), "\(documents.random) \(text)")
        let again = moved.evacuate(from: source.arena.pointee, to: target.arena)
        #expect(again.payload == moved.payload)
        _ = try #require(moved.elements.count == 3 ? moved : nil)
      }
    }
  }

  private func owns(_ arena: Arena, _ value: Value) -> Bool {
    guard value.count > 0 else { return false }
    switch value.tag {
    case .string, .numeral: return arena.owns(value.address)
    case .array: return arena.owns(value.address) || value.elements.contains { owns(arena, $0) }
    case .object:
      return arena.owns(value.address)
        || value.members.contains { owns(arena, $0.key) || owns(arena, $0.value) }
    default: return false
    }
  }

  /// Whatever the bytes are: a value that can be written, or an error within the text.
  @Test func anyBytesAreSafe() {
    var documents = RandomDocuments(random: SeededGenerator())
    let alphabet = Array("{}[],:\"\\0123456789.eE+-truefalsn \n\u{00}é\u{7F}".utf8)
    for round in 0..<20_000 {
      var bytes: [UInt8]
      switch round % 4 {
      case 0:
        bytes = (0..<documents.number(below: 40)).map { _ in
          UInt8(truncatingIfNeeded: documents.random.next())
        }
      case 1:
        bytes = (0..<documents.number(below: 40)).map { _ in alphabet[documents.number(below: alphabet.count)]
        }
      default:
        bytes = Array(documents.text().utf8.prefix(2000))
        for _ in 0...documents.number(below: 3) where !bytes.isEmpty {
          let place = documents.number(below: bytes.count)
          switch documents.number(below: 4) {
          case 0: bytes.remove(at: place)
          case 1: bytes.insert(alphabet[documents.number(below: alphabet.count)], at: place)
          case 2: bytes[place] ^= 1 << UInt8(documents.number(below: 8))
          default: bytes.removeLast(bytes.count - place)
          }
        }
      }
      let padding = alphabet[documents.number(below: alphabet.count)]
      do {
        let parsed = try ParsedText(bytes, maximumDepth: 20, padding: padding)
        let written = parsed.writeBytes(parsed.value)
        #expect(parsed.value.serializedSize == written.count, "\(documents.random) \(bytes)")
        #expect((try? ParsedText(written)) != nil, "\(documents.random) \(bytes)")
      } catch {
        #expect(error.offset >= 0 && error.offset <= bytes.count, "\(documents.random) \(bytes)")
      }
    }
  }

  @Test func equalityKnowsNoOrderOfMembers() throws {
    func equal(_ left: String, _ right: String) throws -> Bool {
      let (left, right) = (try ParsedText(left), try ParsedText(right))
      return withExtendedLifetime((left, right)) { left.value.isEqual(to: right.value) }
    }
    #expect(try equal(#"{"a":1,"b":[1,{"c":2}]}"#, #"{"b":[1.0,{"c":20e-1}],"a":1}"#))
    #expect(try !equal(#"{"a":1,"b":2}"#, #"{"a":2,"b":1}"#))
    #expect(try !equal(#"{"a":1,"b":2}"#, #"{"a":1,"c":2}"#))
    #expect(try !equal("[1,2]", "[2,1]"))
    #expect(try !equal("[]", "{}"))
    #expect(try equal("[]", " [ ] "))
    #expect(try !equal("1", "\"1\""))
    #expect(try !equal("null", "false"))
    #expect(try equal(#""\u0061""#, #""a""#))
    for count in [10, 100, 20_000] {
      let members = (0..<count).map { "\"prefix--\($0)--suffix\":\($0)" }
      let forward = "{" + members.joined(separator: ",") + "}"
      let backward = "{" + members.reversed().joined(separator: ",") + "}"
      #expect(try equal(forward, backward))
      #expect(try !equal(forward, backward.replacing(":0", with: ":1")))
    }
  }
}

extension String {
  /// The first occurrence of a text replaced.
  fileprivate func replacing(_ old: String, with new: String) -> String {
    let bytes = Array(utf8)
    let wanted = Array(old.utf8)
    for start in 0...(bytes.count - wanted.count) where Array(bytes[start..<(start + wanted.count)]) == wanted
    {
      return String(
        decoding: bytes[..<start] + Array(new.utf8) + bytes[(start + wanted.count)...], as: UTF8.self)
    }
    return self
  }
}
