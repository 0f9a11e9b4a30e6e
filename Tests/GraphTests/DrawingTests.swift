import Foundation
import Stepmill
import Testing

@testable import StepmillGraph

/// Proves that drawings say what the layout does, in the words of each language.
@Suite struct DrawingTests {
  private func text(_ definition: String, width: Int = 80, run: RecordedRun? = nil) throws -> String {
    TextDrawing.text(try outline(definition), options: .init(width: width), run: run)
  }

  @Test func textOfLoop() throws {
    #expect(try text(Cases.retry) == Golden.retry)
  }

  @Test func textOfBoxes() throws {
    #expect(try text(Cases.boxes) == Golden.boxes)
  }

  /// Too narrow for a picture: the states one below the other.
  @Test func textOfNarrowTerminal() throws {
    #expect(try text(Cases.wide(6), width: 30) == Golden.list)
  }

  @Test func textFits() throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = RandomDefinition(seed: seed)
      let definition = random.text()
      for width in [40, 80, 132] {
        for line in try text(definition, width: width).split(separator: "\n") {
          #expect(TextMetrics.columns(String(line)) <= width, "seed \(seed): \(line)")
        }
      }
    }
  }

  /// Well-formed, with a title for each thing and a description of the whole.
  @Test func svg() throws {
    for (name, definition) in Cases.all {
      let svg = SVGDrawing.svg(GraphLayout(try outline(definition)), title: "<\(name)> & \"co\"")
      let parser = XMLChecker()
      #expect(parser.check(svg), "\(name): \(parser.problem)")
      #expect(svg.contains("<title id=\"title\">&lt;\(name)&gt; &amp; &quot;co&quot;</title>"))
      #expect(svg.contains("prefers-color-scheme:dark"))
      #expect(!svg.contains("href") && !svg.contains("@import"))
    }
  }

  @Test func svgOfStrangeNames() throws {
    let text =
      #"{"StartAt":"a\u0001<b>&\"\u202ec","States":{"a\u0001<b>&\"\u202ec":{"Type":"Pass","End":true}}}"#
    let svg = SVGDrawing.svg(GraphLayout(try outline(text)), title: "\u{1}")
    let parser = XMLChecker()
    #expect(parser.check(svg), "\(parser.problem)")
  }

  @Test func mermaid() throws {
    let text = MermaidDrawing.text(GraphLayout(try outline(Cases.boxes)))
    #expect(text.hasPrefix("flowchart TB\n"))
    #expect(text.contains("subgraph n1[\"Fan<br/>Parallel: 2 branches\"]"))
    #expect(text.contains("-.->|\"No\"|"))
    #expect(text.components(separatedBy: "subgraph").count == text.components(separatedBy: "  end\n").count)
  }

  @Test func dot() throws {
    let text = DOTDrawing.text(GraphLayout(try outline(Cases.boxes), direction: .right))
    #expect(text.contains("rankdir=LR"))
    #expect(text.contains("lhead=cluster_n1"))
    #expect(text.filter { $0 == "{" }.count == text.filter { $0 == "}" }.count)
  }

  @Test func json() throws {
    let layout = GraphLayout(try outline(Cases.retry))
    let json = JSONDrawing.json(layout)
    #expect(json["nodes"]?.count == layout.nodes.count)
    #expect(json["edges"]?[0]?["points"]?[0]?.count == 2)
    #expect(json["nodes"]?[1]?["pointer"] == "/States/Submit")
  }

  @Test func conditionsInWords() throws {
    let conditions: [(String, String)] = [
      (#""Variable":"$.a.b","NumericGreaterThanEquals":5"#, "a.b ≥ 5"),
      (#""Variable":"$.a","IsPresent":false"#, "a is not present"),
      (#""Not":{"Variable":"$.a","StringEquals":"x"}"#, #"a ≠ "x""#),
      (#""Variable":"$.ok","BooleanEquals":true"#, "ok"),
      (#""Variable":"$$.Execution.Name","StringMatches":"a*""#, #"Execution.Name is like "a*""#),
      (#""Variable":"$.t","TimestampLessThan":"2030-01-01T00:00:00Z""#, "t before 2030-01-01T00:00:00Z"),
      (
        #""And":[{"Variable":"$.a","IsPresent":true},{"Variable":"$.a","NumericEqualsPath":"$.b"}]"#, "a = b"
      ),
      (
        #""Or":[{"Variable":"$.s","StringEquals":"A"},{"Variable":"$.s","StringEquals":"B"}]"#,
        #"s = "A" or "B""#
      ),
      (
        #""And":[{"Variable":"$.a","NumericEquals":1},{"Or":[{"Variable":"$.b","IsNull":true},{"Variable":"$.c","IsString":true}]}]"#,
        "a = 1 and (b is null or c is text)"
      ),
    ]
    for (rule, words) in conditions {
      let layout = GraphLayout(
        try outline(
          #"{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{\#(rule),"Next":"D"}]},"D":{"Type":"Succeed"}}}"#
        ))
      #expect(layout.labels.map(\.text) == [words])
    }
    #expect(
      GraphLayout(try outline(Cases.jsonata)).labels.map(\.text) == ["total > 100", "otherwise"])
  }

  @Test func sheet() {
    var sheet = ContactSheet()
    sheet.add("a<b", svg: "<svg id=\"x\">é</svg>")
    sheet.add("broken", problem: "1:1: no")
    let html = sheet.html(title: "All")
    #expect(html.contains("data:image/svg+xml,%3Csvg id=%22x%22%3E%C3%A9%3C/svg%3E"))
    #expect(html.contains("a&lt;b") && html.contains("1:1: no"))
  }
}

/// Proves that a recorded run is read and painted.
@Suite struct RecordedRunTests {
  private let history = """
    {"events":[
     {"id":1,"type":"ExecutionStarted","previousEventId":0,"timestamp":1700000000.0},
     {"id":2,"type":"TaskStateEntered","previousEventId":0,"timestamp":1700000000.0,"stateEnteredEventDetails":{"name":"Submit"}},
     {"id":3,"type":"TaskScheduled","previousEventId":2,"timestamp":1700000000.0},
     {"id":4,"type":"TaskFailed","previousEventId":3,"timestamp":1700000001.0},
     {"id":5,"type":"TaskScheduled","previousEventId":4,"timestamp":1700000002.0},
     {"id":6,"type":"TaskSucceeded","previousEventId":5,"timestamp":1700000002.5},
     {"id":7,"type":"TaskStateExited","previousEventId":6,"timestamp":1700000002.5,"stateExitedEventDetails":{"name":"Submit"}},
     {"id":8,"type":"WaitStateEntered","previousEventId":7,"timestamp":1700000002.5,"stateEnteredEventDetails":{"name":"Pause"}},
     {"id":9,"type":"WaitStateExited","previousEventId":8,"timestamp":1700000092.5,"stateExitedEventDetails":{"name":"Pause"}},
     {"id":10,"type":"TaskStateEntered","previousEventId":9,"timestamp":1700000092.5,"stateEnteredEventDetails":{"name":"Poll"}},
     {"id":11,"type":"TaskFailed","previousEventId":10,"timestamp":1700000093.5},
     {"id":12,"type":"TaskStateExited","previousEventId":11,"timestamp":1700000093.5,"stateExitedEventDetails":{"name":"Poll"}},
     {"id":13,"type":"FailStateEntered","previousEventId":12,"timestamp":1700000093.5,"stateEnteredEventDetails":{"name":"Broken"}},
     {"id":14,"type":"ExecutionFailed","previousEventId":13,"timestamp":1700000093.5}]}
    """

  @Test func visits() throws {
    let run = try RecordedRun.read(Array(history.utf8))
    #expect(run.ending == .failed)
    #expect(run.visits["Submit"]?.status == .succeeded && run.visits["Submit"]?.failures == 1)
    #expect(run.visits["Submit"]?.milliseconds == 2500)
    #expect(run.visits["Poll"]?.status == .caught)
    #expect(run.visits["Broken"]?.status == .failed)
    #expect(run.notes["Pause"] == ["1 min 30 s"])
    #expect(run.visits["Done"] == nil)
  }

  @Test func edges() throws {
    var run = try RecordedRun.read(Array(history.utf8))
    let layout = GraphLayout(try outline(Cases.retry), notes: run.notes)
    run.paint(layout)
    let taken = layout.edges.filter { run.count(ofEdge: $0.id) > 0 }.map { edge in
      "\(edge.kind) \(layout.nodes[edge.source].state)>\(layout.nodes[edge.target].state)"
    }
    #expect(
      taken == ["start >Submit", "next Submit>Pause", "next Pause>Poll", "catch Poll>Broken"])
    let svg = SVGDrawing.svg(layout, title: "run", run: run)
    #expect(svg.contains("class=\"node fail failed\"") && svg.contains("class=\"node succeed idle\""))
  }

  @Test func linesAndArrays() throws {
    let json = try JSON(parsing: history)
    let lines = (json["events"]?.array).map { $0.map(\.text).joined(separator: "\n") } ?? ""
    #expect(try RecordedRun.read(Array(("stepmill: a note\n" + lines + "\n").utf8)).visits.count == 4)
    #expect(try RecordedRun.read(json["events"]?.utf8 ?? []).visits.count == 4)
  }

  @Test func noHistory() {
    for text in ["", "{}", "[1,2]", "nothing\nto see"] {
      #expect(throws: RecordedRun.ReadError.self) { try RecordedRun.read(Array(text.utf8)) }
    }
  }
}

/// Foundation's parser stands outside of its core on Linux, so tags are matched by hand.
private final class XMLChecker {
  var problem = ""

  func check(_ text: String) -> Bool {
    var open: [Substring] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: "<") {
      let between = rest[..<start]
      if between.contains(">") && !open.contains("style") {
        return fail("a stray > in \(between.prefix(80))")
      }
      guard let end = rest[start...].firstIndex(of: ">") else { return fail("a tag has no end") }
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("/") {
        guard open.popLast() == tag.dropFirst() else { return fail("\(tag) closes nothing") }
      } else {
        if tag.filter({ $0 == "\"" }).count % 2 != 0 { return fail("quotes in \(tag)") }
        if !tag.hasSuffix("/") { open.append(tag.prefix { $0 != " " }) }
      }
    }
    if text.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" }) {
      return fail("a control character")
    }
    return open.isEmpty ? true : fail("open: \(open)")
  }

  private func fail(_ text: String) -> Bool {
    problem = text
    return false
  }
}

enum Golden {
  static let retry = """
                        ● Start
                           ▼
                      ┌─────────┐
                      │ Submit  │
                      │ submit  │
                      └────┬────┘
                           │      ┌──────────────┐
                           ▼      ▼              │
                  ╭─────────────────╮            │
                  │      Pause      │            │
                  │ Wait 1 min 30 s │            │
                  ╰────────┬────────╯            │
                           ▼                     │
                       ┌───────┐                 │
                       │ Poll  │◀┄┐Busy          │
                       │ poll  ├┄┄┘              │
                       └─┬───┬─┘                 │
                  ┌──────┘   └┄┄┄┄┄┐             │
                  │            any error         │
                  ▼                ▼             │
             ╱─────────╲   ┏━━━━━━━━━━━━━━━┓     │
             │  Done?  │   ┃    Broken     ┃     │
             │ Choice  │   ┃ Fail: Broken  ┃     │
             ╲─┬─────┬─╱   ┗━━━━━━━━━━━━━━━┛     │
           ┌───┘     └───────┐                   │
    state = "ready"      otherwise               │
           │                 └───────────────────┘
           ▼
      ╭─────────╮
      │  Done   │
      │ Succeed │
      ╰────┬────╯
           ▼
         ◉ End

    """

  static let boxes = """
                            ● Start
                               │                        ┌┄┄┄┄┐
                               ▼                        ▼    ┆
    ┌─────────────────────────────────────────────────────┐  ┆
    │ Fan                                                 │  ┆
    │ Parallel: 2 branches                                │  ┆
    │       ●                          ●                  │  ┆
    │       ▼                          ▼                  │  ┆
    │   ┌───────┐     ╭─────────────────────────────────╮ │  ┆
    │   │   A   │     │                B                │ │  ┆
    │   │ Pass  │     │ Wait until 2030-01-01T00:00:00Z │ │  ┆
    │   └───┬───┘     ╰────────────────┬────────────────╯ │  ┆
    │       ▼                          ▼                  │  ┆
    │ ┏━━━━━━━━━━━┓                    ◉                  │  ┆
    │ ┃    A2     ┃                                       │  ┆
    │ ┃ Fail: No  ┃                                       │  ┆
    │ ┗━━━━━━━━━━━┛                                       │  ┆
    └────────────────────────┬──────────────┬─────────────┘  ┆
                             │              ┆                ┆
                             │             No                ┆
                             ▼              ▼                ┆
            ╔═════════════════════════════════════╗          ┆
            ║ Each                                ║          ┆
            ║ Map: each of lines, 4 at a time     ║          ┆
            ║                  ●                  ║          ┆
            ║                  ▼                  ║          ┆
            ║ ┌─────────────────────────────────┐ ║          ┆
            ║ │              Item               │ ║          ┆
            ║ │ lambda:invoke.waitForTaskToken  │ ║          ┆
            ║ └────────────────┬────────────────┘ ║          ┆
            ║                  ▼                  ║          ┆
            ║                  ◉                  ║          ┆
            ╚══════════════╤══════════════╤═══════╝          ┆
                           │              ┆                  ┆
                           │          any error              ┆
                           │              └┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
                           ▼
                         ◉ End

    """

  static let list = """
    ● Start → C
    ■ C (Choice)
    │ ├ n = 0 → S0
    │ ├ n = 1 → S1
    │ ├ n = 2 → S2
    │ ├ n = 3 → S3
    │ ├ n = 4 → S4
    │ ├ n = 5 → S5
    ■ S0 (Pass)
    │ └ → End
    ■ S1 (Pass)
    │ └ → End
    ■ S2 (Pass)
    │ └ → End
    ■ S3 (Pass)
    │ └ → End
    ■ S4 (Pass)
    │ └ → End
    ■ S5 (Pass)
    │ └ → End

    """
}
