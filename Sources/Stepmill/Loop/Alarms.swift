/// Closures to be called at a time: a sorted list, since there are few of them (an answer that is
/// held back, a sweep). Waiting executions have the shard's wheel.
///
/// Equal times ring in the order in which they were set.
struct Alarms {
  /// The earliest last.
  private var pending: [(time: UInt64, body: @Sendable () -> Void)] = []

  var isEmpty: Bool { pending.isEmpty }

  /// When the next one rings.
  var next: UInt64? { pending.last?.time }

  mutating func add(at time: UInt64, _ body: @escaping @Sendable () -> Void) {
    var low = 0
    var high = pending.count
    while low < high {
      let middle = (low + high) / 2
      if pending[middle].time > time { low = middle + 1 } else { high = middle }
    }
    // Behind those that ring later, before those of the same time, which come out first.
    pending.insert((time, body), at: low)
  }

  /// Takes what is due, in order. The caller calls them: a body may set the next alarm.
  mutating func takeDue(at now: UInt64) -> [@Sendable () -> Void] {
    var due: [@Sendable () -> Void] = []
    while let last = pending.last, last.time <= now {
      due.append(last.body)
      pending.removeLast()
    }
    return due
  }
}
