// Intervals on as few parallel tracks as overlaps allow.

struct Tracks {
  struct Interval {
    var low: Double
    var high: Double
  }

  /// The track of each interval, the lowest free one, and how many there are. Intervals that come closer than
  /// `gap` are on different tracks.
  static func assign(_ intervals: [Interval], gap: Double) -> (tracks: [Int], count: Int) {
    var tracks = [Int](repeating: 0, count: intervals.count)
    var busy = Heap<Busy>()
    var free = Heap<Int>()
    var count = 0
    let order = intervals.indices.sorted {
      (intervals[$0].low, intervals[$0].high, $0) < (intervals[$1].low, intervals[$1].high, $1)
    }
    for index in order {
      while let first = busy.first, first.end + gap <= intervals[index].low {
        free.insert(first.track)
        _ = busy.removeFirst()
      }
      let track: Int
      if let reused = free.removeFirst() {
        track = reused
      } else {
        track = count
        count += 1
      }
      tracks[index] = track
      busy.insert(Busy(end: intervals[index].high, track: track))
    }
    return (tracks, count)
  }

  private struct Busy: Comparable {
    var end: Double
    var track: Int

    static func < (left: Busy, right: Busy) -> Bool { (left.end, left.track) < (right.end, right.track) }
  }
}

/// A binary heap, the least element first.
struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  var first: Element? { elements.first }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var index = elements.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard elements[index] < elements[parent] else { break }
      elements.swapAt(index, parent)
      index = parent
    }
  }

  mutating func removeFirst() -> Element? {
    guard let first = elements.first, let last = elements.popLast() else { return nil }
    guard !elements.isEmpty else { return first }
    elements[0] = last
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < elements.count {
        if elements[child] < elements[least] { least = child }
      }
      guard least != index else { return first }
      elements.swapAt(index, least)
      index = least
    }
  }
}
