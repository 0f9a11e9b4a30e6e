import CIntrinsics

/// Several of a thing, of which each thread always takes the same: so that threads that come often
/// do not write to the same cache line. The thing should fill a pair of them.
///
/// Who may touch what: the things are made here and only read from then on; what they hold is
/// theirs to guard.
final class Striped<Element: ~Copyable & Sendable>: @unchecked Sendable {
  static var count: Int { 16 }

  private let elements: UnsafeMutablePointer<Element>
  private let mask: Int

  /// - Parameter isWhole: There is one for all.
  init(isWhole: Bool = false, _ make: () -> Element) {
    mask = isWhole ? 0 : Self.count - 1
    elements = .allocate(capacity: mask + 1)
    for place in 0...mask { (elements + place).initialize(to: make()) }
  }

  deinit {
    elements.deinitialize(count: mask + 1)
    elements.deallocate()
  }

  var isStriped: Bool { mask > 0 }

  /// The calling thread's.
  @inline(__always)
  var own: Element {
    unsafeAddress { UnsafePointer(elements + (Int(stepmill_thread_number()) & mask)) }
  }

  func visit(_ body: (borrowing Element) -> Void) {
    for place in 0...mask { body(elements[place]) }
  }
}
