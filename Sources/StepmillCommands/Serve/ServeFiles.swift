import Stepmill
import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The files that a server writes lines to: tried before it starts, and watched while it runs.
///
/// The writer opens its file for each batch and only counts what was not taken, so the counters are looked at
/// once in a while. Belongs to the thread of the command's loop.
struct ServeFiles {
  private let files: [(option: String, path: String)]
  private let log: ServeLog
  private var delivered = 0
  private var failed = 0
  private var isFailing = false

  init(_ settings: ServeSettings, _ log: ServeLog) throws(CommandError) {
    files = settings.lineFiles
    self.log = log
    for file in files {
      if let problem = Self.problem(with: file.path) {
        throw CommandError("\(file.option): \(file.path) cannot be written: \(problem)", isAboutUsage: false)
      }
    }
  }

  var isEmpty: Bool { files.isEmpty }

  /// Says so once when entries could not be written, and once when they can be again.
  mutating func check(_ counters: SinkCounters) {
    defer { (delivered, failed) = (counters.delivered, counters.failed) }
    if counters.failed > failed {
      guard !isFailing else { return }
      isFailing = true
      let reasons = files.compactMap { file in
        Self.problem(with: file.path).map { "\(file.path): \($0)" }
      }
      let what = reasons.isEmpty ? files.map(\.path) : reasons
      log.fail("entries could not be written to \(what.joined(separator: ", "))")
    } else if counters.delivered > delivered, isFailing {
      isFailing = false
      log.note("entries are written to \(files.map(\.path).joined(separator: ", ")) again")
    }
  }

  /// Why a file cannot be opened for writing; it is made if it is missing.
  private static func problem(with path: String) -> SystemError? {
    // A pipe that nobody reads yet is none: without O_NONBLOCK it would be waited for here.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let file = unsafe open(path, flags, 0o644)
    guard file < 0 else {
      closeDescriptor(file)
      return nil
    }
    return errno == ENXIO ? nil : SystemError(code: errno)
  }
}
