import CSQLite

// SQLite's connections and statements, as far as the store needs them.

/// What SQLite said when something did not work.
struct DatabaseFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The extended code.
  let code: Int32
  let message: String

  /// The code without what extends it.
  var primaryCode: Int32 { code & 0xFF }
  var description: String { message }
}

/// A connection. It belongs to one thread at a time; whoever shares it holds a lock.
@safe final class Database {
  private let handle: OpaquePointer
  private(set) var isOpen = true

  init(_ path: String, mayCreate: Bool) throws(DatabaseFailure) {
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (mayCreate ? SQLITE_OPEN_CREATE : 0)
    let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard let opened = unsafe opened else {
      throw DatabaseFailure(code: code, message: unsafe String(cString: sqlite3_errstr(code)))
    }
    unsafe handle = opened
    unsafe sqlite3_extended_result_codes(opened, 1)
    guard code == SQLITE_OK else {
      let failure = failure(code)
      close()
      throw failure
    }
  }

  deinit { close() }

  /// Closes the connection; statements that are still there keep it until they go.
  func close() {
    guard isOpen else { return }
    isOpen = false
    unsafe sqlite3_close_v2(handle)
  }

  func failure(_ code: Int32) -> DatabaseFailure {
    let extended = unsafe sqlite3_extended_errcode(handle)
    return DatabaseFailure(
      code: extended == SQLITE_OK ? code : extended, message: unsafe String(cString: sqlite3_errmsg(handle)))
  }

  /// Runs statements whose rows nobody wants.
  func execute(_ sql: String) throws(DatabaseFailure) {
    let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
    if code != SQLITE_OK { throw failure(code) }
  }

  func prepare(_ sql: String) throws(DatabaseFailure) -> Statement {
    var statement: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement = unsafe statement else { throw failure(code) }
    return unsafe Statement(statement, of: self)
  }

  /// The number that a query gives in its first row.
  func number(_ sql: String) throws(DatabaseFailure) -> Int64? {
    let statement = try prepare(sql)
    return try statement.step() ? statement.integer(0) : nil
  }

  /// A transaction is open.
  var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

  /// How long to wait for others who hold the database.
  func wait(milliseconds: Int32) { unsafe sqlite3_busy_timeout(handle, milliseconds) }
}

/// A prepared statement. Columns and parameters are counted from 0.
@safe final class Statement {
  private let handle: OpaquePointer
  private let database: Database

  fileprivate init(_ handle: OpaquePointer, of database: Database) {
    unsafe self.handle = handle
    self.database = database
  }

  deinit { unsafe sqlite3_finalize(handle) }

  // MARK: Parameters

  func bind(_ index: Int32, _ number: Int64) { unsafe sqlite3_bind_int64(handle, index + 1, number) }

  func bind(_ index: Int32, _ number: Int64?) {
    if let number { bind(index, number) } else { unsafe sqlite3_bind_null(handle, index + 1) }
  }

  func bind(_ index: Int32, _ text: String) {
    var text = text
    text.withUTF8 { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
        // Nil would bind NULL.
        if let start = bytes.baseAddress {
          _ = unsafe stepmill_sqlite_bind_text(handle, index + 1, start, Int32(bytes.count))
        } else {
          _ = unsafe stepmill_sqlite_bind_text(handle, index + 1, "", 0)
        }
      }
    }
  }

  func bind(_ index: Int32, _ text: String?) {
    if let text { bind(index, text) } else { unsafe sqlite3_bind_null(handle, index + 1) }
  }

  // MARK: Running

  /// Goes on to the next row. False when there is none.
  func step() throws(DatabaseFailure) -> Bool {
    let code = unsafe sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let failure = database.failure(code)
      unsafe sqlite3_reset(handle)
      throw failure
    }
  }

  /// Ready to be run again.
  func reset() { unsafe sqlite3_reset(handle) }

  /// Runs a statement without rows.
  func run() throws(DatabaseFailure) {
    defer { reset() }
    _ = try step()
  }

  /// Runs a statement whose last parameter is a blob.
  func run(_ index: Int32, blob: borrowing [UInt8]) throws(DatabaseFailure) {
    let code = unsafe blob.withUnsafeBytes { bytes in
      _ = unsafe stepmill_sqlite_bind_blob(handle, index + 1, bytes.baseAddress, Int32(bytes.count))
      return unsafe sqlite3_step(handle)
    }
    let failure = code == SQLITE_DONE ? nil : database.failure(code)
    unsafe sqlite3_reset(handle)
    if let failure { throw failure }
  }

  // MARK: Columns

  func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }
  func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }
  func integerIfAny(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  func text(_ column: Int32) -> String {
    guard let text = unsafe sqlite3_column_text(handle, column) else { return "" }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
  }

  func textIfAny(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

  func blob(_ column: Int32) -> [UInt8] {
    guard let bytes = unsafe sqlite3_column_blob(handle, column) else { return [] }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
  }
}
