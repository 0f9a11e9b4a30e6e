/// What the parts of an expression came to in one evaluation, in the order in which their
/// evaluation began. The program must be compiled with `JSONataOptions.traces`.
final class JSONataTrace {
  struct Entry {
    var node: Int
    var level: Int
    /// The value as JSON text, `undefined`, or what else it was.
    var value: String
  }

  private(set) var entries: [Entry] = []
  /// Entries beyond `entriesMax` that were dropped.
  private(set) var omitted = 0
  /// The entries of the parts that are under way; -1 for one that was dropped.
  private var open: [Int] = []
  private let entriesMax: Int

  init(entriesMax: Int = 10_000) {
    self.entriesMax = entriesMax
  }

  func enter(_ node: Int) {
    guard entries.count < entriesMax else {
      omitted += 1
      open.append(-1)
      return
    }
    entries.append(Entry(node: node, level: open.count, value: ""))
    open.append(entries.count - 1)
  }

  func leave(_ value: String) {
    guard let index = open.popLast(), index >= 0 else { return }
    entries[index].value = value
  }
}
