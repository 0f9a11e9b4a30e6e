import Stepmill

// What people call things, and what the API calls them.
//
// A state machine is named by its name, with `:alias` or `:version` behind it if need be, or by its
// ARN; an execution by its ARN, by `MACHINE/NAME`, or by its name alone, which is then looked for
// in every state machine.

/// A state machine as the server lists it.
struct ListedMachine {
  /// With the alias or version that was asked for.
  let arn: String
  let name: String
  let isExpress: Bool
}

extension APIClient {
  func machines() throws(ClientFailure) -> [JSON] {
    try all("ListStateMachines", [], key: "stateMachines")
  }

  /// The state machine that somebody means.
  func machine(_ text: String) throws(CommandError) -> ListedMachine {
    do throws(ClientFailure) {
      if text.hasPrefix("arn:") {
        let answer = try call("DescribeStateMachine", ["stateMachineArn": JSON(text)])
        return ListedMachine(
          arn: text, name: answer["name"]?.string ?? text, isExpress: answer["type"]?.string == "EXPRESS")
      }
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      let name = parts.first ?? text
      let machines = try machines()
      guard let found = machines.first(where: { $0["name"]?.string == name }),
        let arn = found["stateMachineArn"]?.string
      else { throw noMachine(name, among: machines) }
      return ListedMachine(
        arn: parts.count == 2 ? "\(arn):\(parts[1])" : arn, name: name,
        isExpress: found["type"]?.string == "EXPRESS")
    } catch {
      throw error.commandError
    }
  }

  private func noMachine(_ name: String, among machines: [JSON]) -> ClientFailure {
    let names = machines.compactMap { $0["name"]?.string }
    var message = "there is no state machine '\(SourceLines.readable(name))' at \(endpoint.name)"
    if let near = Suggest.nearest(to: name, in: names) {
      message += "; did you mean '\(near)'?"
    } else if names.isEmpty {
      message += ", nor any other; 'stepmill deploy FILE' makes one"
    } else {
      let shown = names.prefix(8).map { "'\($0)'" }.joined(separator: ", ")
      message += "; there \(names.count == 1 ? "is" : "are") \(shown)\(names.count > 8 ? ", …" : "")"
    }
    return ClientFailure(code: "StateMachineDoesNotExist", message: message)
  }

  /// The execution that somebody means, described; nil where no state machine has one of that name.
  func findExecution(_ text: String) throws(CommandError) -> JSON? {
    do throws(ClientFailure) {
      if text.hasPrefix("arn:") { return try describe(text) }
      let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
      let machines = try machines()
      let candidates = machines.filter { $0["type"]?.string != "EXPRESS" }
      if parts.count == 2 {
        guard let machine = candidates.first(where: { $0["name"]?.string == parts[0] }) else {
          throw noMachine(parts[0], among: candidates)
        }
        return try describe(parts[1], of: machine)
      }
      for machine in candidates {
        if let found = try describe(text, of: machine) { return found }
      }
      return nil
    } catch {
      throw error.commandError
    }
  }

  /// The same for commands that are about nothing else.
  func execution(_ text: String) throws(CommandError) -> JSON {
    if let found = try findExecution(text) { return found }
    throw CommandError(
      "there is no execution '\(SourceLines.readable(text))' at \(endpoint.name); 'stepmill list MACHINE' shows a state machine's",
      isAboutUsage: false, status: .failure)
  }

  private func describe(_ arn: String) throws(ClientFailure) -> JSON {
    try call("DescribeExecution", ["executionArn": JSON(arn)])
  }

  private func describe(_ name: String, of machine: JSON) throws(ClientFailure) -> JSON? {
    guard let arn = machine["stateMachineArn"]?.string,
      let range = arn.firstRange(of: ":stateMachine:")
    else { return nil }
    do throws(ClientFailure) {
      return try describe(arn.replacingCharacters(range, with: ":execution:") + ":\(name)")
    } catch {
      // A name that no execution can have is not found either.
      if ["ExecutionDoesNotExist", "InvalidArn", "ValidationException"].contains(error.code) { return nil }
      throw error
    }
  }
}

extension String {
  fileprivate func replacingCharacters(_ range: Range<String.Index>, with text: String) -> String {
    self[..<range.lowerBound] + text + self[range.upperBound...]
  }
}
