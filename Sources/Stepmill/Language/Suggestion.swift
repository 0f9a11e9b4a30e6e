// "Did you mean …?": the known name nearest to one that is unknown.

package enum Suggestion {
  /// Longer names are not compared: the work grows with the square of the length.
  private static let lengthMax = 100

  /// The candidate nearest to `name`, if one is near enough to be what was meant.
  package static func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.utf8.prefix(lengthMax + 1))
    guard wanted.count <= lengthMax, !wanted.isEmpty else { return nil }
    let lowered = wanted.map(lowercase)
    var best: String?
    // A third of the name may differ, by whole edits; any letter is near to any other.
    var bestDistance = (wanted.count < 3 ? 0 : max(1, wanted.count / 3)) + 1
    for candidate in candidates {
      let other = candidate.utf8
      guard abs(other.count - wanted.count) < bestDistance, other.count <= lengthMax else { continue }
      let distance = editDistance(lowered, other.map(lowercase))
      if distance < bestDistance || (distance == bestDistance && candidate < best ?? "") {
        bestDistance = distance
        best = candidate
      }
    }
    return best
  }

  /// A difference in case alone costs nothing, so that `nExt` finds `Next`.
  private static func lowercase(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
  }

  /// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
  private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    var current = last
    for (i, a) in left.enumerated() {
      current[0] = i + 1
      for (j, b) in right.enumerated() {
        var cost = min(last[j] + (a == b ? 0 : 1), last[j + 1] + 1, current[j] + 1)
        if i > 0, j > 0, a == right[j - 1], left[i - 1] == b { cost = min(cost, beforeLast[j - 1] + 1) }
        current[j + 1] = cost
      }
      (beforeLast, last, current) = (last, current, beforeLast)
    }
    return last[right.count]
  }
}
