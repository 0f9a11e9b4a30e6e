import Stepmill
import StepmillBatch

/// Results on standard output: there is nothing that could be taken up.
final class MapStream: BatchSink, @unchecked Sendable {
  // Used by the writer's thread only.
  private let terminal: Terminal
  private let lines: BatchLines

  init(_ terminal: Terminal, isOrdered: Bool) {
    self.terminal = terminal
    lines = BatchLines(isOrdered: isOrdered)
  }

  var done: DoneRows { DoneRows() }
  var counts: BatchCounts { lines.counts }
  var bytesKept: Int { lines.bytesKept }

  func write(_ block: borrowing ResultLines) throws(BatchError) {
    let (results, failures) = try lines.take(block)
    if !results.isEmpty { terminal.write(results, to: .output) }
    if !failures.isEmpty { terminal.write(failures, to: .error) }
    if let failure = terminal.firstOutputFailure {
      throw BatchError(.files, "the output could not be written: \(failure)")
    }
  }

  func checkpoint(milliseconds: Int) {}
  func finish(isComplete: Bool, milliseconds: Int) {}
}
