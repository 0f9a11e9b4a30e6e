// What reading, checking and compiling a definition cost, against reading its text as plain
// JSON. The figure that counts is the share of the floor: 5 % is twenty times the parser's time.
// The definition mixes what real ones have: tasks with templates and retriers, choices, waits.

import Stepmill
import Synchronization

/// Validating and compiling, for definitions of 10 to 100,000 states.
func definitionBenchmarks(_ size: SuiteSize) -> [Benchmark] {
  zip(["small", "medium", "large"], size.definitionStates).flatMap { name, count in
    let text = MadeOnce { definitionText(states: count) }
    return [
      Benchmark(
        "validate-\(name)", "a definition of \(count) states checked",
        units: [.nanosecondsPerItem], contestants: [validation(text, count), plainParsing(text, count)]),
      Benchmark(
        "compile-\(name)", "the same, read already, compiled", units: [.nanosecondsPerItem],
        contestants: [compilation(text, count), plainParsing(text, count)]),
    ]
  }
}

/// Benchmarks that are listed only must cost nothing.
private final class MadeOnce<Content: Sendable>: Sendable {
  private let make: @Sendable () -> Content
  private let made = Mutex<Content?>(nil)

  init(_ make: @escaping @Sendable () -> Content) { self.make = make }

  var content: Content {
    made.withLock { made in
      let content = made ?? make()
      made = content
      return content
    }
  }
}

private func validation(_ text: MadeOnce<[UInt8]>, _ states: Int) -> Contestant {
  Contestant(
    .stepmill, "checked, per state",
    run: { times in
      let text = text.content
      for _ in 0..<times where !DefinitionCheck(text).isValid {
        throw BenchmarkError.failed("the suite's own definition is not valid")
      }
      return Tally(executions: times * states)
    })
}

private func compilation(_ text: MadeOnce<[UInt8]>, _ states: Int) -> Contestant {
  let definition = MadeOnce { CompilationInput(text.content) }
  return Contestant(
    .stepmill, "compiled, per state",
    run: { times in
      guard let definition = definition.content else {
        throw BenchmarkError.failed("the suite's own definition is not valid")
      }
      var count = 0
      for _ in 0..<times { count += definition.compile().stateCount }
      guard count == times * states else { throw BenchmarkError.failed("states were lost") }
      return Tally(executions: count)
    })
}

private func plainParsing(_ text: MadeOnce<[UInt8]>, _ states: Int) -> Contestant {
  Contestant(
    .floor, "JSON(parsing:), per state",
    run: { times in
      let text = text.content
      for _ in 0..<times { _ = try JSON(parsing: text) }
      return Tally(executions: times * states)
    })
}

/// A machine of `count` states in groups of five: task, choice, pass, wait, task.
package func definitionText(states count: Int) -> [UInt8] {
  var states: [String] = []
  for index in 0..<(count - 1) {
    let next = "\"S\(index + 1)\""
    switch index % 5 {
    case 0:
      states.append(
        #""S\#(index)":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"arn:aws:lambda:us-east-1:123456789012:function:work","Payload.$":"$.order"},"ResultPath":"$.answer","Retry":[{"ErrorEquals":["Lambda.ServiceException","Lambda.SdkClientException"],"IntervalSeconds":2,"MaxAttempts":6,"BackoffRate":2}],"Next":\#(next)}"#
      )
    case 1:
      states.append(
        #""S\#(index)":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.answer.status","IsPresent":true},{"Variable":"$.answer.status","StringEquals":"DONE"}],"Next":\#(next)},{"Variable":"$.answer.count","NumericGreaterThan":10,"Next":\#(next)}],"Default":\#(next)}"#
      )
    case 2:
      states.append(
        #""S\#(index)":{"Type":"Pass","Comment":"shapes what comes next","Parameters":{"id.$":"$.order.id","label.$":"States.Format('order {}', $.order.id)","kind":"normal"},"ResultPath":"$.shaped","Next":\#(next)}"#
      )
    case 3:
      states.append(#""S\#(index)":{"Type":"Wait","SecondsPath":"$.order.pause","Next":\#(next)}"#)
    default:
      states.append(
        #""S\#(index)":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","InputPath":"$.shaped","ResultPath":null,"TimeoutSeconds":30,"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":\#(next)}],"Next":\#(next)}"#
      )
    }
  }
  states.append(#""S\#(count - 1)":{"Type":"Succeed"}"#)
  return Array(#"{"StartAt":"S0","States":{\#(states.joined(separator: ","))}}"#.utf8)
}
