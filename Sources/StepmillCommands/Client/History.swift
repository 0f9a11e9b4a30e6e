import Stepmill

extension Command {
  static let history = Command(
    name: "history", summary: "Show what an execution on a server has done.",
    operands: [Operand(name: "EXECUTION", help: "the execution: its ARN, MACHINE/NAME, or its name alone")],
    options: [
      Option("--follow", help: "Go on until the execution ends.")
    ] + ClientEndpoint.options,
    notes: [
      ClientEndpoint.section,
      Section(
        title: "Columns",
        text: """
          The event's number, the time since the first one, the event (indented inside of branches and iterations),
          the state, how long it took, and the part of the details that says most. --json: an event on each line.
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    let client = try APIClient(ClientEndpoint(arguments, terminal))
    let text = arguments.operands[0]
    let arn =
      text.hasPrefix("arn:") ? text : try client.execution(text)["executionArn"]?.string ?? ""
    let printer = HistoryPrinter(form: .text, terminal: terminal, to: .output)
    let reader = HistoryReader(client, arn)
    do throws(ClientFailure) {
      let show: (JSON) -> Void = { event in
        if arguments.has("--json") { terminal.write(event.text + "\n") } else { printer.print(event) }
      }
      if arguments.has("--follow") { try reader.follow(show) } else { _ = try reader.read(show) }
    } catch {
      throw error.commandError
    }
    return .success
  }
}

/// Reads an execution's history from where it has got to.
final class HistoryReader {
  private let client: APIClient
  private let arn: String
  /// Of the page that the last event was on.
  private var token: JSON?
  private var lastID = 0

  init(_ client: APIClient, _ arn: String) {
    self.client = client
    self.arn = arn
  }

  /// Gives the events that are new. True when the last one ends the execution.
  func read(_ show: (JSON) -> Void) throws(ClientFailure) -> Bool {
    var isOver = false
    while true {
      let page = try client.call(
        "GetExecutionHistory",
        JSON(object: [("executionArn", JSON(arn)), ("maxResults", 1000), ("nextToken", token)]))
      for event in page["events"]?.array.map({ Array($0) }) ?? [] {
        guard let id = event["id"]?.int, id > lastID else { continue }
        lastID = id
        show(event)
        let type = event["type"]?.string.flatMap(HistoryEventType.init)
        isOver = type.map { Self.ends.contains($0) } ?? false
      }
      guard let next = page["nextToken"] else { return isOver }
      token = next
    }
  }

  private static let ends: Set<HistoryEventType> = [
    .executionSucceeded, .executionFailed, .executionAborted, .executionTimedOut,
  ]

  /// Goes on until the execution ends: asks often at first, then once a second.
  func follow(_ show: (JSON) -> Void) throws(ClientFailure) {
    var pause: UInt64 = 20
    while true {
      let before = lastID
      if try read(show) { return }
      pause = lastID > before ? 50 : min(1000, pause * 3 / 2)
      client.sleep(milliseconds: pause)
    }
  }
}

/// How deep an event is inside of branches and iterations, and how long the state took that it
/// leaves: told by what each event follows from.
struct HistoryNesting {
  private struct Level {
    let isIteration: Bool
    /// When the state around it was entered.
    let entered: Int64?
  }

  private struct Place {
    var levels: [Level] = []
    /// When the state was entered that the event belongs to.
    var entered: Int64?
  }

  private var places: [Int: Place] = [:]

  /// Events come in their order.
  mutating func place(of event: HistoryEvent) -> (depth: Int, took: Int64?) {
    var place = places[event.previousID] ?? Place()
    var took: Int64?
    var depth = place.levels.count
    let name = event.type.rawValue
    switch event.type {
    case .mapIterationStarted, .parallelStateStarted:
      place.levels.append(Level(isIteration: event.type == .mapIterationStarted, entered: place.entered))
    case .mapIterationSucceeded, .mapIterationFailed, .mapIterationAborted:
      if let level = place.levels.popLast() { place.entered = level.entered }
      depth = place.levels.count
    case .parallelStateSucceeded, .parallelStateFailed, .parallelStateAborted:
      if let level = place.levels.popLast() { place.entered = level.entered }
      depth = place.levels.count
    case _ where name.hasSuffix("StateEntered"):
      place.entered = event.timestamp
    case _ where name.hasSuffix("StateExited"):
      took = place.entered.map { event.timestamp - $0 }
    case _ where name.hasPrefix("Execution") && event.id > 1 && event.type != .executionRedriven:
      place = Place()
      depth = 0
    default:
      break
    }
    places[event.id] = place
    return (depth, took)
  }
}
