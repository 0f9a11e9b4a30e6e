import CIntrinsics
import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Executions by their names: a table of references, probed from the place that the hash says.
///
/// The hash is beside each, so that neither growing nor searching touches executions that are
/// meant to be left alone; a million that wait are anywhere but in the cache. What is behind a
/// removed one moves up, so a table through which executions pass, as many as ever coming and
/// going, neither fills with places that are free only for some nor is ever made anew.
@safe struct NameTable: ~Copyable {
  /// Sixteen bytes: a probe should not wait for memory twice.
  @safe private struct Place: BitwiseCopyable {
    /// 0: it is free.
    var hash: UInt32 = 0
    /// Retained.
    var execution: Unmanaged<StoredExecution>?

    func holds(_ execution: StoredExecution) -> Bool {
      unsafe self.execution?.toOpaque() == Unmanaged.passUnretained(execution).toOpaque()
    }
  }

  private var places = unsafe UnsafeMutableBufferPointer<Place>(start: nil, count: 0)
  private(set) var count = 0

  init() {}

  deinit {
    for index in unsafe places.indices { unsafe places[index].execution?.release() }
    unsafe places.deallocate()
  }

  private static let seed = UInt64.random(in: 0...(.max))

  static func hash(_ name: ExecutionName) -> UInt32 {
    let hash: UInt64
    switch name {
    case .number(let number):
      // Random as a rule; and clients who choose theirs do not know the seed.
      let low = (number.low ^ seed) &* 0x9E37_79B9_7F4A_7C15
      hash = (low ^ low &>> 32 ^ number.high) &* (seed | 1)
    case .text(let text): hash = UInt64(bitPattern: Int64(text.hashValue))
    }
    return max(1, UInt32(truncatingIfNeeded: hash &>> 32))
  }

  var all: [StoredExecution] { unsafe places.compactMap { unsafe $0.execution?.takeUnretainedValue() } }

  subscript(name: ExecutionName) -> StoredExecution? {
    place(Self.hash(name)) { unsafe $0.execution?._withUnsafeGuaranteedRef { $0.label == name } == true }
      .flatMap { unsafe places[$0].execution?.takeUnretainedValue() }
  }

  private func place(_ hash: UInt32, where matches: (Place) -> Bool) -> Int? {
    guard unsafe !places.isEmpty else { return nil }
    let mask = unsafe places.count &- 1
    var place = Int(hash) & mask
    while unsafe places[place].hash != 0 {
      if unsafe places[place].hash == hash, unsafe matches(places[place]) { return place }
      place = (place &+ 1) & mask
    }
    return nil
  }

  /// Adds one. Gives the one that has the name already, and adds nothing, if there is one.
  mutating func insert(_ execution: StoredExecution, _ hash: UInt32) -> StoredExecution? {
    if unsafe (count + 1) * 3 > places.count * 2 { grow() }
    let mask = unsafe places.count &- 1
    var place = Int(hash) & mask
    while unsafe places[place].hash != 0 {
      if unsafe places[place].hash == hash, let known = unsafe places[place].execution,
        unsafe known._withUnsafeGuaranteedRef({ $0.label == execution.label })
      {
        return unsafe known.takeUnretainedValue()
      }
      place = (place &+ 1) & mask
    }
    unsafe places[place] = Place(hash: hash, execution: .passRetained(execution))
    count += 1
    return nil
  }

  /// False if it is not there.
  mutating func remove(_ execution: StoredExecution, _ hash: UInt32) -> Bool {
    guard var free = place(hash, where: { $0.holds(execution) }) else { return false }
    unsafe places[free].execution?.release()
    let mask = unsafe places.count &- 1
    var next = (free &+ 1) & mask
    while unsafe places[next].hash != 0 {
      // It may move up as far as the place that its hash says.
      let home = Int(unsafe places[next].hash) & mask
      if (next &- home) & mask >= (next &- free) & mask {
        unsafe places[free] = places[next]
        free = next
      }
      next = (next &+ 1) & mask
    }
    unsafe places[free] = Place()
    count -= 1
    return true
  }

  /// Calls for the place where the probe for a hash begins.
  func prefetch(_ hash: UInt32) {
    guard unsafe !places.isEmpty else { return }
    unsafe stepmill_prefetch(places.baseAddress.unsafelyUnwrapped + Int(hash) & (places.count &- 1))
  }

  private mutating func grow() {
    let new = unsafe Self.places(max(16, places.count * 2))
    let mask = new.count &- 1
    for index in unsafe places.indices where unsafe places[index].hash != 0 {
      let old = unsafe places[index]
      var place = Int(old.hash) & mask
      while unsafe new[place].hash != 0 { place = (place &+ 1) & mask }
      unsafe new[place] = old
    }
    unsafe places.deallocate()
    unsafe places = new
  }

  /// Free ones. Large tables lie in large pages, where there are any: with small ones each probe
  /// would wait for the translation of an address, too.
  private static func places(_ count: Int) -> UnsafeMutableBufferPointer<Place> {
    let (bytes, page) = (count * MemoryLayout<Place>.stride, 2 << 20)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: bytes < page ? 16 : page)
    if bytes >= page { unsafe madvise(memory, bytes, MADV_HUGEPAGE) }
    let new = unsafe UnsafeMutableBufferPointer(
      start: memory.bindMemory(to: Place.self, capacity: count), count: count)
    unsafe new.initialize(repeating: Place())
    return unsafe new
  }
}
