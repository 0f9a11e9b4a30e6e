import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An HTTP/1.1 server on the loops of a runtime.
///
/// ```swift
/// let runtime = try Runtime()
/// let server = try HTTPServer(on: runtime, at: [HTTPAddress("127.0.0.1:8083")], handler: handler)
/// print("listening on \(server.addresses[0])")
/// …
/// server.drain(milliseconds: 10_000) { print("every request was answered") }
/// ```
///
/// Each loop listens, reads, handles and answers on its own; a connection belongs to one loop
/// for life. End the server before the runtime: a runtime that ends closes what is left, without
/// regard to requests that are under way.
package final class HTTPServer: Sendable {
  /// What can be chosen.
  package struct Configuration: Sendable {
    package var limits = HTTPLimits()
    /// PEM files of the certificate and its key, for HTTPS.
    package var tls: (certificate: String, key: String)?
    /// Where requests are logged, if they are.
    package var log: AccessLog?
    /// Told why connections are kept out, on any thread.
    package var onTrouble: (@Sendable (String) -> Void)?

    package init() {}
  }

  /// Where the server listens, with the ports that the system chose.
  package let addresses: [HTTPAddress]
  private let loops: [ServerLoop]
  private let unixPaths: [String]
  private let isStopped = Atomic<Bool>(false)

  /// Binds all addresses and begins to answer. Throws what is wrong as a sentence.
  package init(
    on runtime: Runtime, at addresses: [HTTPAddress], handler: any HTTPHandler,
    configuration: Configuration = Configuration()
  ) throws(HTTPServerError) {
    configuration.limits.check()
    let tenantLoops = runtime.tenantLoops
    guard !tenantLoops.isEmpty else {
      throw HTTPServerError("a server needs a runtime with at least one loop.")
    }
    var tls: TLSContext?
    if let files = configuration.tls { tls = try TLSContext(certificate: files.certificate, key: files.key) }
    // A client that is gone must not end the process.
    _ = signal(SIGPIPE, SIG_IGN)
    var limits = configuration.limits
    let descriptorsMax = HTTPServer.raiseDescriptorLimit()
    // Some are for files, and for the connections and programs of tasks.
    let room = max(1, descriptorsMax - min(256, descriptorsMax / 4))
    if limits.connectionsMax > room {
      // Nobody chose the default, and a thousand are enough for most.
      if limits.connectionsMax != HTTPLimits().connectionsMax || room < 1000 {
        configuration.onTrouble?(
          "a process may open \(descriptorsMax) files here: connections are limited to \(room); 'ulimit -n' or "
            + "LimitNOFILE= allows more")
      }
      limits.connectionsMax = room
    }

    var bound: [HTTPAddress] = []
    var sockets: [[ListeningSocket]] = tenantLoops.map { _ in [] }
    do throws(HTTPServerError) {
      for address in addresses {
        let opened = try ListeningSocket.open(address, count: tenantLoops.count)
        bound.append(opened.bound)
        for (place, socket) in opened.sockets.enumerated() { sockets[place].append(socket) }
      }
    } catch {
      for socket in sockets.joined() { closeDescriptor(socket.descriptor) }
      throw error
    }
    self.addresses = bound
    unixPaths = bound.compactMap { if case .unix(let path) = $0 { path } else { nil } }
    let total = ConnectionTotal(configuration.onTrouble)
    loops = tenantLoops.map {
      ServerLoop(
        $0, handler: handler, limits: limits, total: total, tls: tls, log: configuration.log)
    }
    for (place, loop) in loops.enumerated() {
      let mine = sockets[place]
      loop.loop.post { loop.start(mine) }
    }
  }

  /// As many connections as the system allows: says how many files may be open.
  private static func raiseDescriptorLimit() -> Int {
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(kind, &limit) == 0 else { return .max }
    if limit.rlim_cur < limit.rlim_max {
      let more = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
      if unsafe withUnsafePointer(to: more, { unsafe setrlimit(kind, $0) }) == 0 { limit = more }
    }
    return Int(clamping: limit.rlim_cur)
  }

  // MARK: Ending

  /// Stops listening, lets requests that are under way be answered, and closes connections as
  /// they become idle; what is left after so long is cut off. `done` is called once, on some
  /// loop's thread, when nothing is left.
  package func drain(milliseconds: UInt64, done: @escaping @Sendable () -> Void = {}) {
    removePaths()
    let left = LoopsLeft(done)
    for loop in loops {
      // A loop that has ended drops what is posted to it, and with it this reference.
      loop.loop.post(isHeardToTheEnd: true) {
        loop.drain(milliseconds: milliseconds) { withExtendedLifetime(left) {} }
      }
    }
  }

  /// Cuts everything off.
  package func stop(done: @escaping @Sendable () -> Void = {}) { drain(milliseconds: 0, done: done) }

  private func removePaths() {
    guard !isStopped.exchange(true, ordering: .relaxed) else { return }
    for path in unixPaths where ListeningSocket.isSocket(path) { unsafe unlink(path) }
  }

  // MARK: Watching

  /// What the server has done so far. Reading it stops nothing.
  package var counters: HTTPServerCounters {
    var sum = HTTPServerCounters()
    for loop in loops { sum.add(loop.counters) }
    return sum
  }
}

/// Figures of a server.
package struct HTTPServerCounters: Hashable, Sendable {
  /// Connections that are open.
  package var connections = 0
  /// Requests that came to the handler.
  package var requests = 0
  /// Answers by class of status, refusals among them.
  package var answers2xx = 0
  package var answers4xx = 0
  package var answers5xx = 0
  /// Requests that were malformed, and connections that were too many.
  package var refused = 0
  /// Clients that were too slow.
  package var evicted = 0
  package var bytesIn = 0
  package var bytesOut = 0

  fileprivate mutating func add(_ counters: LoopCounters) {
    connections += counters.connections.value
    requests += counters.requests.value
    answers2xx += counters.answers2xx.value
    answers4xx += counters.answers4xx.value
    answers5xx += counters.answers5xx.value
    refused += counters.refused.value
    evicted += counters.evicted.value
    bytesIn += counters.bytesIn.value
    bytesOut += counters.bytesOut.value
  }
}

/// Calls back when the last loop lets go of it.
private final class LoopsLeft: Sendable {
  private let done: @Sendable () -> Void

  init(_ done: @escaping @Sendable () -> Void) { self.done = done }
  deinit { done() }
}
