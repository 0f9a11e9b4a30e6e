import Stepmill
import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Pages for whoever operates a server: is it alive, may it be sent requests, what does it do.

/// Whether requests should be sent to a server.
package enum Readiness: Hashable, Sendable {
  case ready
  /// Why not, as a sentence.
  case notReady(String)
}

/// A figure that somebody else has, for the page of metrics.
package struct Metric: Sendable {
  package enum Kind: String, Sendable { case counter, gauge }

  package var name: String
  package var help: String
  package var kind: Kind
  package var value: Double

  package init(_ name: String, _ kind: Kind, _ value: Double, help: String) {
    self.name = name
    self.kind = kind
    self.value = value
    self.help = help
  }
}

/// `/healthz`, `/readyz` and `/metrics`.
package final class OperatorPages: Sendable {
  let meters = OperationMeters()
  private let runtime: Runtime
  private let version: String
  private let readiness: @Sendable () -> Readiness
  private let more: @Sendable () -> [Metric]
  private let server = Lock<HTTPServer?>(nil)
  private let began = OperationMeters.now

  /// - Parameters:
  ///   - runtime: What executions run on.
  ///   - version: The version that the metrics tell.
  ///   - readiness: Whether requests are welcome.
  ///   - more: Further figures: those of the store, for one.
  package init(
    runtime: Runtime, version: String, readiness: @escaping @Sendable () -> Readiness,
    more: @escaping @Sendable () -> [Metric] = { [] }
  ) {
    self.runtime = runtime
    self.version = version
    self.readiness = readiness
    self.more = more
  }

  /// Whose connections and requests are told of.
  package func show(_ server: HTTPServer) { self.server.withLock { $0 = server } }

  /// What of a target names a page, be it `/page?query` or `http://host/page?query`.
  private static func path(of target: String) -> Substring {
    var rest = target[...]
    if let scheme = ["http://", "https://"].first(where: { target.lowercased().hasPrefix($0) }) {
      rest = rest.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
    }
    let path = rest.prefix { $0 != "?" }
    return path.isEmpty ? "/" : path
  }

  func handle(_ request: HTTPRequest, _ respond: HTTPResponder) {
    guard request.isMethod("GET") || request.isMethod("HEAD") else {
      return text(respond, 404, "A call of the API is a POST with the header X-Amz-Target.\n")
    }
    let path = Self.path(of: request.target)
    switch path {
    case "/healthz": text(respond, 200, "ok\n")
    case "/readyz":
      switch readiness() {
      case .ready: text(respond, 200, "ready\n")
      case .notReady(let why): text(respond, 503, "not ready: \(why)\n")
      }
    case "/metrics": measureLag { [self] lags in metrics(respond, lags) }
    case "/":
      text(
        respond, 200,
        """
        Stepmill \(version): the API of AWS Step Functions.

        Point a client at this address: AWS_ENDPOINT_URL_SFN=http://HOST:PORT
        /healthz  /readyz  /metrics

        """)
    default: text(respond, 404, "There is no page \(path). There are /, /healthz, /readyz and /metrics.\n")
    }
  }

  private func text(_ respond: HTTPResponder, _ status: Int, _ text: String) {
    respond.send(
      status: status,
      headers: [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")],
      body: Array(text.utf8))
  }

  // MARK: Metrics

  /// How long each loop takes to hear a message, in microseconds: what an execution waits for its
  /// turn at most, just now.
  private func measureLag(_ then: @escaping @Sendable ([Int]) -> Void) {
    let loops = runtime.tenantLoops
    let answers = LagAnswers(count: loops.count, then)
    for (place, loop) in loops.enumerated() {
      let sent = OperationMeters.now
      loop.post(isHeardToTheEnd: true) { answers.set(place, OperationMeters.now - sent) }
    }
  }

  private func metrics(_ respond: HTTPResponder, _ lags: [Int]) {
    var page = MetricsPage()
    page.family("stepmill_build_info", .gauge, "The version that runs.")
    page.sample("stepmill_build_info{version=\"\(version)\"}", 1)
    page.single("stepmill_uptime_seconds", .gauge, "Since the start.", seconds(OperationMeters.now - began))
    executions(&page)
    requests(&page)
    page.family("stepmill_loop_lag_seconds", .gauge, "How long each loop took to hear a message just now.")
    for (place, lag) in lags.enumerated() {
      page.sample("stepmill_loop_lag_seconds{loop=\"\(place)\"}", seconds(lag))
    }
    if let server = server.withLock({ $0 }) { connections(&page, server.counters) }
    if let resident = Self.residentBytes {
      page.single("process_resident_memory_bytes", .gauge, "Memory of the process.", Double(resident))
    }
    for metric in more() { page.single(metric.name, metric.kind, metric.help, metric.value) }
    respond.send(
      status: 200, headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")], body: page.bytes)
  }

  private func executions(_ page: inout MetricsPage) {
    let counters = runtime.counters
    page.single(
      "stepmill_executions_started_total", .counter, "Executions that began.", Double(counters.started))
    page.family("stepmill_executions_ended_total", .counter, "Executions that ended, by how.")
    for (status, count) in [
      ("succeeded", counters.succeeded), ("failed", counters.failed), ("timed_out", counters.timedOut),
      ("aborted", counters.aborted),
    ] {
      page.sample("stepmill_executions_ended_total{status=\"\(status)\"}", Double(count))
    }
    page.single("stepmill_executions_running", .gauge, "Executions under way.", Double(counters.inFlight))
    page.single(
      "stepmill_waiting", .gauge, "Executions, branches and iterations that wait.", Double(counters.waiting))
    page.single(
      "stepmill_transitions_total", .counter, "States entered.", Double(counters.transitions))
    page.single(
      "stepmill_retries_total", .counter, "Attempts that a Retry ordered.", Double(counters.retries))
    page.single(
      "stepmill_execution_bytes", .gauge, "Memory for the data of executions.", Double(counters.bytes))
  }

  private func requests(_ page: inout MetricsPage) {
    let used = meters.all.map { meters.parts(of: $0.operation) }.filter { parts in
      parts.contains { $0.total > 0 }
    }
    page.family("stepmill_requests_total", .counter, "Calls of the API, by operation and class of status.")
    for parts in used {
      let counts = parts.map(\.counts)
      for place in counts[0].indices {
        page.sample(
          "stepmill_requests_total{operation=\"\(parts[0].operation)\",status=\"\(counts[0][place].status)\"}",
          Double(counts.reduce(0) { $0 + $1[place].count }))
      }
    }
    let name = "stepmill_request_duration_seconds"
    page.family(name, "histogram", "From the request to its answer.")
    for parts in used {
      let label = "operation=\"\(parts[0].operation)\""
      let cumulated = parts.map(\.cumulated)
      for (place, bound) in OperationMeter.bounds.enumerated() {
        page.sample(
          "\(name)_bucket{\(label),le=\"\(seconds(bound))\"}", Double(cumulated.reduce(0) { $0 + $1[place] }))
      }
      let total = parts.reduce(0) { $0 + $1.total }
      page.sample("\(name)_bucket{\(label),le=\"+Inf\"}", Double(total))
      page.sample(
        "\(name)_sum{\(label)}",
        seconds(parts.reduce(0) { $0 + $1.microseconds.load(ordering: .relaxed) }))
      page.sample("\(name)_count{\(label)}", Double(total))
    }
  }

  private func connections(_ page: inout MetricsPage, _ counters: HTTPServerCounters) {
    page.single(
      "stepmill_http_connections", .gauge, "Connections that are open.", Double(counters.connections))
    page.single(
      "stepmill_http_requests_total", .counter, "Requests over HTTP.", Double(counters.requests))
    page.single(
      "stepmill_http_refused_total", .counter,
      "Requests that were malformed, connections that were too many.",
      Double(counters.refused))
    page.single(
      "stepmill_http_evicted_total", .counter, "Clients that were too slow.", Double(counters.evicted))
    page.single("stepmill_http_received_bytes_total", .counter, "Bytes received.", Double(counters.bytesIn))
    page.single("stepmill_http_sent_bytes_total", .counter, "Bytes sent.", Double(counters.bytesOut))
  }

  private func seconds(_ microseconds: Int) -> Double { Double(microseconds) / 1_000_000 }

  private static var residentBytes: Int? {
    let file = unsafe fopen("/proc/self/statm", "r")
    guard let file = unsafe file else { return nil }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&line, 127, file) != nil else { return nil }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: " ")
    return fields.count > 1 ? Int(fields[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
  }
}

/// Waits for all loops.
private final class LagAnswers: Sendable {
  private let state: Lock<(lags: [Int], missing: Int)>
  private let then: @Sendable ([Int]) -> Void

  init(count: Int, _ then: @escaping @Sendable ([Int]) -> Void) {
    state = Lock((Array(repeating: 0, count: count), count))
    self.then = then
  }

  func set(_ place: Int, _ lag: Int) {
    let lags: [Int]? = state.withLock { state in
      state.lags[place] = lag
      state.missing -= 1
      return state.missing == 0 ? state.lags : nil
    }
    if let lags { then(lags) }
  }
}

/// Prometheus' text format.
private struct MetricsPage {
  private var text = ""

  var bytes: [UInt8] { Array(text.utf8) }

  mutating func family(_ name: String, _ kind: Metric.Kind, _ help: String) {
    family(name, kind.rawValue, help)
  }

  mutating func family(_ name: String, _ kind: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
  }

  mutating func sample(_ series: String, _ value: Double) {
    let isWhole = value == value.rounded() && abs(value) < 1e15
    text += "\(series) \(isWhole ? String(Int(value)) : String(value))\n"
  }

  mutating func single(_ name: String, _ kind: Metric.Kind, _ help: String, _ value: Double) {
    family(name, kind, help)
    sample(name, value)
  }
}
