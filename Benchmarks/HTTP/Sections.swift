import LimitHTTP
import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Many connections that say nothing.
enum Idle {
  static func run(_ options: HTTPBenchmarks.Options) {
    let server = Servers.startAPI(["--limit", "connections=\(options.idle + 1000)"])
    defer { Servers.stop(server) }
    let request = API.start("StartSyncExecution", API.create("sync", API.order, "EXPRESS", on: server))
    func rate() -> Double {
      let before = server.processorNanoseconds
      let result = server.load(request, connections: options.connections, seconds: options.seconds)
      return Double(result.answers) / (Double(server.processorNanoseconds - before) * 1e-9)
    }
    _ = rate()
    let before = (bytes: server.residentBytes, rate: rate())
    let count = Int(limit_http_idle(server.port, Int32(options.idle)))
    // An answer on one more connection says that the others were accepted.
    _ = server.call(request)
    let bytes = (server.residentBytes - before.bytes) / max(count, 1)
    let ratio = Int((100 * rate() / before.rate).rounded())
    Servers.say(
      "\nidle: \(count) connections of \(options.idle) are open, about \(bytes) bytes each; StartSyncExecution"
        + " beside them has \(ratio) % of its rate without")
  }
}

/// Executions that wait in the server.
enum Waiting {
  static func run(_ options: HTTPBenchmarks.Options) {
    Servers.say("")
    for type in ["EXPRESS", "STANDARD"] {
      // An Express execution may take five minutes, which may be too short to start them all.
      let server = Servers.startAPI(["--limit", "express-seconds=1000000"])
      defer { Servers.stop(server) }
      let machine = API.create("wait", API.wait, type, on: server)
      let request = API.start("StartExecution", machine)
      _ = server.load(request, connections: 1, seconds: 0.05)
      let before = server.residentBytes
      var count = 0
      var processor = 0.0
      while count < options.waiting {
        let begun = server.processorNanoseconds
        let result = server.load(request, connections: options.connections, seconds: 0.25)
        processor += Double(server.processorNanoseconds - begun) * 1e-9
        count += Int(result.answers)
        if result.answers == 0 { Servers.fail("no execution starts any more") }
      }
      let bytes = server.residentBytes - before
      Servers.say(
        "waiting: \(count) \(type) executions take \(bytes >> 20) MB, \(bytes / count) bytes each"
          + " (a million: \((bytes / count * 1_000_000) >> 20) MB); started at"
          + " \(Int(Double(count) / processor)) per CPU second")
    }
  }
}

/// Pages of a long history.
enum LongHistory {
  static func run(_ options: HTTPBenchmarks.Options) {
    let server = Servers.startAPI(["--limit", "history-events=\(options.events)"])
    defer { Servers.stop(server) }
    let machine = API.create("endless", API.endless, "STANDARD", on: server)
    guard let execution = server.call(API.start("StartExecution", machine))?.body["executionArn"] else {
      Servers.fail("the execution did not start")
    }
    let describe = API.request("DescribeExecution", ["executionArn": execution])
    for _ in 0..<1000 where server.call(describe)?.body["status"]?.string == "RUNNING" { usleep(10_000) }
    var requests = [API.request("GetExecutionHistory", ["executionArn": execution, "maxResults": 1000])]
    var events = 0
    while let page = server.call(requests[requests.count - 1])?.body {
      events += page["events"]?.array?.count ?? 0
      guard let token = page["nextToken"] else { break }
      requests.append(
        API.request(
          "GetExecutionHistory", ["executionArn": execution, "maxResults": 1000, "nextToken": token]))
    }
    // Pages of a size, which the last one might not be.
    let full = requests[max(0, events / 1000 - 1)]
    var ratios: [Double] = []
    for _ in 0..<options.rounds {
      let first = server.load(requests[0], connections: 1, seconds: options.seconds / 4)
      let last = server.load(full, connections: 1, seconds: options.seconds / 4)
      ratios.append(Double(first.answers) / Double(max(last.answers, 1)))
    }
    func text(_ ratio: Double) -> String { "\(Int((100 * ratio).rounded())) %" }
    Servers.say(
      "\nhistory: \(events) events; the last page of 1000 costs \(text(Figures.median(ratios))) of the first"
        + " (\(text(ratios.min()!))-\(text(ratios.max()!)))")
  }
}
