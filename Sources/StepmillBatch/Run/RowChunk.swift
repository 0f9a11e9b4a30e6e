import Stepmill
import Synchronization

/// Rows on their way from the reader through the loops: kept until the last of them has ended,
/// since a failure shows its input.
final class RowChunk: @unchecked Sendable {
  // Filled by the reader; then constant but for `next` (behind the run's lock) and `left`, until
  // the last of its rows has ended and the reader has it again.

  @exclusivity(unchecked) private(set) var rows: RowBuffer
  /// The number of the first row among all.
  @exclusivity(unchecked) private(set) var first = 0
  /// How many of the rows count: a limit may cut the last chunk.
  @exclusivity(unchecked) private(set) var count = 0
  /// Rows that do not run; nil where all do.
  @exclusivity(unchecked) private(set) var isLeftOut: [Bool]?
  /// What results call the rows, where it is not their numbers.
  @exclusivity(unchecked) private(set) var labels: [Int]?
  /// The first row that has not been started.
  @exclusivity(unchecked) private(set) var next = 0
  /// Rows that have not ended.
  let left = Atomic<Int>(0)
  @exclusivity(unchecked) private(set) var footprint = 0

  /// Tags name a chunk by its address, and a row of it by its place.
  static let placeBits = 12
  static let rowsMax = 64

  init(rowBytes: Int) { rows = RowBuffer(rowsMax: Self.rowsMax, capacity: rowBytes) }

  /// Takes rows, and gives its memory for more in exchange.
  func fill(_ rows: inout RowBuffer, first: Int, count: Int, isLeftOut: [Bool]?, labels: [Int]?) {
    swap(&self.rows, &rows)
    rows.removeAll()
    footprint = self.rows.footprint
    self.first = first
    self.count = count
    self.isLeftOut = isLeftOut
    self.labels = labels
    next = 0
    left.store(isLeftOut.map { $0.prefix(count).count { !$0 } } ?? count, ordering: .relaxed)
    skipLeftOut()
  }

  /// Whether there are rows to be started.
  var isExhausted: Bool { next >= count }

  private func skipLeftOut() {
    guard let isLeftOut else { return }
    while next < count, isLeftOut[next] { next += 1 }
  }

  /// Takes the next rows that stand side by side, at most so many.
  func take(_ most: Int) -> Range<Int> {
    let start = next
    while next < count, next - start < most, isLeftOut?[next] != true { next += 1 }
    let taken = start..<next
    skipLeftOut()
    return taken
  }

  /// The text of some rows.
  func lines(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    let begin = rows.range(of: range.lowerBound).lowerBound
    let end = rows.range(of: range.upperBound - 1).upperBound + 1
    return UnsafeRawBufferPointer(rebasing: rows.text[begin..<end])
  }

  /// The tag of a row. The chunk is kept by whoever counts `left`.
  func tag(_ place: Int) -> UInt64 {
    UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())) << UInt64(Self.placeBits)
      | UInt64(place)
  }

  @inline(__always)
  static func chunk(_ tag: UInt64) -> Unmanaged<RowChunk> {
    Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: UInt(tag >> UInt64(placeBits))).unsafelyUnwrapped)
  }

  @inline(__always)
  static func place(_ tag: UInt64) -> Int { Int(tag & (1 << UInt64(placeBits) - 1)) }
}
