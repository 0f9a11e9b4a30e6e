import LimitHTTP
import Stepmill

/// What one loop answers per second.
struct Rates {
  /// One of those who are compared.
  struct Contestant {
    let name: String
    let server: Server
    let request: [UInt8]
    /// The place of the one that it is a part of: an answer of the same size without any work.
    var reference: Int?
    var goal: String?
    /// Answers before the first round: as many executions as it remembers, so that each one that comes
    /// is one that goes.
    var filling = 0
    var answers: [Double] = []
    var processor: [Double] = []
  }

  private static let goal = "80 %, at least 60 %"
  /// How many executions a server remembers.
  private static let remembered = 100_000

  private let options: HTTPBenchmarks.Options
  private var contestants: [Contestant] = []
  private var errors: UInt64 = 0

  init(_ options: HTTPBenchmarks.Options) {
    self.options = options
    let express = Servers.startAPI()
    let sync = API.start("StartSyncExecution", API.create("sync", API.order, "EXPRESS", on: express))
    let startExpress = API.start("StartExecution", API.create("express", API.order, "EXPRESS", on: express))
    let size = Self.size(sync, express)
    contestants.append(
      Contestant(
        name: "floor", server: Servers.start("floor", ["\(size)", "\(Self.bodySize(sync))"]), request: sync))
    let ok = add("ok, of StartSync's size", Servers.start("ok", ["\(size)"]), sync)
    add("execute", Servers.start("execute"), API.request("StartSyncExecution", Array(API.input.utf8)), ok)
    add("StartSyncExecution", express, sync, ok, goal: Self.goal)
    // A header that only the long way through the service understands.
    let long = API.start(
      "StartSyncExecution", API.create("long", API.order, "EXPRESS", on: express),
      more: [("traceHeader", "Root=1")])
    add("StartSync, the long way", express, long, ok)
    let small = add(
      "ok, of Start's size", Servers.start("ok", ["\(Self.size(startExpress, express))"]), startExpress)
    add("StartExecution, Express", express, startExpress, small, goal: Self.goal)
    let standard = Servers.startAPI(["--retention-executions", "\(Self.remembered)"])
    let start = API.start("StartExecution", API.create("order", API.order, "STANDARD", on: standard))
    add("StartExecution, Standard", standard, start, small, goal: Self.goal, filling: Self.remembered)
    let directory = Servers.temporaryDirectory()
    let stored = Servers.startAPI([
      "--retention-executions", "\(Self.remembered)", "--data", directory,
    ])
    let startStored = API.start("StartExecution", API.create("order", API.order, "STANDARD", on: stored))
    add("StartExecution, --data", stored, startStored, small, goal: Self.goal, filling: Self.remembered)
  }

  @discardableResult
  private mutating func add(
    _ name: String, _ server: Server, _ request: [UInt8], _ reference: Int? = nil, goal: String? = nil,
    filling: Int = 0
  ) -> Int {
    contestants.append(
      Contestant(
        name: name, server: server, request: request, reference: reference, goal: goal, filling: filling))
    return contestants.count - 1
  }

  /// The size of the body that a request is answered with.
  private static func size(_ request: [UInt8], _ server: Server) -> Int {
    guard let answer = server.call(request), answer.body["__type"] == nil else {
      Servers.fail("the server refuses the benchmark's request")
    }
    return answer.body.utf8.count
  }

  private static func bodySize(_ request: [UInt8]) -> Int {
    request.indices.first { request[$0...].starts(with: [13, 10, 13, 10]) }.map { request.count - $0 - 4 }
      ?? 0
  }

  mutating func run() {
    for contestant in contestants {
      var left = contestant.filling
      while left > 0 {
        let result = contestant.server.load(
          contestant.request, connections: options.connections, seconds: 0.5)
        guard result.answers > 0 else { Servers.fail("\(contestant.name) does not answer") }
        left -= Int(result.answers)
      }
    }
    for round in 0...options.rounds {
      for index in contestants.indices {
        let server = contestants[index].server
        let before = server.processorNanoseconds
        let result = server.load(
          contestants[index].request, connections: options.connections,
          seconds: round == 0 ? options.seconds / 2 : options.seconds)
        errors += result.errors
        // The first round warms up.
        guard round > 0 else { continue }
        let used = Double(server.processorNanoseconds - before) * 1e-9
        contestants[index].answers.append(Double(result.answers) / result.seconds)
        contestants[index].processor.append(Double(result.answers) / used)
      }
    }
    report()
    latencies()
    if errors > 0 { print("\(errors) errors") }
  }

  private func report() {
    Servers.say(
      Table.row(["one loop", "requests/s", "per CPU s", "spread", "of ok", "spread", "by the clock", "goal"]))
    for contestant in contestants {
      let rates = contestant.processor
      var columns = [
        contestant.name, "\(Int(Figures.median(contestant.answers)))", "\(Int(Figures.median(rates)))",
        "\(Int(rates.min()!))-\(Int(rates.max()!))",
      ]
      if let reference = contestant.reference.map({ contestants[$0] }) {
        // Of each round, since the machine's mood is that of the round.
        let ratios = zip(rates, reference.processor).map { 100 * $0 / $1 }
        let clock = zip(contestant.answers, reference.answers).map { 100 * $0 / $1 }
        columns += [
          "\(Int(Figures.median(ratios).rounded())) %",
          "\(Int(ratios.min()!.rounded()))-\(Int(ratios.max()!.rounded())) %",
          "\(Int(Figures.median(clock).rounded())) %", contestant.goal ?? "",
        ]
      }
      Servers.say(Table.row(columns))
    }
  }

  /// In loads of half a second, and in their windows of 20 ms: a machine that others use as well stands
  /// still for milliseconds now and then. The middle one of the windows says what the server does, all of
  /// a load what whoever waits there has of it.
  private mutating func latencies() {
    Servers.say(
      "\n"
        + Table.row([
          "at half of that rate", "p50 us", "p99 us", "p99 of p50", "least", "greatest", "without windows",
          "goal",
        ]))
    for contestant in contestants {
      let loads = (0..<2 * options.rounds + 1).map { _ in
        contestant.server.load(
          contestant.request, connections: options.connections, seconds: options.seconds / 2,
          rate: Figures.median(contestant.answers) / 2)
      }
      errors += loads.reduce(0) { $0 + $1.errors }
      func tenths(_ ratio: Double) -> String {
        let tenths = Int((10 * ratio).rounded())
        return "\(tenths / 10).\(tenths % 10)"
      }
      let ratios = loads.map(\.window_ratio)
      Servers.say(
        Table.row([
          contestant.name, "\(Int(Figures.median(loads.map(\.window_p50))))",
          "\(Int(Figures.median(loads.map(\.window_p99))))", tenths(Figures.median(ratios)),
          tenths(ratios.min()!), tenths(ratios.max()!),
          tenths(Figures.median(loads.map { $0.p99 / max($0.p50, 1) })),
          contestant.goal == nil ? "" : "below 10",
        ]))
    }
  }
}

enum Figures {
  static func median(_ figures: [Double]) -> Double { figures.sorted()[figures.count / 2] }
}

enum Table {
  private static let widths = [26, 11, 11, 16, 8, 11, 13, 22]

  static func row(_ columns: [String]) -> String {
    var line = ""
    for (index, column) in columns.enumerated() {
      let gap = String(repeating: " ", count: max(widths[index] - column.count, 1))
      line += index == 0 ? column + gap : gap + column
    }
    return line
  }
}
