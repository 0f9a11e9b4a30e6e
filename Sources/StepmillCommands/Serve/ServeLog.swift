import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What happens to a server, on standard error: sentences on a terminal, lines of JSON elsewhere.
struct ServeLog: Sendable {
  private let terminal: Terminal

  init(_ terminal: Terminal) { self.terminal = terminal }

  /// Something that is as it should be. Terminals have the welcome instead of the first.
  func note(_ event: String, _ details: [(String, String)] = []) { write("info", event, details) }

  func warn(_ message: String) { write("warning", message, []) }

  /// Something is lost.
  func fail(_ message: String) { write("error", message, []) }

  private func write(_ level: String, _ event: String, _ details: [(String, String)]) {
    if terminal.isTerminal(.error) {
      let style = terminal.style(.error)
      let mark =
        switch level {
        case "info": style.dim("stepmill:")
        case "error": style.red("stepmill: error:")
        default: style.yellow("stepmill: \(level):")
        }
      let more = details.map { ", \($0): \($1)" }.joined()
      terminal.write("\(mark) \(event)\(more)\n", to: .error)
    } else {
      var members: [(String, JSON)] = [
        ("time", JSON(Self.timestamp)), ("level", JSON(level)), ("event", JSON(event)),
      ]
      members += details.map { ($0.0, JSON($0.1)) }
      terminal.write("\(JSON(members: members).text)\n", to: .error)
    }
  }

  /// Now, as in ISO 8601.
  private static var timestamp: String {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return UTCText.text(Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec / 1_000_000))
  }
}
