import Testing

@testable import Stepmill
@testable import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a command line came to.
struct Finished: Equatable {
  var status: Int32
  var output: String
  var error: String
}

/// Runs blocking code on a thread of its own: on one of Swift's own threads it could keep the
/// very task from running that it waits for.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    do {
      // It lives on when the object is gone.
      _ = try Thread(name: "command test") { continuation.resume(with: Swift.Result(catching: body)) }
    } catch {
      continuation.resume(throwing: SystemError(code: EAGAIN))
    }
  }
}

/// Runs a command line in this process.
func stepmill(
  _ arguments: String..., input: String = "", isTerminal: Bool = false, environment: [String: String] = [:]
) async throws -> Finished {
  try await stepmill(arguments, input: input, isTerminal: isTerminal, environment: environment)
}

func stepmill(
  _ arguments: [String], input: String = "", isTerminal: Bool = false, environment: [String: String] = [:]
) async throws -> Finished {
  try await onThread {
    var environment = environment
    environment["PATH"] = "/usr/bin:/bin"
    let terminal = Terminal(input: Array(input.utf8), isTerminal: isTerminal, environment: environment)
    let status = CommandLineTool.run(arguments, terminal)
    return Finished(
      status: status.rawValue, output: terminal.captured(.output), error: terminal.captured(.error))
  }
}

/// A directory for a test's files, removed with the object.
final class Scratch: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/stepmill-test-XXXXXX".utf8CString)
    path = try template.withUnsafeMutableBufferPointer { template in
      guard let name = mkdtemp(template.baseAddress!) else { throw SystemError(code: errno) }
      return String(cString: name)
    }
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    guard let directory = opendir(path) else {
      unlink(path)
      return
    }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { remove("\(path)/\(name)") }
    }
    closedir(directory)
    rmdir(path)
  }

  /// Writes a file and returns its path.
  func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { throw SystemError(code: errno) }
    defer { close(file) }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(file, $0.baseAddress! + written, bytes.count - written)
      }
      guard count > 0 else { throw SystemError(code: errno) }
      written += count
    }
    return "\(path)/\(name)"
  }
}

enum Samples {
  static let pass = #"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#
  static let fail =
    #"{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"My.Error","Cause":"it is so"}}}"#
  static let task =
    #"{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"work","End":true}}}"#
  static let retry = """
    {"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"work","End":true,
     "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":30,"MaxAttempts":5,"BackoffRate":2}]}}}
    """
  static let wait = #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}}"#
  static let forever =
    #"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"D"}],"Default":"A"},"D":{"Type":"Succeed"}}}"#
}
