import Stepmill
import StepmillGraph

// The layout of a definition's picture, from 10 to 10,000 states. The row to look at is how the
// price of a state grows with their number: not at all would be linear, and a state of 10,000 may
// cost a few times as much as one of 10 (n log n), never a hundred times.

func graphBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  let isTiny = size.waits <= SuiteSize.tiny.waits
  return [10, 100, 1000, 10_000].map { name in
    let count = isTiny ? min(name, 50) : name
    // Parsing and checking are other rows.
    let outline = DefinitionOutline.read(Array(graphDefinition(states: count).utf8)).outline
    return Benchmark(
      "graph-\(name)", "layout of a definition with \(count) states, loops and handlers; an item is a state",
      units: [.nanosecondsPerItem],
      contestants: [
        Contestant(.stepmill, "layered layout, as for SVG") { times in
          guard let outline else { throw BenchmarkError.failed("the graph's definition is not valid") }
          var states = 0
          for _ in 0..<times {
            let layout = GraphLayout(outline)
            states += layout.nodes.count { !$0.kind.isMark }
          }
          return Tally(executions: states)
        }
      ])
  }
}

/// Blocks of ten states: tasks whose errors go to one handler, a choice of ways that meet again, a loop back
/// over a wait, and a map.
func graphDefinition(states count: Int) -> String {
  let blocks = max(1, count / 10)
  var text = #"{"StartAt":"A0","States":{"#
  for block in 0..<blocks {
    let next = block + 1 < blocks ? "A\(block + 1)" : "Done"
    text += """
      "A\(block)":{"Type":"Task","Resource":"a","Next":"B\(block)",\
      "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Handler"}]},
      "B\(block)":{"Type":"Choice","Choices":[\
      {"Variable":"$.kind","StringEquals":"left","Next":"C\(block)"},\
      {"Variable":"$.kind","StringEquals":"right","Next":"D\(block)"}],"Default":"E\(block)"},
      "C\(block)":{"Type":"Task","Resource":"c","Next":"E\(block)"},
      "D\(block)":{"Type":"Pass","Next":"E\(block)"},
      "E\(block)":{"Type":"Wait","Seconds":5,"Next":"F\(block)"},
      "F\(block)":{"Type":"Choice","Choices":[{"Variable":"$.ready","BooleanEquals":true,\
      "Next":"G\(block)"}],"Default":"E\(block)"},
      "G\(block)":{"Type":"Map","ItemProcessor":{"StartAt":"H\(block)","States":{\
      "H\(block)":{"Type":"Pass","Next":"I\(block)"},"I\(block)":{"Type":"Pass","End":true}}},\
      "Next":"\(next)"},

      """
  }
  return text + #""Done":{"Type":"Succeed"},"Handler":{"Type":"Fail","Error":"Failed"}}}"#
}
