// What turns the bytes of a file into rows. One file for each format, below `Formats`.
//
// A reader holds no bytes. It is shown what there is, takes what makes whole rows, and is shown
// the rest again with more behind it; `RowFeed` does that, and takes compression and byte order
// marks away before. So a reader neither knows where bytes come from nor waits for them, and a
// row is always in one piece.

package protocol RowReader: AnyObject {
  /// Takes rows from the front of `bytes`, until `rows` is full or no whole row is left, and says
  /// how many bytes are done with. What is left then is shown again.
  ///
  /// - Parameters:
  ///   - bytes: What follows what was taken before.
  ///   - isLast: Nothing comes behind it. A reader then takes everything unless `rows` is full,
  ///     and throws if the text is not complete.
  func read(_ bytes: Span<UInt8>, isLast: Bool, into rows: inout RowBuffer) throws(RowError) -> Int

  /// The rows read so far are members of an object, each as `{"Key":…,"Value":…}`.
  var yieldsMembers: Bool { get }
}

extension RowReader {
  package var yieldsMembers: Bool { false }
}

/// How rows are written in a file.
package enum RowFormat: Sendable, Equatable {
  /// A JSON value on each line.
  case jsonLines
  /// The elements of an array, or the members of an object as `{"Key":…,"Value":…}`: of the
  /// document, or of what a JSON Pointer leads to in it.
  case json(pointer: String = "")
  case csv(CSVDialect = CSVDialect())
  case parquet

  /// A reader for one text.
  package func reader() throws(RowError) -> any RowReader {
    switch self {
    case .jsonLines: JSONLineReader()
    case .json(let pointer): try JSONRowReader(pointer: pointer)
    case .csv(let dialect): try CSVRowReader(dialect)
    case .parquet:
      throw RowError(
        .unsupported,
        "Parquet is not read yet. Write the rows as CSV, JSON or JSON Lines (plain, .gz or .zst) instead.")
    }
  }

  /// The format that a file's name tells, whatever it is compressed with.
  package init?(fileName: String) {
    var name = fileName.lowercased()
    for suffix in [".gz", ".zst", ".zstd"] where name.hasSuffix(suffix) {
      name.removeLast(suffix.count)
      break
    }
    switch name.split(separator: ".").last.map(String.init) ?? "" {
    case _ where !name.contains("."): return nil
    case "jsonl", "ndjson", "jsonlines": self = .jsonLines
    case "json": self = .json()
    case "csv": self = .csv()
    case "tsv", "tab": self = .csv(CSVDialect(delimiter: .tab))
    case "parquet": self = .parquet
    default: return nil
    }
  }
}
