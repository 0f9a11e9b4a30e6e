import Stepmill
import Testing

@testable import StepmillYAML

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Any bytes are either refused with a place inside them or become JSON that Stepmill's parser reads,
/// with a place for each of its lines. Texts are mutations of one that has every construct in it;
/// `STEPMILL_SEED` in the message replays them.
@Suite struct YAMLMutationTests {
  private static let sample = #"""
    %YAML 1.2
    ---
    Comment: &c "tab\t \u00e9" # remark
    StartAt: 'A''s'
    ? Timeout
    : 0x1F
    States: !!map
      "A's": { Type: Pass, Next: [B, *c, ~, .5, -1e3], }
      B: &b
        - Output: |2-
              {% $x %}
        - >+
          folded
          text

        - *c
    Last: *b
    ...
    """#

  @Test func mutationsNeverGoWrong() {
    let seed = getenv("STEPMILL_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 0...UInt64.max)
    var random = SeededGenerator(seed)
    let alphabet = Array("\n\t :-?,[]{}#&*!|>'\"%@`~\\aA0.é\u{FEFF}\u{85}<".utf8)
    for round in 0..<3_000 {
      var bytes = Array(Self.sample.utf8)
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.remove(at: place)
        case 1: bytes[place] = alphabet.randomElement(using: &random)!
        case 2: bytes.insert(alphabet.randomElement(using: &random)!, at: place)
        default:
          let other = Int.random(in: 0..<bytes.count, using: &random)
          bytes.replaceSubrange(
            min(place, other)..<max(place, other), with: bytes[place..<min(place + 5, bytes.count)])
          if bytes.isEmpty { bytes = [0x61] }
        }
        if bytes.isEmpty { bytes = [0x61] }
      }
      check(bytes, "STEPMILL_SEED=\(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
    }
  }

  private func check(_ bytes: [UInt8], _ what: String) {
    let lines = bytes.count + 2
    do throws(YAMLError) {
      let document = try YAMLDocument(bytes)
      let isRead = document.json.withUnsafeBytes { (try? JSON(parsing: $0)) != nil }
      #expect(isRead, "\(what)")
      let jsonLines = document.json.count { $0 == UInt8(ascii: "\n") }
      for line in 1...jsonLines {
        for column in [1, 2, 7] {
          let place = document.place(line: line, column: column)
          #expect((1...lines).contains(place.line) && place.column >= 1, "\(what)")
        }
      }
    } catch {
      #expect((1...lines).contains(error.line) && error.column >= 1, "\(what)")
    }
  }
}

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
