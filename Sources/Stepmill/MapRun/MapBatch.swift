// Grouping items into the inputs of children.

/// The items of the next child, as they gather.
///
/// A batch is complete when one more item would take it over one of its bounds. Bytes are those
/// of the child's whole input as it is written: `{"BatchInput":…,"Items":[…]}`.
package struct MapBatch: Sendable {
  private let itemsMax: Int
  private let bytesMax: Int
  private let input: JSON?
  private let emptyBytes: Int
  private var items: [JSON] = []
  private var bytes: Int

  /// - Parameters:
  ///   - itemsMax: Nil: no bound.
  ///   - bytesMax: Of the child's input.
  ///   - input: `BatchInput`, which every child gets.
  package init(itemsMax: Int?, bytesMax: Int, input: JSON?) {
    self.itemsMax = max(itemsMax ?? .max, 1)
    self.bytesMax = bytesMax
    self.input = input
    // {"Items":[]} or {"BatchInput":…,"Items":[]}
    emptyBytes = 12 + (input.map { 14 + $0.withValue { $0.serializedSize } } ?? 0)
    bytes = emptyBytes
  }

  package var count: Int { items.count }
  package var isFull: Bool { items.count >= itemsMax }

  package enum Addition: Equatable, Sendable {
    case added
    /// It belongs to the next batch; this one is complete.
    case full
    /// It fits into no batch at all.
    case tooLarge
  }

  package mutating func add(_ item: JSON) -> Addition {
    guard !isFull else { return .full }
    let size = item.withValue { $0.serializedSize(upTo: bytesMax) }
    guard emptyBytes + size <= bytesMax else { return .tooLarge }
    let more = size + (items.isEmpty ? 0 : 1)
    guard bytes + more <= bytesMax else { return .full }
    items.append(item)
    bytes += more
    return .added
  }

  /// The input of the child; the batch is empty again.
  package mutating func take() -> (input: JSON, itemCount: Int) {
    defer {
      items.removeAll(keepingCapacity: true)
      bytes = emptyBytes
    }
    var members: [(key: String, value: JSON)] = []
    if let input { members.append(("BatchInput", input)) }
    members.append(("Items", JSON(items)))
    return (JSON(members: members), items.count)
  }
}
