import Stepmill

/// Rows of a file, one by one: JSON Lines, JSON, CSV or TSV, also compressed with gzip or zstd.
///
/// ```swift
/// for try await result in workflow.map(RowFile("orders.csv.gz"), run: run) { … }
/// ```
///
/// The file is read as rows are taken, a piece at a time.
public struct RowFile: AsyncSequence, Sendable {
  public typealias Element = JSON

  /// How rows are written.
  public struct Format: Sendable {
    let format: RowFormat

    /// A JSON value on each line.
    public static let jsonLines = Format(format: .jsonLines)

    /// The elements of an array, or the members of an object as `{"Key":…,"Value":…}`: of the
    /// document, or of what a JSON Pointer leads to in it.
    public static func json(items pointer: String = "") -> Format { Format(format: .json(pointer: pointer)) }

    /// Objects of strings, named by the first row.
    public static let csv = Format(format: .csv())

    /// The same with tabs.
    public static let tsv = Format(format: .csv(CSVDialect(delimiter: .tab)))

    /// The same with headers of your own, and no row for them.
    public static func csv(headers: [String]) -> Format {
      Format(format: .csv(CSVDialect(headers: .given(headers))))
    }
  }

  let source: BatchSource

  /// - Parameters:
  ///   - path: The file; `-` stands for standard input.
  ///   - format: How its rows are written; nil: its name tells.
  /// - Throws: ``StepmillError`` when the name does not tell, or the format cannot be read.
  public init(_ path: String, format: Format? = nil) throws(StepmillError) {
    guard let chosen = format?.format ?? RowFormat(fileName: path) else {
      throw StepmillError(
        aboutInput: "the name '\(path)' does not tell how its rows are written: give a format")
    }
    do throws(RowError) {
      _ = try chosen.reader()
    } catch {
      throw StepmillError(aboutInput: "\(path): \(error)")
    }
    source = BatchSource(path: path, content: .rows(chosen))
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source) }

  /// Reads on when its rows have been taken. It reads from the file on the caller's thread.
  public struct AsyncIterator: AsyncIteratorProtocol {
    private let rows: OpenRows

    init(_ source: BatchSource) { rows = OpenRows(source) }

    public mutating func next() async throws -> JSON? { try rows.next() }
  }

  private final class OpenRows {
    private let source: BatchSource
    private var file: SourceFile?
    private var feed: FeedBox?
    private var rows = RowBuffer()
    private var row = 0
    private var number = 0
    private var isEnded = false

    private final class FeedBox {
      var feed: RowFeed
      init(_ reader: any RowReader) { feed = RowFeed(reader) }
    }

    init(_ source: BatchSource) { self.source = source }

    func next() throws(StepmillError) -> JSON? {
      do throws(RowError) {
        if row == rows.rowCount { try fill() }
      } catch {
        isEnded = true
        throw StepmillError(aboutInput: "\(source.name): \(error)")
      }
      guard row < rows.rowCount else { return nil }
      defer {
        row += 1
        number += 1
      }
      do throws(JSONSyntaxError) {
        return try rows.json(row)
      } catch {
        throw StepmillError(aboutInput: "\(source.name): row \(number) is not JSON: \(error)")
      }
    }

    private func fill() throws(RowError) {
      rows.removeAll()
      row = 0
      if isEnded { return }
      if file == nil, case .rows(let format) = source.content {
        file = try SourceFile(source)
        feed = FeedBox(try format.reader())
      }
      guard let file, let feed else { return }
      while true {
        switch try feed.feed.next(into: &rows) {
        case .full: return
        case .ended:
          isEnded = true
          return
        case .needsBytes:
          if rows.rowCount > 0, file.mustWait { return }
          try file.read(into: &feed.feed, 1 << 16)
        }
      }
    }
  }
}
