import Stepmill

/// Prints a history's events as they happen.
final class HistoryPrinter: Sendable {
  private let form: RunCommand.HistoryForm
  private let terminal: Terminal
  /// When the first event happened, in milliseconds since 1970.
  private let start = Lock<Int64?>(nil)

  /// Columns for the states' names.
  private let nameWidth: Int
  private let stream: Terminal.Stream
  /// Indents events and tells how long states took; for histories that come in order.
  private let nesting: Lock<HistoryNesting?>

  init(form: RunCommand.HistoryForm, definition: CompiledDefinition, terminal: Terminal) {
    self.form = form
    nameWidth = min(24, definition.stateNames.lazy.map(\.count).max() ?? 0)
    self.terminal = terminal
    stream = .error
    nesting = Lock(nil)
  }

  /// For a history that a server tells; nested, if it is that of one execution from its beginning.
  init(
    form: RunCommand.HistoryForm, terminal: Terminal, to stream: Terminal.Stream, isNested: Bool = true
  ) {
    self.form = form
    self.terminal = terminal
    self.stream = stream
    nameWidth = 20
    nesting = Lock(isNested ? HistoryNesting() : nil)
  }

  /// Prints an event as `GetExecutionHistory` has it.
  func print(_ json: JSON) {
    guard let name = json["type"]?.string, let type = HistoryEventType(rawValue: name) else {
      return terminal.write("\(json.text)\n", to: stream)
    }
    print(
      HistoryEvent(
        id: json["id"]?.int ?? 0, previousID: json["previousEventId"]?.int ?? 0, type: type,
        timestamp: ClientText.milliseconds(json["timestamp"]) ?? 0, details: json[type.detailsName]))
  }

  var observer: HistoryObserver { HistoryObserver { self.print($0) } }

  private func print(_ event: HistoryEvent) {
    switch form {
    case .json:
      var json = event.json
      json["timestamp"] = JSON(event.timestampText)
      terminal.write(json.text + "\n", to: stream)
    case .text:
      terminal.write(text(of: event) + "\n", to: stream)
    }
  }

  private func text(of event: HistoryEvent) -> String {
    let first = start.withLock { start in
      if start == nil { start = event.timestamp }
      return start!
    }
    return text(
      of: event, head: "\(pad(left: "\(event.id)", 5))  \(pad(left: seconds(event.timestamp - first), 9))  ")
  }

  /// A line for an event with `head` in front.
  func text(of event: HistoryEvent, head: String, width: Int? = nil) -> String {
    let style = terminal.style(stream)
    let place = nesting.withLock { $0?.place(of: event) }
    let indent = String(repeating: "  ", count: min(place?.depth ?? 0, 8))
    let type = pad(indent + event.type.rawValue, place == nil ? 24 : 28)
    let name = cut(SourceLines.readable(event.details?["name"]?.string ?? ""), nameWidth)
    var line = style.dim(head) + color(type, event.type.rawValue, style)
    let took = place?.took.map { "took \(ClientText.duration($0))" }
    let data = [took, data(of: event)].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "  ")
    if name.isEmpty && data.isEmpty { return line.trimmedAtEnd }
    line += "  " + style.bold(name)
    let room = (width ?? terminal.width(stream)) - head.count - type.count - 2 - nameWidth - 2
    if data.isEmpty || room < 4 { return line.trimmedAtEnd }
    return line + String(repeating: " ", count: nameWidth - name.count + 2) + cut(data, room)
  }

  private func color(_ text: String, _ type: String, _ style: Style) -> String {
    if type.hasSuffix("Failed") || type.hasSuffix("TimedOut") || type.hasSuffix("Aborted")
      || type.hasPrefix("FailState")
    {
      return style.red(text)
    }
    if type == "ExecutionSucceeded" { return style.green(text) }
    return type.hasSuffix("StateEntered") ? style.cyan(text) : text
  }

  /// The part of the details that says most.
  private func data(of event: HistoryEvent) -> String {
    guard let details = event.details else { return "" }
    func text(_ key: String) -> String? {
      guard let value = details[key], !value.isNull else { return nil }
      return value.string ?? value.text
    }
    if let error = text("error") { return [error, text("cause")].compactMap { $0 }.joined(separator: ": ") }
    if let cause = text("cause") { return cause }
    if let data = text("input") ?? text("output") ?? text("parameters") { return data }
    let rest = JSON(members: (details.object.map { Array($0) } ?? []).filter { $0.key != "name" })
    return rest.count == 0 ? "" : rest.text
  }

  private func seconds(_ milliseconds: Int64) -> String {
    let fraction = "\(milliseconds % 1000)"
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - min(3, fraction.count)) + fraction
      + "s"
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private func pad(left text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private func cut(_ text: String, _ width: Int) -> String {
    let head = SourceLines.readable(String(text.prefix(width + 1)))
    return head.count <= width ? head : head.prefix(width - 1) + "…"
  }
}
