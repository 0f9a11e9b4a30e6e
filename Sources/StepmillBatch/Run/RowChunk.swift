import Stepmill
import Synchronization

/// Rows on their way from the reader through the loops: kept until the last of them has ended,
/// since a failure shows its input.
final class RowChunk: @unchecked Sendable {
  // Filled by the reader; then constant but for `next` (behind the run's lock) and `left`, until
  // the last of its rows has ended and the reader has it again.

  private struct Content: ~Copyable {
    var rows: RowBuffer
    var first = 0
    var count = 0
    var isLeftOut: [Bool]?
    var labels: [Int]?
    var next = 0
    var footprint = 0
  }
  /// What checking each access would cost is felt here.
  @exclusivity(unchecked) private var content: Content
  /// Rows that have not ended.
  let left = Atomic<Int>(0)
  private let back = Distance()

  static let rowsMax = 64

  init(rowBytes: Int) { unsafe content = Content(rows: RowBuffer(rowsMax: Self.rowsMax, capacity: rowBytes)) }

  /// The number of the first row among all.
  var first: Int { unsafe content.first }
  /// How many of the rows count: a limit may cut the last chunk.
  var count: Int { unsafe content.count }
  /// What results call the rows, where it is not their numbers.
  var labels: [Int]? { unsafe content.labels }
  /// The first row that has not been started.
  var next: Int { unsafe content.next }
  /// Bytes of memory that it takes.
  var footprint: Int { unsafe content.footprint }

  /// Whether a row does not run.
  func isLeftOut(_ place: Int) -> Bool { unsafe content.isLeftOut?[place] == true }

  func text(of place: Int) -> [UInt8] { unsafe content.rows.text(of: place) }

  /// The lines of some rows, at an address that stays theirs until the last row has ended.
  @unsafe func lines(_ places: Range<Int>) -> RowLines { unsafe content.rows.lines(places) }

  /// Takes rows, and gives its memory for more in exchange.
  func fill(_ rows: inout RowBuffer, first: Int, count: Int, isLeftOut: [Bool]?, labels: [Int]?) {
    unsafe swap(&content.rows, &rows)
    rows.removeAll()
    unsafe content.footprint = content.rows.footprint
    unsafe content.first = first
    unsafe content.count = count
    unsafe content.isLeftOut = isLeftOut
    unsafe content.labels = labels
    unsafe content.next = 0
    left.store(isLeftOut.map { $0.prefix(count).count { !$0 } } ?? count, ordering: .relaxed)
    skipLeftOut()
  }

  /// Whether there are no more rows to be started.
  var isExhausted: Bool { next >= count }

  private func skipLeftOut() {
    while !isExhausted, isLeftOut(next) { unsafe content.next += 1 }
  }

  /// Takes the next rows that stand side by side, at most so many.
  func take(_ most: Int) -> Range<Int> {
    let start = next
    while !isExhausted, next - start < most, !isLeftOut(next) { unsafe content.next += 1 }
    let taken = start..<next
    skipLeftOut()
    return taken
  }
}

/// A chunk under way, by its address: counting references for each row would cost more than
/// most of what is done for it.
///
/// `keep` makes a chunk stay, and whoever counts its last row out (`left`) releases it. Until
/// then, and for nobody else, a reference is good. That is what `@safe` stands on.
@safe struct RowChunkReference: Equatable {
  private let chunk: Unmanaged<RowChunk>

  /// Tags name a chunk by its address, and a row of it by its place.
  private static let placeBits: UInt64 = 12

  init(_ chunk: RowChunk) { unsafe self.chunk = Unmanaged.passUnretained(chunk) }

  /// The chunk of a row that has been started.
  @inline(__always)
  init(tag: UInt64) {
    unsafe chunk = Unmanaged.fromOpaque(
      UnsafeRawPointer(bitPattern: UInt(tag >> Self.placeBits)).unsafelyUnwrapped)
  }

  @inline(__always)
  static func place(tag: UInt64) -> Int { Int(tag & (1 << placeBits - 1)) }

  func tag(_ place: Int) -> UInt64 {
    unsafe UInt64(UInt(bitPattern: chunk.toOpaque())) << Self.placeBits | UInt64(place)
  }

  @inline(__always)
  static func == (left: Self, right: Self) -> Bool {
    unsafe left.chunk.toOpaque() == right.chunk.toOpaque()
  }

  /// Makes the chunk stay until it is released.
  static func keep(_ chunk: RowChunk) -> RowChunkReference {
    _ = unsafe Unmanaged.passRetained(chunk)
    return RowChunkReference(chunk)
  }

  func release() -> RowChunk { unsafe chunk.takeRetainedValue() }

  @inline(__always)
  func with<Result>(_ body: (RowChunk) -> Result) -> Result {
    unsafe chunk._withUnsafeGuaranteedRef { body($0) }
  }
}
