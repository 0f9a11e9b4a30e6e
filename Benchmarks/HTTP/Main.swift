#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What a request costs: on the bare codec, with an execution behind it, with all of the API of
// Step Functions behind it, and on the least that a server in C can do. The servers run in
// processes of their own with one loop each, the load comes from this one, and all take turns
// within one run, so that the ratios hold on a busy machine. Rates are per second of the server's
// processor time as well as by the clock.

@main struct HTTPBenchmarks {
  static let help = """
    usage: stepmill-http-benchmarks [--seconds N] [--rounds N] [--connections N] [--idle N]
                                    [--waiting N] [--events N] [--only PART,...] [--quick]

    What the server does per second and per byte, as ratios in one run. Parts:

      rates     requests per second that one loop answers: nothing but a fixed answer in C (floor);
                an answer of the same size from our codec (ok); an execution of three states without
                the API (execute); StartSyncExecution; StartExecution of an Express and of a Standard
                state machine, the latter also with --data; latencies at half of that rate
      idle      memory of connections that are open and say nothing, and the rates beside them
      waiting   memory of executions that wait in the server, Express and Standard
      history   the first and the last page of a long history

      --seconds N      length of a round (default 1)
      --rounds N       rounds of each (default 5), after one that warms up
      --connections N  at work at once (default 64)
      --idle N         connections that say nothing (default 10000)
      --waiting N      executions that wait (default 1000000)
      --events N       events of the history (default 25000)
      --only PART,...  some parts only
      --quick          short rounds, 1000 connections, 100000 executions; figures to look at, not to quote

    """

  struct Options {
    var seconds = 1.0
    var rounds = 5
    var connections = 64
    var idle = 10_000
    var waiting = 1_000_000
    var events = 25_000
    var parts = ["rates", "idle", "waiting", "history"]
  }

  static func main() throws {
    var options = Options()
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch (argument, arguments.first) {
      case ("--serve", let mode?):
        return try Servers.serve(mode, Array(arguments.dropFirst()))
      case ("--seconds", let text?) where Double(text) != nil: options.seconds = Double(text)!
      case ("--rounds", let text?) where Int(text) != nil: options.rounds = max(1, Int(text)!)
      case ("--connections", let text?) where Int(text) != nil: options.connections = Int(text)!
      case ("--idle", let text?) where Int(text) != nil: options.idle = Int(text)!
      case ("--waiting", let text?) where Int(text) != nil: options.waiting = Int(text)!
      case ("--events", let text?) where Int(text) != nil: options.events = Int(text)!
      case ("--only", let text?): options.parts = text.split(separator: ",").map(String.init)
      case ("--help", _): return print(help, terminator: "")
      case ("--quick", _):
        (options.seconds, options.rounds, options.idle, options.waiting) = (0.3, 3, 1000, 100_000)
        continue
      default:
        Servers.write("stepmill-http-benchmarks: '\(argument)' is not understood\n\(help)", to: 2)
        exit(2)
      }
      _ = arguments.popFirst()
    }
    raiseDescriptors()
    for part in options.parts {
      switch part {
      case "rates":
        var rates = Rates(options)
        rates.run()
      case "idle": Idle.run(options)
      case "waiting": Waiting.run(options)
      case "history": LongHistory.run(options)
      default:
        Servers.write("stepmill-http-benchmarks: there is no part '\(part)'\n\(help)", to: 2)
        exit(2)
      }
    }
    Servers.stopAll()
  }

  /// Connections need one each, here and in the servers, which inherit the limit.
  private static func raiseDescriptors() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
