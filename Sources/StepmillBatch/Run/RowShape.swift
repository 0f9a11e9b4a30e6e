import Stepmill

/// What becomes of rows on their way into executions.
///
/// A row is an execution's input as it is. With parameters it is `{"Row":…,"Params":{…}}`. Rows
/// that go in together are `{"Items":[…]}`, with parameters as `BatchInput`, as an ItemBatcher
/// of a Distributed Map has it.
package struct RowShape: Sendable, Equatable {
  /// Rows that go into one execution; nil: each has its own.
  package var batch: Int?
  /// What stands beside every row, in this order.
  package var parameters: [(name: String, value: JSON)]

  package init(batch: Int? = nil, parameters: [(name: String, value: JSON)] = []) {
    self.batch = batch
    self.parameters = parameters
  }

  package static func == (left: RowShape, right: RowShape) -> Bool { left.json == right.json }

  /// For comparing runs.
  package var json: JSON {
    [
      "batch": batch.map { JSON($0) } ?? .null,
      "parameters": JSON(members: parameters.map { ($0.name, $0.value) }),
    ]
  }

  /// Rows for which one execution stands.
  package var rowsPerStart: Int { batch ?? 1 }
  var isPlain: Bool { batch == nil && parameters.isEmpty }

  private var parameterText: [UInt8] { JSON(members: parameters.map { ($0.name, $0.value) }).utf8 }

  /// The text in front of rows, and behind them.
  var frame: (head: [UInt8], tail: [UInt8]) {
    if batch != nil {
      let head =
        parameters.isEmpty
        ? Array("{".utf8) : Array(#"{"BatchInput":"#.utf8) + parameterText + Array(",".utf8)
      return (head + Array(#""Items":["#.utf8), Array("]}".utf8))
    }
    return (Array(#"{"Row":"#.utf8), Array(#","Params":"#.utf8) + parameterText + Array("}".utf8))
  }
}

/// Puts rows into their shape.
struct RowShaper: ~Copyable {
  private let head: [UInt8]
  private let tail: [UInt8]
  private let batch: Int
  private var open = LineBuffer()
  private var openRows = 0

  init(_ shape: RowShape) {
    (head, tail) = shape.frame
    batch = shape.rowsPerStart
  }

  /// Shapes the rows from `first` on, until `target` is full. Returns where to go on.
  mutating func shape(_ rows: borrowing RowBuffer, from first: Int, into target: inout RowBuffer) -> Int {
    var row = first
    while row < rows.rowCount, !target.isFull {
      if openRows == 0 {
        open.removeAll()
        open.append(head)
      } else {
        open.append(",")
      }
      rows.withText(of: row) { open.append($0) }
      openRows += 1
      row += 1
      if openRows == batch { close(&target) }
    }
    return row
  }

  /// The last ones may be fewer.
  mutating func finish(into target: inout RowBuffer) {
    if openRows > 0 { close(&target) }
  }

  private mutating func close(_ target: inout RowBuffer) {
    open.append(tail)
    open.withBytes { target.append($0) }
    openRows = 0
  }
}
