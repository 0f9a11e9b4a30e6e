import CLibuv
import Testing

@testable import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The built program as a process of its own: what users start. It inherits the signals that the
/// test's thread has blocked, as from many a parent.
final class Program {
  private(set) var processID: pid_t = 0
  private var input: Int32 = -1
  private var streams: [Int32] = [-1, -1]
  private var texts: [[UInt8]] = [[], []]

  /// Beside the program that runs these tests.
  static let path: String? = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { return nil }
    let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The runner may be the toolchain's own; then the bundle that it was given says where to look.
    for candidate in [own] + CommandLine.arguments {
      guard let slash = candidate.lastIndex(of: "/") else { continue }
      let path = candidate[..<slash] + "/stepmill"
      if access(String(path), X_OK) == 0 { return String(path) }
    }
    return nil
  }()

  static var isBuilt: Bool { path != nil }

  /// - Parameter keepsInput: The input stays open until `closeInput`.
  init(_ arguments: [String], keepsInput: Bool = false) throws {
    var pipes: [[Int32]] = []
    for _ in 0..<3 {
      var ends: [Int32] = [-1, -1]
      // Closed in other children at once: tests run side by side.
      try SystemError.check(uv_pipe(&ends, 0, 0))
      pipes.append(ends)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipes[0][0], 0)
    posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 1)
    posix_spawn_file_actions_adddup2(&actions, pipes[2][1], 2)
    let program = try #require(Self.path)
    var words = ([program] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    let code = posix_spawn(&processID, program, &actions, nil, &words, environ)
    for ends in [pipes[0][0], pipes[1][1], pipes[2][1]] { close(ends) }
    input = pipes[0][1]
    streams = [pipes[1][0], pipes[2][0]]
    guard code == 0 else { throw SystemError(code: code) }
    if !keepsInput { closeInput() }
  }

  deinit {
    closeInput()
    for stream in streams where stream >= 0 { close(stream) }
  }

  /// Writes to its input while reading what it says, so that neither waits for the other.
  func send(_ bytes: [UInt8]) {
    signal(SIGPIPE, SIG_IGN)
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(input, $0.baseAddress! + sent, min(65536, bytes.count - sent))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  func closeInput() {
    if input >= 0 { close(input) }
    input = -1
  }

  /// Stops reading its output, as `head` does.
  func closeOutput() {
    close(streams[0])
    streams[0] = -1
  }

  func interrupt() { kill(processID, SIGINT) }

  func killAtOnce() { kill(processID, SIGKILL) }

  /// Reads until its standard error holds `text`.
  func waitForError(_ text: String) throws {
    while !String(decoding: texts[1], as: UTF8.self).contains(text) {
      guard readSome() else { throw EndedEarly(error: String(decoding: texts[1], as: UTF8.self)) }
    }
  }

  /// Reads until its standard output holds `text`.
  func waitForOutput(_ text: String) throws {
    while !String(decoding: texts[0], as: UTF8.self).contains(text) {
      guard readSome() else { throw EndedEarly(error: String(decoding: texts[1], as: UTF8.self)) }
    }
  }

  struct EndedEarly: Error { var error: String }

  /// Reads to the end and collects the exit status; of a signal, its negative number.
  func finish() -> Finished {
    closeInput()
    while readSome() {}
    var status: Int32 = 0
    while waitpid(processID, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return Finished(
      status: signal == 0 ? (status >> 8) & 0xFF : -signal,
      output: String(decoding: texts[0], as: UTF8.self), error: String(decoding: texts[1], as: UTF8.self))
  }

  /// Waits for something to read. False when both streams have ended.
  private func readSome() -> Bool {
    var waits = streams.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    guard streams.contains(where: { $0 >= 0 }) else { return false }
    guard poll(&waits, nfds_t(waits.count), -1) > 0 else { return errno == EINTR }
    for index in waits.indices where waits[index].revents != 0 {
      var buffer = [UInt8](repeating: 0, count: 65536)
      let count = read(streams[index], &buffer, buffer.count)
      if count > 0 {
        texts[index] += buffer[..<count]
      } else {
        close(streams[index])
        streams[index] = -1
      }
    }
    return true
  }
}
