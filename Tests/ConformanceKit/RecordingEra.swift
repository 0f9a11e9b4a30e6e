import Stepmill

/// The recordings are of several years. Until 2024 the event that leaves a Distributed Map
/// followed from `MapRunSucceeded`; since then, which is what the engine tells, it follows from
/// `MapRunStarted`. Which of the two a recording has shows in itself, and the answer is told
/// likewise.
enum RecordingEra {
  static func adjusted(_ got: JSON, to expect: JSON?) -> JSON {
    let recorded = expect?["events"]?.array.map { Array($0) } ?? []
    guard let events = got["events"]?.array.map({ Array($0) }), isOlder(recorded) else { return got }
    var got = got
    let types = types(of: events)
    got["events"] = JSON(
      events.map { event in
        guard event["type"]?.string == "MapStateExited", let previous = event["previousEventId"]?.int,
          types[previous] == "MapRunStarted", types[previous + 1] == "MapRunSucceeded"
        else { return event }
        var older = event
        older["previousEventId"] = JSON(previous + 1)
        return older
      })
    return got
  }

  private static func isOlder(_ events: [JSON]) -> Bool {
    let types = types(of: events)
    return events.contains { event in
      event["type"]?.string == "MapStateExited"
        && types[event["previousEventId"]?.int ?? 0] == "MapRunSucceeded"
    }
  }

  private static func types(of events: [JSON]) -> [Int: String] {
    var types: [Int: String] = [:]
    for event in events {
      if let id = event["id"]?.int { types[id] = event["type"]?.string }
    }
    return types
  }
}
