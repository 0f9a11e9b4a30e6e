import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where a command reads from and writes to: the process's own streams, or memory in tests.
///
/// Results go to the output, everything else to the error stream. It may be written to from
/// any thread; what is written in one call stays in one piece.
package final class Terminal: Sendable {
  package enum Stream: Int, Sendable { case output, error }

  /// When to write in colours.
  package enum ColorMode: String, Sendable, CaseIterable { case auto, always, never }

  private struct Sides {
    /// What was written, where it is kept in memory.
    var captured: [[UInt8]] = [[], []]
    /// The first error in writing to each side; a reader that has gone is one.
    var failures: [SystemError?] = [nil, nil]
    var colorMode = ColorMode.auto
  }

  private let sides = Lock(Sides())
  private let isCaptured: Bool
  private let capturedInput: [UInt8]
  private let terminals: [Bool]
  package let environment: [String: String]
  /// Whether signals are for us. They are not in a test, whose process is somebody else's.
  let takesSignals: Bool

  /// The process's own streams.
  package init() {
    isCaptured = false
    capturedInput = []
    terminals = [isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1]
    environment = Self.processEnvironment()
    takesSignals = true
  }

  /// Streams in memory.
  package init(input: [UInt8], isTerminal: Bool = false, environment: [String: String] = [:]) {
    isCaptured = true
    capturedInput = input
    terminals = [isTerminal, isTerminal]
    self.environment = environment
    takesSignals = false
  }

  // MARK: Writing

  package func isTerminal(_ stream: Stream) -> Bool { terminals[stream.rawValue] }

  package func write(_ text: String, to stream: Stream = .output) { write(Array(text.utf8), to: stream) }

  package func write(_ bytes: [UInt8], to stream: Stream) {
    sides.withLock { sides in
      if isCaptured {
        sides.captured[stream.rawValue] += bytes
      } else if sides.failures[stream.rawValue] == nil {
        sides.failures[stream.rawValue] = Self.writeAll(
          bytes, to: stream == .output ? STDOUT_FILENO : STDERR_FILENO)
      }
    }
  }

  /// What has been written to a stream in memory.
  package func captured(_ stream: Stream) -> String {
    sides.withLock { String(decoding: $0.captured[stream.rawValue], as: UTF8.self) }
  }

  /// Why the output is incomplete, if it is: a full disk, but not a reader that has seen enough.
  var outputFailure: SystemError? {
    sides.withLock { sides in
      guard let failure = sides.failures[Stream.output.rawValue], failure.code != EPIPE else { return nil }
      return failure
    }
  }

  /// What went wrong with the output first, be it that nobody reads it any more.
  var firstOutputFailure: SystemError? { sides.withLock { $0.failures[Stream.output.rawValue] } }

  /// Whether nobody reads the output any more, be it that nothing was written since.
  var isOutputClosed: Bool {
    if firstOutputFailure != nil { return true }
    guard !isCaptured else { return false }
    var wait = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    return unsafe poll(&wait, 1, 0) > 0 && wait.revents & Int16(POLLERR | POLLHUP) != 0
  }

  fileprivate static func writeAll(_ bytes: [UInt8], to file: Int32) -> SystemError? {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { bytes in
        unsafe Self.systemWrite(file, bytes.baseAddress! + written, bytes.count - written)
      }
      if count >= 0 {
        written += count
      } else if errno == EAGAIN {
        // Somebody has made the file non-blocking, which it is for all its users.
        var wait = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&wait, 1, -1)
      } else if errno != EINTR {
        return SystemError(code: errno)
      }
    }
    return nil
  }

  private static func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      return unsafe Glibc.write(file, bytes, count)
    #else
      return unsafe Musl.write(file, bytes, count)
    #endif
  }

  // MARK: Colours

  /// Chooses colours for all that is written from here on.
  func setColorMode(_ mode: ColorMode) { sides.withLock { $0.colorMode = mode } }

  func usesColor(_ stream: Stream) -> Bool {
    switch sides.withLock({ $0.colorMode }) {
    case .always: true
    case .never: false
    case .auto:
      isTerminal(stream) && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }
  }

  func style(_ stream: Stream) -> Style { Style(isOn: usesColor(stream)) }

  /// Lines of the terminal that a stream leads to; a usual number where it leads elsewhere.
  func height(_ stream: Stream) -> Int {
    if let text = environment["LINES"], let lines = Int(text), lines >= 4 { return lines }
    return max(4, window(stream)?.lines ?? 24)
  }

  /// Columns of the terminal that a stream leads to; a usual number where it leads elsewhere.
  func width(_ stream: Stream) -> Int {
    if let text = environment["COLUMNS"], let columns = Int(text), columns >= 20 { return columns }
    return max(20, window(stream)?.columns ?? 100)
  }

  /// The window as the system knows it; nil: there is none.
  private func window(_ stream: Stream) -> (lines: Int, columns: Int)? {
    guard !isCaptured, isTerminal(stream) else { return nil }
    var size = winsize()
    let file = stream == .output ? STDOUT_FILENO : STDERR_FILENO
    guard unsafe ioctl(file, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return nil
    }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  // MARK: Reading

  /// All of the standard input.
  func readInput() throws(SystemError) -> [UInt8] {
    isCaptured ? capturedInput : try InputFile.readAll(STDIN_FILENO)
  }

  private static func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var next = unsafe environ
    while let text = unsafe next.pointee {
      let entry = unsafe String(cString: text)
      if let mark = entry.firstIndex(of: "=") {
        result[String(entry[..<mark])] = String(entry[entry.index(after: mark)...])
      }
      unsafe next += 1
    }
    return result
  }
}

/// Escape sequences, or nothing where they are not wanted.
struct Style: Sendable {
  let isOn: Bool

  func bold(_ text: String) -> String { wrap(text, "1") }
  func dim(_ text: String) -> String { wrap(text, "2") }
  func red(_ text: String) -> String { wrap(text, "1;31") }
  func green(_ text: String) -> String { wrap(text, "32") }
  func yellow(_ text: String) -> String { wrap(text, "33") }
  func cyan(_ text: String) -> String { wrap(text, "36") }

  private func wrap(_ text: String, _ code: String) -> String {
    isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}

/// Reading files whole.
enum InputFile {
  /// Larger ones are refused instead of filling the memory.
  static let bytesMax = 1 << 30

  static func read(_ path: String) throws(SystemError) -> [UInt8] {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemError(code: errno) }
    defer { closeDescriptor(file) }
    return try readAll(file)
  }

  static func readAll(_ file: Int32) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var status = stat()
    if unsafe fstat(file, &status) == 0, status.st_size > 0 {
      if status.st_size > bytesMax { throw SystemError(code: EFBIG) }
      bytes.reserveCapacity(Int(status.st_size) + 1)
    }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe systemRead(file, $0.baseAddress!, $0.count)
      }
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError(code: errno)
      }
      guard bytes.count + count <= bytesMax else { throw SystemError(code: EFBIG) }
      bytes += buffer[..<count]
    }
  }

  private static func systemRead(_ file: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      return unsafe Glibc.read(file, bytes, count)
    #else
      return unsafe Musl.read(file, bytes, count)
    #endif
  }
}

/// Writing files whole.
enum OutputFile {
  /// Writes a command's result to the file that it was asked to write to; to standard output without one, and
  /// for `-`.
  static func write(_ text: String, to path: String?, _ terminal: Terminal) throws(CommandError) {
    guard let path, path != "-" else { return terminal.write(text) }
    do throws(SystemError) {
      try replace(path, with: Array(text.utf8))
    } catch {
      throw CommandError("\(path) cannot be written: \(error)", isAboutUsage: false, status: .failure)
    }
  }

  /// Replaces a file's content at one stroke: who reads it sees the old content or the new one, also
  /// when the disk is full. A link is followed, and the file's permissions stay.
  static func replace(_ path: String, with bytes: [UInt8]) throws(SystemError) {
    var target = path
    if let resolved = unsafe realpath(path, nil) {
      target = unsafe String(cString: resolved)
      unsafe free(resolved)
    }
    var status = stat()
    let isThere = unsafe stat(target, &status) == 0
    // Terminals, pipes and /dev/null are written to: another file must not take their place.
    if isThere, status.st_mode & S_IFMT != S_IFREG { return try write(bytes, into: target) }
    let mode = isThere ? status.st_mode & 0o7777 : 0o644
    let aside = "\(target).\(getpid()).new"
    let file = unsafe open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard file >= 0 else { throw SystemError(code: errno) }
    var failure = Terminal.writeAll(bytes, to: file)
    if failure == nil, fsync(file) != 0 { failure = SystemError(code: errno) }
    closeDescriptor(file)
    if failure == nil, unsafe rename(aside, target) != 0 { failure = SystemError(code: errno) }
    if let failure {
      unsafe unlink(aside)
      throw failure
    }
  }

  private static func write(_ bytes: [UInt8], into path: String) throws(SystemError) {
    let file = unsafe open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { throw SystemError(code: errno) }
    let failure = Terminal.writeAll(bytes, to: file)
    closeDescriptor(file)
    if let failure { throw failure }
  }
}
