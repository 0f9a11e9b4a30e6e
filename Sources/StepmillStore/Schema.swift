import Stepmill
import StepmillServer

// What the database looks like. Each step leads from one version to the next; a new database
// takes them all. Steps are never changed once they were released: a new one is added.
//
//   executions  one short row each: what listings need, read as a whole when the store is opened
//   pages       what takes room: input, history, outcome; see `Page`. The key is the execution's
//               number with the number of the page's first event behind it, so the pages of an
//               execution lie side by side in order.
//   packs       both of short executions that the writer came to, many in one row; see `Pack`. Most
//               executions are in files of their own and not here: see `Segments`
//   revisions   shared by machines, versions and executions
//
// There is no index but the keys: names are found in memory.

enum Schema {
  /// "Stml"; tells our files from others.
  static let applicationID: Int64 = 0x5374_6D6C

  static let steps: [String] = [
    """
    CREATE TABLE event_types(number INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE revisions(
      id INTEGER PRIMARY KEY, definition TEXT NOT NULL, role TEXT NOT NULL, type TEXT NOT NULL,
      settings TEXT NOT NULL, revision TEXT, date INTEGER NOT NULL);
    CREATE TABLE machines(
      region TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
      revision INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY(region, account, name)) WITHOUT ROWID;
    CREATE TABLE activities(
      region TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
      document TEXT NOT NULL, PRIMARY KEY(region, account, name)) WITHOUT ROWID;
    CREATE TABLE owners(
      id INTEGER PRIMARY KEY, region TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
      gone INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE executions(
      id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, revision INTEGER NOT NULL, name TEXT NOT NULL,
      state INTEGER NOT NULL, position INTEGER NOT NULL, started INTEGER NOT NULL, stopped INTEGER,
      events INTEGER NOT NULL, bytes INTEGER NOT NULL, resumable INTEGER NOT NULL, redrives INTEGER NOT NULL,
      redriven INTEGER, tokens TEXT, version TEXT, alias TEXT, trace TEXT, map_run TEXT, items INTEGER);
    CREATE TABLE pages(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
    """,
    // Runs of Distributed Maps, in the order of their making.
    """
    CREATE TABLE map_runs(
      id INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, execution TEXT NOT NULL, document TEXT NOT NULL);
    CREATE INDEX map_runs_of_executions ON map_runs(execution);
    """,
    // Short executions, many in a row; pages of the second form beside those of the first.
    "CREATE TABLE packs(id INTEGER PRIMARY KEY, data BLOB NOT NULL);",
    // The generation of the journal up to which all is in the packs.
    "INSERT INTO meta VALUES('journal', 0);",
    // By which segments are known to belong to this database.
    "INSERT INTO meta VALUES('identity', random());",
  ]

  static var version: Int { steps.count }

  /// Brings a database to the present version.
  ///
  /// - Parameter version: Up to which one; tests make old files with it.
  static func prepare(_ database: Database, _ path: String, upTo version: Int = version) throws(StoreError) {
    do throws(DatabaseFailure) {
      let isEmpty = try database.number("SELECT count(*) FROM sqlite_schema") == 0
      if isEmpty {
        // Only before there is anything; VACUUM would rewrite the whole file. A pack takes three of
        // these pages, each of which is written and locked and looked up as often as a smaller one.
        try database.execute(
          """
          PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL;
          PRAGMA application_id = \(applicationID)
          """)
      }
      try database.execute("PRAGMA journal_mode = WAL")
      guard try database.number("PRAGMA application_id") == applicationID else {
        throw DatabaseFailure(code: foreignCode, message: "")
      }
      try database.execute("BEGIN IMMEDIATE")
      try database.execute(
        "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
      let found = Int(try database.number("SELECT value FROM meta WHERE key = 'schema'") ?? 0)
      guard found <= version else { throw DatabaseFailure(code: newerCode, message: "\(found)") }
      for step in steps[found..<version] { try database.execute(step) }
      if found < version {
        try database.execute("INSERT OR REPLACE INTO meta VALUES('schema', \(version))")
      }
      try database.execute("COMMIT")
    } catch {
      throw storeError(error, path)
    }
  }

  // Codes of our own, beyond SQLite's.
  private static let foreignCode: Int32 = -1
  private static let newerCode: Int32 = -2

  private static func storeError(_ failure: DatabaseFailure, _ path: String) -> StoreError {
    switch failure.code {
    case foreignCode:
      StoreError(
        .foreign, "The file \(path) is a database, but none of Stepmill's. Choose another directory.")
    case newerCode:
      newer(path, "its format is \(failure.message), and this version knows those up to \(version)")
    default: StoreError(failure, path)
    }
  }

  static func newer(_ path: String, _ why: String) -> StoreError {
    StoreError(
      .newer,
      "The database \(path) was written by a newer version of Stepmill (\(why)). Use that version, or choose "
        + "another directory.")
  }
}

/// The numbers of event types in the file, which stay when the program's own numbers change.
struct EventTypeNumbers {
  /// By the program's number, the file's; and the other way round.
  private(set) var stored = [UInt8](repeating: 0, count: 256)
  private(set) var known = [UInt8](repeating: 0, count: 256)
  private(set) var areSame = true

  init(_ database: Database, _ path: String) throws(StoreError) {
    do throws(DatabaseFailure) {
      var names: [String: Int64] = [:]
      let rows = try database.prepare("SELECT number, name FROM event_types")
      while try rows.step() { names[rows.text(1)] = rows.integer(0) }
      var next = (names.values.max() ?? -1) + 1
      for (number, type) in HistoryLog.types.enumerated() {
        let stored: Int64
        if let name = names.removeValue(forKey: type.rawValue) {
          stored = name
        } else {
          stored = next
          next += 1
          let insert = try database.prepare("INSERT INTO event_types VALUES(?, ?)")
          insert.bind(0, stored)
          insert.bind(1, type.rawValue)
          try insert.run()
        }
        self.stored[number] = UInt8(clamping: stored)
        known[Int(UInt8(clamping: stored))] = UInt8(number)
        if stored != Int64(number) { areSame = false }
      }
      guard let unknown = names.keys.sorted().first else { return }
      throw DatabaseFailure(code: 0, message: unknown)
    } catch {
      if error.code == 0 { throw Schema.newer(path, "it knows events of the type \(error.message)") }
      throw StoreError(error, path)
    }
  }
}
