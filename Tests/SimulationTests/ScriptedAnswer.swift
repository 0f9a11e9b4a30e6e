import Stepmill
import StepmillSimulation

/// What a resource does with an input: a function of the seed and the call alone, so that the
/// engine and the reference get the same answers in whatever order they ask.
struct ScriptedAnswer {
  /// When signs of life come, in milliseconds after the call.
  var beats: [Int] = []
  /// When the answer comes; nil: never.
  var delay: Int?
  var result: Result<JSON, TaskFailure>
  /// A second answer follows, which changes nothing.
  var twice = false

  init(seed: UInt64, features: Features, resource: String, input: JSON, retryCount: Int) {
    var hash = seed
    for byte in (resource + Self.sorted(input).text).utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var random = SimulationRandom(seed: hash &+ UInt64(retryCount))
    let number = random.below(1000)
    if random.chance(features.errorRate) {
      let names = ["E1", "E2", "E3"]
      result = .failure(TaskFailure(error: names[random.below(3)], cause: "because of \(number)"))
    } else {
      result = .success([
        "k": JSON(number % 7), "s": JSON("s\(number)"), "list": [1, JSON(number % 5), 3], "echo": input,
      ])
    }
    // Never a whole number of seconds, so that answers and timers do not meet.
    delay = features.delays ? random.below(4000) * 10 + 1 + random.below(8) : 0
    if random.chance(features.neverRate) { delay = nil }
    if features.heartbeats, let delay, random.chance(0.5) {
      let period = 700 + random.below(900)
      beats = Array(stride(from: period, to: delay, by: period).prefix(40))
    }
    twice = random.chance(features.twiceRate)
  }

  /// The value with the members of its objects in the order of their names, and whole numbers
  /// without a fraction: how a template orders them and how a number that an expression has
  /// passed on is written (`18.0` or `18`) are other tests' subjects.
  private static func sorted(_ value: JSON) -> JSON {
    if let elements = value.array { return JSON(elements.map { sorted($0) }) }
    if let number = value.double, number == number.rounded(), abs(number) < 1e15 { return JSON(Int(number)) }
    guard let members = value.object else { return value }
    return JSON(members: members.sorted { $0.key < $1.key }.map { (key: $0.key, value: sorted($0.value)) })
  }

  var reply: Simulation.Reply {
    guard let delay else { return .never }
    let answer: Simulation.Reply
    switch result {
    case .success(let output): answer = .success(output)
    case .failure(let failure): answer = .failure(error: failure.error, cause: failure.cause)
    }
    var reply: Simulation.Reply = .delay(.milliseconds(delay), answer)
    if let period = beats.first {
      // Signs of life at equal distances, then the rest of the time.
      let rest = delay - period * beats.count
      reply = .heartbeats(
        every: .milliseconds(period), count: beats.count, .delay(.milliseconds(rest), answer))
    }
    if twice { reply = .twice(reply, .delay(.milliseconds(delay + 500), .success("second"))) }
    return reply
  }
}
