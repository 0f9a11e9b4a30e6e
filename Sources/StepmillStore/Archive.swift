import CSQLite
import Stepmill
import StepmillServer
import Synchronization

/// Reads what executions have left to the disk, on a connection of its own.
///
/// Readers take turns; a page takes some microseconds unless the disk has to move for it.
final class Archive: ExecutionArchive {
  /// Who may touch what: it is behind the lock, with the statements.
  @safe private final class Reader: @unchecked Sendable {
    let database: Database
    let statement: Statement
    let packs: Statement

    init(_ path: String) throws(DatabaseFailure) {
      database = try Database(path, mayCreate: false)
      try database.execute("PRAGMA query_only = ON; PRAGMA cache_size = -16384")
      database.wait(milliseconds: 2000)
      // From the page in which the first event stands; the number of the execution is shifted so
      // that 0 finds the first page.
      statement = try database.prepare(
        """
        SELECT id, data FROM pages
        WHERE id >= (SELECT max(id) FROM pages WHERE id BETWEEN ?1 AND ?2) AND id <= ?3 ORDER BY id
        """)
      packs = try database.prepare("SELECT data FROM packs WHERE id = ?")
    }
  }

  private let path: String
  private let segments: Segments
  private let types: EventTypeNumbers
  private let reader: Lock<Reader?>

  init(_ path: String, _ segments: Segments, _ types: EventTypeNumbers) throws(StoreError) {
    self.path = path
    self.segments = segments
    self.types = types
    do throws(DatabaseFailure) {
      reader = Lock(try Reader(path))
    } catch {
      throw StoreError(error, path)
    }
  }

  func close() { reader.withLock { $0 = nil } }

  /// The rows read so far: what a page of a history costs.
  private let rows = Lock(0)
  var rowsRead: Int { rows.withLock { $0 } }

  func contents(of execution: StoredExecution) throws(APIError) -> StoredExecution.Contents {
    let row = abs(execution.row.load(ordering: .relaxed))
    var contents = StoredExecution.Contents()
    var last: Page?
    try read(execution, from: 0) { _, page in
      last = page
      return false
    }
    contents.input = last?.input.map { String(decoding: $0, as: UTF8.self) } ?? ""
    // The outcome is in the last page, which may be the first one; an output in its last event.
    var lastHistory: HistoryLog?
    try read(execution, from: PageKey.lastEvent) { first, page in
      last = page
      var history = HistoryLog(firstID: first, input: page.input ?? [])
      lastHistory = page.addEvents(to: &history, types) ? history : nil
      return false
    }
    guard let last else { throw lost(row) }
    contents.output = last.output ?? lastHistory?.output
    contents.error = last.error
    contents.cause = last.cause
    if let text = last.resumePoint, let json = try? JSON(parsing: text) {
      contents.resumePoint = ResumePoint(json: json)
    }
    return contents
  }

  func history(of execution: StoredExecution, _ ids: ClosedRange<Int>) throws(APIError) -> HistoryLog {
    var history: HistoryLog?
    var isWhole = true
    try read(execution, from: Int64(ids.lowerBound)) { first, page in
      if history == nil { history = HistoryLog(firstID: first, input: page.input ?? []) }
      isWhole = isWhole && history!.firstID + history!.count == first && page.addEvents(to: &history!, types)
      return isWhole && history!.firstID + history!.count <= ids.upperBound
    }
    guard isWhole, let history, history.firstID <= ids.lowerBound,
      history.firstID + history.count > ids.upperBound
    else { throw lost(abs(execution.row.load(ordering: .relaxed))) }
    return history
  }

  /// Reads pages from the one with an event on, for as long as `body` wants more.
  private func read(
    _ execution: StoredExecution, from event: Int64, _ body: (_ first: Int, Page) -> Bool
  ) throws(APIError) {
    let row = abs(execution.row.load(ordering: .relaxed))
    var isGood = true
    var count = 0
    let place = PackPlace(rawValue: execution.place.load(ordering: .relaxed))
    if let place, place.isInSegment {
      rows.withLock { $0 += 1 }
      guard var entries = segments.entry(at: place).map({ PackReader($0[...]) }),
        let (entry, bytes) = entries.next(), entry.row == row, let page = Page(Array(bytes))
      else { throw lost(row) }
      _ = body(1, page)
      return
    }
    let failure = reader.withLock { reader -> StoreError? in
      guard let reader else { return StoreError(.system, "The store was closed.") }
      if let place {
        do throws(DatabaseFailure) {
          defer { reader.packs.reset() }
          reader.packs.bind(0, place.container)
          count += 1
          guard try reader.packs.step(),
            var pack = PackReader(pack: reader.packs.blob(0), at: place.offset),
            let (entry, bytes) = pack.next(), entry.row == row, let page = Page(Array(bytes))
          else {
            isGood = false
            return nil
          }
          _ = body(1, page)
          return nil
        } catch {
          return StoreError(error, path)
        }
      }
      let statement = reader.statement
      defer { statement.reset() }
      statement.bind(0, PageKey.first(of: row))
      statement.bind(1, PageKey.first(of: row) | min(event, PageKey.lastEvent))
      statement.bind(2, PageKey.last(of: row))
      do throws(DatabaseFailure) {
        while try statement.step() {
          count += 1
          guard let page = Page(statement.blob(1)) else {
            isGood = false
            break
          }
          if !body(max(1, Int(statement.integer(0) & PageKey.lastEvent)), page) { break }
        }
        return nil
      } catch {
        return StoreError(error, path)
      }
    }
    rows.withLock { $0 += count }
    if let failure { throw .unreadable(failure.message) }
    guard isGood else { throw lost(row) }
  }

  private func lost(_ row: Int64) -> APIError {
    .unreadable("The store of \(path) has lost what it kept of an execution (number \(row)).")
  }
}
