import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a command's end means to its task.
package enum CommandAnswer {
  package static let failed = "Stepmill.CommandFailed"

  package static func read(_ result: ChildResult) -> Result<JSON, TaskFailure> {
    switch result.end {
    case .exited(0): return .success(value(of: result.output))
    case .exited(let status):
      return .failure(named(result.output) ?? failure("exit status \(status)", result))
    case .signalled(let signal):
      let name = unsafe String(cString: strsignal(signal))
      return .failure(failure("ended by signal \(signal) (\(name))", result))
    case .notStarted(let reason): return .failure(failure("not started: \(reason)", result))
    case .outputTooLong: return .failure(failure("its output is too long", result))
    case .tookTooLong(let milliseconds):
      return .failure(failure("it did not end within \(seconds(milliseconds)) seconds", result))
    }
  }

  /// JSON, or else a string; nothing is null.
  package static func value(of output: [UInt8]) -> JSON {
    if let json = try? JSON(parsing: output) { return json }
    var text = String(decoding: output, as: UTF8.self)
    if text.allSatisfy(\.isWhitespace) { return .null }
    if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
    return JSON(text)
  }

  /// The failure that a command names itself.
  private static func named(_ output: [UInt8]) -> TaskFailure? {
    guard let json = try? JSON(parsing: output), let error = json["Error"]?.string else { return nil }
    let cause = json["Cause"]
    return TaskFailure(error: error, cause: cause.map { $0.string ?? $0.text })
  }

  private static func failure(_ what: String, _ result: ChildResult) -> TaskFailure {
    let tail = trimmed(String(decoding: result.errorTail, as: UTF8.self))
    return TaskFailure(error: failed, cause: tail.isEmpty ? what : "\(what): \(tail)")
  }

  private static func seconds(_ milliseconds: UInt64) -> String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000)" : "\(Double(milliseconds) / 1000)"
  }

  private static func trimmed(_ text: String) -> String {
    guard let start = text.firstIndex(where: { !$0.isWhitespace }),
      let end = text.lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(text[start...end])
  }
}
