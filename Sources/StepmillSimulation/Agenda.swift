import Stepmill

/// What the world around the engine will do, by time and, at the same time, in the order in
/// which it was decided: without that order nothing replays.
struct Agenda {
  enum Action {
    case answer(token: String, Result<JSON, TaskFailure>)
    case complete(token: String, Result<JSON, TaskFailure>)
    case heartbeat(token: String)
  }

  private struct Entry {
    var time: UInt64
    var order: UInt64
    var action: Action

    func comes(before other: Entry) -> Bool { (time, order) < (other.time, other.order) }
  }

  /// A binary heap, the next entry first.
  private var entries: [Entry] = []
  private var nextOrder: UInt64 = 0

  var count: Int { entries.count }
  var nextTime: UInt64? { entries.first?.time }

  mutating func add(_ action: Action, at time: UInt64) {
    entries.append(Entry(time: time, order: nextOrder, action: action))
    nextOrder += 1
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].comes(before: entries[parent]) else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() -> Action {
    entries.swapAt(0, entries.count - 1)
    let first = entries.removeLast()
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < entries.count else { return first.action }
      let right = left + 1
      let child = right < entries.count && entries[right].comes(before: entries[left]) ? right : left
      guard entries[child].comes(before: entries[parent]) else { return first.action }
      entries.swapAt(child, parent)
      parent = child
    }
  }
}
