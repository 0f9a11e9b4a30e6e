import Foundation
import Stepmill
import Testing

@testable import StepmillGraph

/// A definition's outline; the test's own text, so it must be right.
func outline(_ text: String) throws -> DefinitionOutline {
  let (outline, diagnostics) = DefinitionOutline.read(Array(text.utf8))
  return try #require(outline, "\(diagnostics)")
}

/// Real definitions, which are not part of this repository.
enum Corpus {
  static let path: String = {
    if let directory = ProcessInfo.processInfo.environment["STEPMILL_CONFORMANCE"] {
      return directory + "/corpus/definitions-resolved.jsonl"
    }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return root.path + "/../shared/conformance/corpus/definitions-resolved.jsonl"
  }()

  static var isHere: Bool { FileManager.default.isReadableFile(atPath: path) }

  static func definitions() throws -> [(name: String, outline: DefinitionOutline?)] {
    let text = try Data(contentsOf: URL(fileURLWithPath: path))
    return try text.split(separator: 0x0A).map { line in
      let json = try JSON(parsing: Array(line))
      let definition = try #require(json["definition"])
      return (json["id"]?.string ?? "?", DefinitionOutline.read(definition.utf8).outline)
    }
  }
}

/// Machines of any shape: the seed says which.
struct RandomDefinition {
  private var state: UInt64
  private var count = 0

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func text() -> String { machine(depth: 0, statesMax: 14).text }

  private static let words = [
    "Check", "the order", "ReserveStockForAllItemsOfTheOrder", "a", "naïve", "注文を確認する", "x-y_z.w", "🙂",
    "\\u0007",
  ]

  private mutating func name() -> String {
    count += 1
    return "\(Self.words[below(Self.words.count)]) \(Self.words[below(Self.words.count)]) \(count)"
  }

  private mutating func machine(depth: Int, statesMax: Int) -> JSON {
    let names = (0..<1 + below(statesMax)).map { _ in
      name().replacingOccurrences(of: "\\u0007", with: "\u{7}")
    }
    var members: [(key: String, value: JSON)] = []
    for (index, name) in names.enumerated() {
      // Everything can be reached: each state leads to the next one, and to some others.
      let next = index + 1 < names.count ? names[index + 1] : nil
      members.append((name, state(next, names, depth)))
    }
    return ["StartAt": JSON(names[0]), "States": JSON(members: members)]
  }

  private mutating func state(_ next: String?, _ names: [String], _ depth: Int) -> JSON {
    func any(_ random: inout RandomDefinition) -> JSON { JSON(names[random.below(names.count)]) }
    var members: [(key: String, value: JSON)] = []
    let kind = below(next == nil ? 8 : 10)
    if kind >= 8 || next == nil && kind == 7 {
      let rules = (0..<1 + below(4)).map { index -> JSON in
        ["Variable": "$.some.value", "NumericEquals": JSON(index), "Next": any(&self)]
      }
      members = [("Type", "Choice"), ("Choices", JSON(rules))]
      if let next {
        members.append(("Default", JSON(next)))
        return JSON(members: members)
      }
    }
    if next == nil, kind == 6 { return below(2) == 0 ? ["Type": "Succeed"] : ["Type": "Fail", "Error": "E"] }
    switch kind {
    case 0: members = [("Type", "Pass")]
    case 1: members = [("Type", "Wait"), ("Seconds", JSON(below(1000)))]
    case 2 where depth < 3:
      let branches = (0..<1 + below(3)).map { _ in machine(depth: depth + 1, statesMax: 4) }
      members = [("Type", "Parallel"), ("Branches", JSON(branches))]
    case 3 where depth < 3:
      members = [("Type", "Map"), ("ItemProcessor", machine(depth: depth + 1, statesMax: 5))]
    default: members = [("Type", "Task"), ("Resource", "work")]
    }
    members.append(next.map { ("Next", JSON($0)) } ?? ("End", true))
    if members[0].value.string != "Pass", members[0].value.string != "Wait", below(3) == 0 {
      members.append(
        (
          "Catch",
          [
            ["ErrorEquals": ["Some.Error"], "Next": any(&self)],
            ["ErrorEquals": ["States.ALL"], "Next": any(&self)],
          ]
        ))
    }
    return JSON(members: members)
  }
}
