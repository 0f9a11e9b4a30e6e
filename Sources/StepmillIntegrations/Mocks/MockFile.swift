import Stepmill

// A file of canned answers for tasks: an object with a member for each state or resource. Its
// value is an answer or a list of answers. An answer has the form of `stepmill run --mocks`
// (`Return`, `Throw`) or that of TestState's mock (`result`, a text of JSON or the JSON itself;
// `errorOutput`). The member `StateMachines` holds such objects by the names of state machines.

/// What is wrong with a file of mocks.
package struct MockError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A JSON pointer.
  package let place: String
  package let message: String

  package init(place: String, message: String) {
    self.place = place
    self.message = message
  }

  package var description: String { "\(place.isEmpty ? "the mocks" : place) \(message)" }
}

/// A canned answer.
package struct MockAnswer: Sendable {
  package let result: Result<JSON, TaskFailure>
  package let delayMilliseconds: Int
}

/// What a file of mocks says.
package struct MockFile: Sendable {
  /// Lists of answers, none of them empty, by states or resources.
  package typealias Answers = [String: [MockAnswer]]

  package let general: Answers
  /// For one state machine only.
  package let byMachine: [String: Answers]

  package init(_ json: JSON) throws(MockError) {
    var general = json
    var machines: [String: Answers] = [:]
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

  private static func answers(_ json: JSON, _ place: String) throws(MockError) -> Answers {
    guard json.kind == .object else {
      throw MockError(place: place, message: "must be an object with a member for each state or resource")
    }
    var table: Answers = [:]
    for (name, value) in json.memberList {
      let place = "\(place)/\(name)"
      guard value.kind == .array else {
        table[name] = [try answer(value, place)]
        continue
      }
      var list: [MockAnswer] = []
      for (index, element) in value.elementList.enumerated() {
        list.append(try answer(element, "\(place)/\(index)"))
      }
      if list.isEmpty { throw MockError(place: place, message: "must not be an empty list") }
      table[name] = list
    }
    return table
  }

  // MARK: Answers

  private static let known = [
    "Return", "Throw", "DelayMilliseconds", "result", "errorOutput", "fieldValidationMode",
    "delayMilliseconds",
  ]

  private static func answer(_ json: JSON, _ place: String) throws(MockError) -> MockAnswer {
    guard json.kind == .object else {
      throw MockError(place: place, message: "must be an object with \"Return\" or \"Throw\"")
    }
    for (key, _) in json.memberList where !known.contains(key) {
      let near = Suggestion.nearest(to: key, in: known).map { "; did you mean \"\($0)\"?" } ?? ""
      throw MockError(place: place, message: "does not know \"\(key)\"\(near)")
    }
    var delay = 0
    if let name = ["DelayMilliseconds", "delayMilliseconds"].first(where: { json[$0] != nil }) {
      guard let number = json[name]?.int, (0...86_400_000).contains(number) else {
        throw MockError(place: "\(place)/\(name)", message: "must be a whole number from 0 to 86400000")
      }
      delay = number
    }
    let results = [json["Return"], json["result"].map(parsed)].compactMap { $0 }
    let errors = ["Throw", "errorOutput"].filter { json[$0] != nil }
    switch (results.count, errors.count) {
    case (1, 0): return MockAnswer(result: .success(results[0].copy()), delayMilliseconds: delay)
    case (0, 1):
      let failure = try failure(json[errors[0]] ?? .null, "\(place)/\(errors[0])")
      return MockAnswer(result: .failure(failure), delayMilliseconds: delay)
    default:
      throw MockError(
        place: place,
        message: "needs either \"Return\" or \"Throw\" (or \"result\" or \"errorOutput\", as in TestState)")
    }
  }

  /// TestState's results are texts of JSON; the JSON itself is understood as well.
  private static func parsed(_ value: JSON) -> JSON {
    guard let text = value.string else { return value }
    return (try? JSON(parsing: text)) ?? value
  }

  private static func failure(_ json: JSON, _ place: String) throws(MockError) -> TaskFailure {
    guard json.kind == .object else {
      throw MockError(place: place, message: "must be an object with \"Error\" and \"Cause\"")
    }
    for (key, _) in json.memberList where !["Error", "Cause", "error", "cause"].contains(key) {
      throw MockError(place: place, message: "does not know \"\(key)\"")
    }
    guard let error = (json["Error"] ?? json["error"])?.string else {
      throw MockError(place: place, message: "needs a string \"Error\"")
    }
    let cause = json["Cause"] ?? json["cause"]
    guard cause == nil || cause?.kind == .string else {
      throw MockError(place: "\(place)/Cause", message: "must be a string")
    }
    return TaskFailure(error: error, cause: cause?.string)
  }
}
