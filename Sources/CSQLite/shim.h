// SQLite (Debian: libsqlite3-dev), and adapters for what Swift does not see of it.
#ifndef STEPMILL_CSQLITE_H
#define STEPMILL_CSQLITE_H

#include <sqlite3.h>

// A text is copied; a blob must stay where it is until the statement is reset.
static inline int stepmill_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int count) {
  return sqlite3_bind_text(statement, index, text, count, SQLITE_TRANSIENT);
}
static inline int stepmill_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int count) {
  return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_STATIC);
}

#endif
