import Stepmill

/// Executions by their names: a table of references, probed from the place that the hash says.
///
/// The hashes are beside them, so that neither growing nor searching touches executions that are
/// meant to be left alone; a million that wait are anywhere but in the cache. What is behind a
/// removed one moves up, so a table through which executions pass, as many as ever coming and
/// going, neither fills with places that are free only for some nor is ever made anew.
struct NameTable: ~Copyable {
  private var hashes: [UInt32] = []
  private var places: [StoredExecution?] = []
  private(set) var count = 0

  private static let empty: UInt32 = 0

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

  var all: [StoredExecution] { places.compactMap { $0 } }

  subscript(name: ExecutionName) -> StoredExecution? {
    place(Self.hash(name)) { $0.label == name }.flatMap { places[$0] }
  }

  func contains(_ execution: StoredExecution) -> Bool {
    place(Self.hash(execution.label)) { $0 === execution } != nil
  }

  private func place(_ hash: UInt32, where matches: (StoredExecution) -> Bool) -> Int? {
    guard !hashes.isEmpty else { return nil }
    var place = Int(hash) & (hashes.count - 1)
    while hashes[place] != Self.empty {
      if hashes[place] == hash, let found = places[place], matches(found) { return place }
      place = (place + 1) & (hashes.count - 1)
    }
    return nil
  }

  /// Adds one. Gives the one that has the name already, and adds nothing, if there is one.
  mutating func insert(_ execution: StoredExecution, _ hash: UInt32) -> StoredExecution? {
    if (count + 1) * 3 > hashes.count * 2 { grow() }
    var place = Int(hash) & (hashes.count - 1)
    while hashes[place] != Self.empty {
      if hashes[place] == hash, let known = places[place], known.label == execution.label { return known }
      place = (place + 1) & (hashes.count - 1)
    }
    hashes[place] = hash
    places[place] = execution
    count += 1
    return nil
  }

  /// False if it is not there.
  mutating func remove(_ execution: StoredExecution) -> Bool {
    guard var free = place(Self.hash(execution.label), where: { $0 === execution }) else { return false }
    places[free] = nil
    let mask = hashes.count - 1
    var next = (free + 1) & mask
    while hashes[next] != Self.empty {
      // It may move up as far as the place that its hash says.
      let home = Int(hashes[next]) & mask
      if (next - home) & mask >= (next - free) & mask {
        hashes[free] = hashes[next]
        places.swapAt(free, next)
        free = next
      }
      next = (next + 1) & mask
    }
    hashes[free] = Self.empty
    count -= 1
    return true
  }

  private mutating func grow() {
    let size = max(16, hashes.count * 2)
    var newHashes = [UInt32](repeating: Self.empty, count: size)
    var newPlaces = [StoredExecution?](repeating: nil, count: size)
    for old in hashes.indices where hashes[old] != Self.empty {
      var place = Int(hashes[old]) & (size - 1)
      while newHashes[place] != Self.empty { place = (place + 1) & (size - 1) }
      newHashes[place] = hashes[old]
      // Moved, not copied: nobody's count changes.
      swap(&newPlaces[place], &places[old])
    }
    hashes = newHashes
    places = newPlaces
  }
}
