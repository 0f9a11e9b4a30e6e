import Stepmill
import Testing

@testable import StepmillGraph

/// Proves what a layout promises, on definitions of every shape.
@Suite struct LayoutTests {
  static let styles: [(GraphLayout.Direction, GraphStyle)] = [
    (.down, .points), (.right, .points), (.down, .cells(textWidthMax: 20, .down)),
    (.right, .cells(textWidthMax: 14, .right)),
  ]

  private func check(_ outline: DefinitionOutline, _ name: String, _ notes: [String: [String]] = [:]) {
    for (direction, style) in Self.styles {
      let layout = GraphLayout(outline, direction: direction, style: style, notes: notes)
      let problems = LayoutInvariants.problems(layout, style)
      #expect(problems.isEmpty, "\(name), \(direction): \(problems.prefix(5))")
      #expect(layout == GraphLayout(outline, direction: direction, style: style, notes: notes))
      #expect(layout.nodes.count { !$0.kind.isMark } == outline.stateCount)
    }
  }

  @Test func ownCases() throws {
    for (name, text) in Cases.all { check(try outline(text), name) }
  }

  /// An accent written in two ways makes two names: ways lead to the one whose bytes are meant.
  @Test func namesAreBytes() throws {
    let text = """
      {"StartAt":"e\u{301}","States":{"e\u{301}":{"Type":"Pass","Next":"\u{e9}"},"\u{e9}":{"Type":"Pass","End":true}}}
      """
    let graph = MachineGraph(try outline(text).machine)
    #expect(graph.edges.map(\.source) == [0, 1, 2] && graph.edges.map(\.target) == [1, 2, 3])
  }

  @Test func randomDefinitions() throws {
    for seed in 0..<120 as Range<UInt64> {
      var random = RandomDefinition(seed: seed)
      check(try outline(random.text()), "seed \(seed)")
    }
  }

  @Test(.enabled(if: Corpus.isHere, "the corpus of real definitions is not here"))
  func realDefinitions() throws {
    for (name, outline) in try Corpus.definitions() {
      let outline = try #require(outline, "\(name) is not valid")
      check(outline, name)
    }
  }

  /// Notes make nodes larger, and nothing else different.
  @Test func notes() throws {
    let outline = try outline(Cases.retry)
    check(outline, "notes", ["Poll": ["3 times · 12.5 s in all", "1 failed"], "Done": ["0 s"]])
  }

  /// Main ways are straight lines: a chain's states stand exactly below each other.
  @Test func chainIsStraight() throws {
    let layout = GraphLayout(try outline(Cases.chain(12)))
    #expect(Set(layout.nodes.map { $0.frame.midX }).count == 1)
    #expect(layout.edges.allSatisfy { $0.points.count == 2 })
  }

  @Test func backEdges() throws {
    let layout = GraphLayout(try outline(Cases.retry))
    let back = layout.edges.filter(\.isBack)
    #expect(back.count == 2)
    for edge in back where edge.source != edge.target {
      // It turns below its source, and enters its target from above like every other.
      #expect(edge.points.last.map { $0.y } == layout.nodes[edge.target].frame.y)
      #expect(edge.points[1].y > layout.nodes[edge.source].frame.maxY)
    }
  }

  /// Ways between the same states are one edge with all reasons, except that errors stay apart.
  @Test func reasonsAreMerged() throws {
    let layout = GraphLayout(try outline(Cases.reasons))
    #expect(layout.labels.map(\.text) == ["n = 1 or n > 5", "otherwise", "any error"])
    #expect(layout.edges.count { $0.kind == .catch } == 1)
  }

  /// No part of the work grows with the square of the states, not even where everything catches to one
  /// handler or where each state has its own, far away.
  @Test func largeDefinitions() throws {
    for text in [Cases.handler(1000), Cases.mirrored(600), Cases.chain(2000), Cases.wide(600)] {
      let outline = try outline(text)
      let layout = GraphLayout(outline)
      #expect(layout.nodes.count >= outline.stateCount)
      let points = layout.edges.reduce(0) { $0 + $1.points.count }
      #expect(points < 40 * layout.edges.count)
    }
  }

  @Test func deepNesting() throws {
    let layout = GraphLayout(try outline(Cases.nested(60)))
    #expect(LayoutInvariants.problems(layout).isEmpty)
    #expect(layout.regions.count == 60)
  }
}

enum Cases {
  static let all: [(name: String, text: String)] = [
    ("chain", chain(3)), ("retry", retry), ("reasons", reasons), ("nested", nested(5)), ("wide", wide(12)),
    ("handler", handler(9)), ("mirrored", mirrored(8)), ("boxes", boxes), ("jsonata", jsonata),
  ]

  static func chain(_ count: Int) -> String {
    let states = (1...count).map { index in
      let next = index < count ? #""Next":"S\#(index + 1)""# : #""End":true"#
      return #""S\#(index)":{"Type":"Pass",\#(next)}"#
    }
    return #"{"StartAt":"S1","States":{\#(states.joined(separator: ","))}}"#
  }

  /// A loop back over several states, and one of a state to itself.
  static let retry = """
    {"StartAt":"Submit","States":{
      "Submit":{"Type":"Task","Resource":"submit","Next":"Pause"},
      "Pause":{"Type":"Wait","Seconds":90,"Next":"Poll"},
      "Poll":{"Type":"Task","Resource":"poll","Next":"Done?",
        "Catch":[{"ErrorEquals":["Busy"],"Next":"Poll"},{"ErrorEquals":["States.ALL"],"Next":"Broken"}]},
      "Done?":{"Type":"Choice","Choices":[{"Variable":"$.state","StringEquals":"ready","Next":"Done"}],
        "Default":"Pause"},
      "Broken":{"Type":"Fail","Error":"Broken"},
      "Done":{"Type":"Succeed"}}}
    """

  static let reasons = """
    {"StartAt":"C","States":{
      "C":{"Type":"Choice","Choices":[
        {"Variable":"$.n","NumericEquals":1,"Next":"T"},{"Variable":"$.n","NumericGreaterThan":5,"Next":"T"}],
        "Default":"P"},
      "T":{"Type":"Task","Resource":"t","Next":"P","Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}]},
      "P":{"Type":"Pass","End":true}}}
    """

  static func nested(_ depth: Int) -> String {
    var machine = #"{"StartAt":"Leaf","States":{"Leaf":{"Type":"Pass","End":true}}}"#
    for level in 0..<depth {
      machine =
        #"{"StartAt":"L\#(level)","States":{"L\#(level)":{"Type":"Map","ItemProcessor":\#(machine),"End":true}}}"#
    }
    return machine
  }

  static func wide(_ count: Int) -> String {
    let rules = (0..<count).map { #"{"Variable":"$.n","NumericEquals":\#($0),"Next":"S\#($0)"}"# }
    let states = (0..<count).map { #""S\#($0)":{"Type":"Pass","End":true}"# }
    return #"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[\#(rules.joined(separator: ","))]},"#
      + states.joined(separator: ",") + "}}"
  }

  /// Everything catches to one handler.
  static func handler(_ count: Int) -> String {
    let states = (0..<count).map { index in
      let next = index + 1 < count ? #""Next":"S\#(index + 1)""# : #""End":true"#
      return
        #""S\#(index)":{"Type":"Task","Resource":"t",\#(next),"Catch":[{"ErrorEquals":["States.ALL"],"Next":"H"}]}"#
    }
    return #"{"StartAt":"S0","States":{\#(states.joined(separator: ",")),"H":{"Type":"Fail"}}}"#
  }

  /// State i may jump to state n - i, forwards and back.
  static func mirrored(_ count: Int) -> String {
    let states = (0..<count).map { index in
      index + 1 < count
        ? #""S\#(index)":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":1,"Next":"S\#(count - 1 - index)"}],"Default":"S\#(index + 1)"}"#
        : #""S\#(index)":{"Type":"Succeed"}"#
    }
    return #"{"StartAt":"S0","States":{\#(states.joined(separator: ","))}}"#
  }

  static let boxes = """
    {"StartAt":"Fan","States":{
      "Fan":{"Type":"Parallel","Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Pass","Next":"A2"},"A2":{"Type":"Fail","Error":"No"}}},
        {"StartAt":"B","States":{"B":{"Type":"Wait","Timestamp":"2030-01-01T00:00:00Z","End":true}}}],
        "Catch":[{"ErrorEquals":["No"],"Next":"Each"}],"Next":"Each"},
      "Each":{"Type":"Map","ItemsPath":"$.lines","MaxConcurrency":4,"ItemProcessor":{
        "StartAt":"Item","States":{"Item":{"Type":"Task","Resource":
          "arn:aws:states:::lambda:invoke.waitForTaskToken","End":true}}},
        "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Fan"}],"End":true}}}
    """

  static let jsonata = """
    {"QueryLanguage":"JSONata","StartAt":"C","States":{
      "C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.total > 100 %}","Next":"Big"}],
        "Default":"Small"},
      "Big":{"Type":"Pass","Output":"{% 1 %}","End":true},"Small":{"Type":"Succeed"}}}
    """
}
