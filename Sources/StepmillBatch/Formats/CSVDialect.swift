/// How a CSV text is to be read.
package struct CSVDialect: Sendable, Equatable {
  package enum Delimiter: UInt8, Sendable, CaseIterable {
    case comma = 0x2C
    case pipe = 0x7C
    case semicolon = 0x3B
    case space = 0x20
    case tab = 0x09

    /// By the name that definitions use: `COMMA` and so on.
    package init?(name: String) {
      switch name {
      case "COMMA": self = .comma
      case "PIPE": self = .pipe
      case "SEMICOLON": self = .semicolon
      case "SPACE": self = .space
      case "TAB": self = .tab
      default: return nil
      }
    }
  }

  package enum Headers: Sendable, Equatable {
    case firstRow
    case given([String])
  }

  /// In which order a row's members stand.
  package enum Order: Sendable {
    /// As the columns.
    case columns
    /// As the service gives them: as Java's `HashMap` iterates over the names.
    case service
  }

  package var delimiter: Delimiter
  package var headers: Headers
  package var order: Order

  package init(delimiter: Delimiter = .comma, headers: Headers = .firstRow, order: Order = .columns) {
    self.delimiter = delimiter
    self.headers = headers
    self.order = order
  }
}

extension CSVDialect.Order {
  /// The columns in the order in which they are written.
  func arrange(_ names: [String]) -> [Int] {
    guard self == .service else { return Array(names.indices) }
    var capacity: UInt32 = 16
    while names.count * 4 > Int(capacity) * 3 { capacity *= 2 }
    let buckets = names.map { name in
      var hash: UInt32 = 0
      for unit in name.utf16 { hash = hash &* 31 &+ UInt32(unit) }
      return (hash ^ (hash >> 16)) & (capacity - 1)
    }
    return names.indices.sorted { (buckets[$0], $0) < (buckets[$1], $1) }
  }
}
