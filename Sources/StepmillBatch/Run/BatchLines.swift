/// Takes blocks apart for a sink that keeps no files: the lines in their order, and the counts.
package final class BatchLines {
  package private(set) var counts = BatchCounts()
  private var order: RowOrder?

  package init(isOrdered: Bool) { order = isOrdered ? RowOrder(next: 0) : nil }

  package var bytesKept: Int { order?.bytesKept ?? 0 }

  /// What is to be written now.
  package func take(_ lines: borrowing ResultLines) throws(BatchError) -> (
    results: [UInt8], failures: [UInt8]
  ) {
    let block = lines.block
    guard order != nil else {
      for entry in block.entries { count(entry) }
      return (block.withResults { $0.array }, block.withFailures { $0.array })
    }
    var results: [UInt8] = []
    var failures: [UInt8] = []
    try block.forEachLine { (entry, line) throws(BatchError) in
      try order?.take(entry, line) { (entry, line) throws(BatchError) in
        switch entry.kind {
        case .success: results += line.array
        case .failure: failures += line.array
        case .skipped: break
        }
        count(entry)
      }
    }
    return (results, failures)
  }

  private func count(_ entry: ResultBlock.Entry) {
    switch entry.kind {
    case .success: counts.succeeded += 1
    case .failure: counts.failed += 1
    case .skipped: counts.skipped += entry.count
    }
  }
}

extension ResultBlock {
  /// Each entry with its line.
  func forEachLine(
    _ body: (Entry, Span<UInt8>) throws(BatchError) -> Void
  ) throws(BatchError) {
    var result = 0
    var failure = 0
    for entry in entries {
      let length = Int(entry.length)
      switch entry.kind {
      case .success:
        try withResults { (lines) throws(BatchError) in
          try body(entry, lines.extracting(result..<result + length))
        }
        result += length
      case .failure:
        try withFailures { (lines) throws(BatchError) in
          try body(entry, lines.extracting(failure..<failure + length))
        }
        failure += length
      case .skipped: try body(entry, Span())
      }
    }
  }
}
