import CSQLite

/// Why a store cannot be opened, or could not write everything before it was closed: a text for
/// whoever runs the server, which names the place and the way out.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    case noDirectory, notWritable, inUse, locked, damaged, foreign, newer, full, system
  }

  package let kind: Kind
  package let message: String
  package var description: String { message }

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// What SQLite said about a file, in plain words.
  init(_ failure: DatabaseFailure, _ path: String) {
    switch failure.primaryCode {
    case SQLITE_FULL:
      self.init(
        .full, "The disk is full: \(path) cannot grow. Free some space; nothing else needs to be done.")
    case SQLITE_BUSY, SQLITE_LOCKED:
      self.init(
        .locked,
        "The database \(path) is locked by another program. Close whatever has it open, such as a `sqlite3` "
          + "with a transaction under way.")
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      self.init(
        .damaged,
        "The database \(path) is damaged (\(failure.message)). Put back a copy of it, or move it away to begin "
          + "with an empty store; `sqlite3 \(path) .recover` prints what can still be read.")
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN, SQLITE_AUTH:
      self.init(
        .notWritable,
        "The database \(path) cannot be written (\(failure.message)). Give this user the right to write to it "
          + "and to its directory, or choose another directory.")
    default:
      self.init(.system, "The database \(path) does not work: \(failure.message) (code \(failure.code)).")
    }
  }
}

/// What acknowledged changes survive.
package enum Durability: String, Sendable, CaseIterable {
  /// The end of the process, however sudden. A loss of power may take the last seconds with it,
  /// but leaves a whole database.
  case process
  /// A loss of power too: each batch waits for the disk.
  case power
}

/// What whoever runs a store should hear of.
package enum StoreNotice: Sendable {
  /// Something could not be read when it was opened, and was passed over.
  case passedOver(String)
  /// From now on changes are refused, and why.
  case refuses(String)
  /// They are taken again.
  case takes
}

/// How a store is.
package struct StoreHealth: Sendable {
  /// Why changes are refused; nil: all is well.
  package var problem: String?
  /// The last thing that went wrong, even if it is mended.
  package var lastError: String?
  /// How often writing failed.
  package var failures: UInt64 = 0
  /// Changes that wait to be written.
  package var queueDepth = 0
  /// Answers that wait for that.
  package var waiters = 0
  /// Executions that are to be removed from the disk.
  package var removals = 0
  package var rowsWritten: UInt64 = 0
  package var transactions: UInt64 = 0
  /// The size of the database, in bytes, its journal not included.
  package var bytes: Int64 = 0

  /// Changes are taken.
  package var isReady: Bool { problem == nil }
}
