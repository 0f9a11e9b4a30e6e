import Stepmill
import StepmillTasks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file of JSON lines. It is opened for each batch, so that it may be moved away at any time,
/// and written on Swift's global pool, since a disk may let one wait.
final class LineFile: LogSink, StatusSink {
  private let batcher: Batcher<String, [UInt8]>

  init(_ path: String, on host: any ExecutionHost) {
    var bounds = Batcher<String, [UInt8]>.Bounds()
    bounds.batchCount = 10_000
    bounds.batchBytes = 4 << 20
    batcher = Batcher(bounds, on: host) { path, lines, done in
      Task.detached { done(LineFile.append(lines, to: path) ? lines.count : 0) }
    }
    self.path = path
  }

  private let path: String

  var counters: SinkCounters { batcher.counters }
  func drain(_ done: @escaping @Sendable () -> Void) { batcher.drain(done) }

  func log(_ record: LogRecord) { add(record.text) }
  func changed(_ change: StatusChange) { add(StatusEvent.envelope(change)) }

  private func add(_ line: [UInt8]) { batcher.add(line, bytes: line.count, to: path) }

  private static func append(_ lines: [[UInt8]], to path: String) -> Bool {
    let file = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { return false }
    defer { closeDescriptor(file) }
    let text = Array(lines.map { $0 + [0x0A] }.joined())
    return unsafe text.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let written = unsafe write(file, bytes.baseAddress.unsafelyUnwrapped + offset, bytes.count - offset)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { return false }
        offset += written
      }
      return true
    }
  }
}
