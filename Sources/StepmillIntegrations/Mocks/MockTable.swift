import Stepmill
import StepmillTasks

// Canned answers for tasks, by state or by resource, for all state machines or for one.
//
// The file is an object with a member for each state or resource. Its value is an answer or a
// list of answers, of which each execution's first call of the state takes the first, and so on;
// the last one repeats. An answer has the form of TestState's mock (`result`, a text of JSON or
// the JSON itself; `errorOutput`) or that of `stepmill run --mocks` (`Return`, `Throw`). The
// member `StateMachines` holds such objects by the names of state machines; they come first.

/// What is wrong with a file of mocks.
package struct MockError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A JSON pointer.
  package let place: String
  package let message: String

  package var description: String { "\(place.isEmpty ? "the mocks" : place) \(message)" }
}

/// Canned answers for tasks.
package final class MockTable: Sendable {
  struct Answer: Sendable {
    let result: Result<JSON, TaskFailure>
    let delayMilliseconds: UInt64
  }

  private let general: [String: [Answer]]
  private let byMachine: [String: [String: [Answer]]]
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
    var general = json
    var machines: [String: [String: [Answer]]] = [:]
    if let given = json["StateMachines"] {
      general["StateMachines"] = nil
      guard given.kind == .object else {
        throw MockError(
          place: "/StateMachines", message: "must be an object with a member for each state machine")
      }
      for (name, value) in given.memberList {
        machines[name] = try Self.answers(value, "/StateMachines/\(name)")
      }
    }
    self.general = try Self.answers(general, "")
    byMachine = machines
  }

  /// The states and resources that are answered, for warnings about those that nobody has.
  package var names: [String] {
    Set(Array(general.keys) + byMachine.values.flatMap { $0.keys }).sorted()
  }

  // MARK: Answering

  /// The answers to a task; nil: it is not mocked.
  func answers(to run: TaskRun) -> [Answer]? {
    let names = [run.state] + HandlerName.aliases(of: run.resource.arn)
    for table in [byMachine[run.machine], general].compactMap({ $0 }) {
      if let found = names.lazy.compactMap({ table[$0] }).first { return found }
    }
    return nil
  }

  /// The answer to an execution's next call of a state.
  func next(_ answers: [Answer], _ run: TaskRun) -> Answer {
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

  // MARK: Reading

  private static func answers(_ json: JSON, _ place: String) throws(MockError) -> [String: [Answer]] {
    guard json.kind == .object else {
      throw MockError(place: place, message: "must be an object with a member for each state or resource")
    }
    var table: [String: [Answer]] = [:]
    for (name, value) in json.memberList {
      let place = "\(place)/\(name)"
      guard value.kind == .array else {
        table[name] = [try answer(value, place)]
        continue
      }
      var list: [Answer] = []
      for (index, element) in value.elementList.enumerated() {
        list.append(try answer(element, "\(place)/\(index)"))
      }
      if list.isEmpty { throw MockError(place: place, message: "must not be an empty list") }
      table[name] = list
    }
    return table
  }

  private static let known = [
    "Return", "Throw", "DelayMilliseconds", "result", "errorOutput", "fieldValidationMode",
    "delayMilliseconds",
  ]

  private static func answer(_ json: JSON, _ place: String) throws(MockError) -> Answer {
    for key in json.object?.keys ?? [] where !known.contains(key) {
      throw MockError(place: place, message: "does not know \"\(key)\"")
    }
    var delay: UInt64 = 0
    if let value = json["DelayMilliseconds"] ?? json["delayMilliseconds"] {
      guard let number = value.int, (0...86_400_000).contains(number) else {
        throw MockError(
          place: "\(place)/DelayMilliseconds", message: "must be a whole number from 0 to 86400000")
      }
      delay = UInt64(number)
    }
    let results = [json["Return"], json["result"].map(parsed)].compactMap { $0 }
    let errors = [json["Throw"], json["errorOutput"]].compactMap { $0 }
    switch (results.count, errors.count) {
    case (1, 0): return Answer(result: .success(results[0].copy()), delayMilliseconds: delay)
    case (0, 1): return Answer(result: .failure(try failure(errors[0], place)), delayMilliseconds: delay)
    default:
      throw MockError(
        place: place,
        message: "needs one of \"Return\" and \"Throw\", or of \"result\" and \"errorOutput\" as in TestState"
      )
    }
  }

  /// TestState's results are texts of JSON; the JSON itself is understood as well.
  private static func parsed(_ value: JSON) -> JSON {
    guard let text = value.string else { return value }
    return (try? JSON(parsing: text)) ?? value
  }

  private static func failure(_ json: JSON, _ place: String) throws(MockError) -> TaskFailure {
    guard let error = (json["Error"] ?? json["error"])?.string else {
      throw MockError(place: place, message: "needs the name of its error, a string \"Error\"")
    }
    let cause = json["Cause"] ?? json["cause"]
    guard cause == nil || cause?.kind == .string else {
      throw MockError(place: place, message: "has a \"Cause\" that is no string")
    }
    return TaskFailure(error: error, cause: cause?.string)
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
      host.after(milliseconds: answer.delayMilliseconds) { reply(.ended(answer.result)) }
    }
  }
}
