import Stepmill
import StepmillTasks

// Canned answers for tasks, by state or by resource, for all state machines or for one, which
// comes first. Of a list each execution's first call of the state takes the first, and so on; the
// last one repeats.

/// Canned answers for tasks.
package final class MockTable: Sendable {
  private let file: MockFile
  /// How often states have been answered from a list. Bounded: the oldest executions are
  /// forgotten, and would begin again.
  private let calls = Lock(Calls())

  private struct Calls {
    var counts: [String: Int] = [:]
    var order: [String] = []
  }

  private static let countsMax = 100_000

  /// Reads the text of a file.
  package init(parsing text: [UInt8]) throws(MockError) {
    let json: JSON
    do throws(JSONSyntaxError) {
      json = try JSON(parsing: text)
    } catch {
      throw MockError(place: "", message: "are no JSON: \(error)")
    }
    file = try MockFile(json)
  }

  /// The states and resources that are answered, for warnings about those that nobody has.
  package var names: [String] {
    Set(Array(file.general.keys) + file.byMachine.values.flatMap { $0.keys }).sorted()
  }

  // MARK: Answering

  /// The answers to a task; nil: it is not mocked.
  func answers(to run: TaskRun) -> [MockAnswer]? {
    let names = [run.state] + HandlerName.aliases(of: run.resource.arn)
    for table in [file.byMachine[run.machine], file.general].compactMap({ $0 }) {
      if let found = names.lazy.compactMap({ table[$0] }).first { return found }
    }
    return nil
  }

  /// The answer to an execution's next call of a state.
  func next(_ answers: [MockAnswer], _ run: TaskRun) -> MockAnswer {
    guard answers.count > 1 else { return answers[0] }
    let key = "\(run.executionARN)\n\(run.state)"
    let call = calls.withLock { calls in
      let count = calls.counts[key] ?? 0
      if count == 0 {
        calls.order.append(key)
        if calls.order.count > Self.countsMax {
          for old in calls.order.prefix(Self.countsMax / 2) { calls.counts[old] = nil }
          calls.order.removeFirst(Self.countsMax / 2)
        }
      }
      calls.counts[key] = count + 1
      return count
    }
    return answers[min(call, answers.count - 1)]
  }
}

/// Serves tasks from canned answers.
struct MockTasks: TaskResolver {
  let table: MockTable
  let host: any ExecutionHost

  func service(for resource: TaskResourceName) -> TaskService? {
    let takes: @Sendable (TaskRun) -> Bool = { table.answers(to: $0) != nil }
    return TaskService(takes: takes) { run, reply in
      guard let answers = table.answers(to: run) else { return }
      let answer = table.next(answers, run)
      if answer.delayMilliseconds == 0 { return reply(.ended(answer.result)) }
      host.after(milliseconds: UInt64(answer.delayMilliseconds)) { reply(.ended(answer.result)) }
    }
  }
}
