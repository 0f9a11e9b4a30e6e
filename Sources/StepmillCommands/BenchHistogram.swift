/// Counts of durations in logarithmic buckets: 64 to each power of two, so that a figure is
/// off by 1.6 % at most, over the whole range of nanoseconds, in constant memory.
public struct LatencyHistogram: Sendable {
  /// Buckets to a power of two, as a power of two.
  private static let precisionBits = 6
  private static let bucketCount = (64 - precisionBits + 1) << precisionBits

  private var counts = [UInt64](repeating: 0, count: bucketCount)
  /// How many durations have been noted.
  public private(set) var total: UInt64 = 0
  public private(set) var least = UInt64.max
  public private(set) var greatest: UInt64 = 0
  private var sum = 0.0

  public init() {}

  public mutating func note(_ nanoseconds: UInt64) {
    counts[Self.bucket(of: nanoseconds)] &+= 1
    total &+= 1
    least = min(least, nanoseconds)
    greatest = max(greatest, nanoseconds)
    sum += Double(nanoseconds)
  }

  public mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] &+= other.counts[index] }
    total &+= other.total
    least = min(least, other.least)
    greatest = max(greatest, other.greatest)
    sum += other.sum
  }

  public mutating func removeAll() { self = LatencyHistogram() }

  public var mean: Double { total == 0 ? 0 : sum / Double(total) }

  /// The duration that this share (0 to 1) of all did not exceed; 0 where there are none.
  public func quantile(_ share: Double) -> UInt64 {
    guard total > 0 else { return 0 }
    let rank = max(1, UInt64((Double(total) * min(max(share, 0), 1)).rounded(.up)))
    var seen: UInt64 = 0
    for (index, count) in counts.enumerated() where count > 0 {
      seen += count
      if seen >= rank { return min(max(Self.upperBound(of: index), least), greatest) }
    }
    return greatest
  }

  /// Buckets that hold something, as ranges of nanoseconds with their counts.
  public var buckets: [(range: ClosedRange<UInt64>, count: UInt64)] {
    counts.indices.filter { counts[$0] > 0 }.map { index in
      (Self.lowerBound(of: index)...Self.upperBound(of: index), counts[index])
    }
  }

  // Values below 64 have a bucket each; above, the six bits behind the leading one choose
  // among the buckets of its power of two.

  static func bucket(of value: UInt64) -> Int {
    let shift = max(0, 63 - precisionBits - value.leadingZeroBitCount)
    if value < 1 << UInt64(precisionBits) { return Int(value) }
    return ((shift + 1) << precisionBits) + Int((value >> UInt64(shift)) & ((1 << UInt64(precisionBits)) - 1))
  }

  static func lowerBound(of bucket: Int) -> UInt64 {
    let group = bucket >> precisionBits
    if group == 0 { return UInt64(bucket) }
    let leading: UInt64 = 1 << UInt64(precisionBits)
    return (leading | UInt64(bucket) & (leading - 1)) << UInt64(group - 1)
  }

  static func upperBound(of bucket: Int) -> UInt64 {
    let group = bucket >> precisionBits
    return group == 0 ? UInt64(bucket) : lowerBound(of: bucket) + ((1 << UInt64(group - 1)) - 1)
  }
}
