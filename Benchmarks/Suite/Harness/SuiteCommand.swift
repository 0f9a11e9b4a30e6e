// The command line of the suite, as a library so that the tests can run it.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public struct SuiteCommand: Sendable {
  public var isQuick = false
  public var only: [String] = []
  public var jsonPath: String?
  public var core: Int?
  public var wantsHelp = false

  public static let help = """
    usage: stepmill-benchmarks [--quick] [--only NAMES] [--json FILE] [--core N]

    Measures the workloads W1 to W6 and the machinery below them against the C++ floor and
    hand-written Swift, taking turns within one run. Rates are per second of CPU time on one
    pinned core; wall-clock figures (submit, wake-up) use all cores.

      --quick        smaller sizes and shorter rounds: under a minute
      --only NAMES   these benchmarks alone, e.g. W3 or W1,W2,write
      --json FILE    also writes the rows as JSON
      --core N       the core to pin to (default: the last one available)
      --help         this text

    """

  /// Throws a message that names the argument.
  public init(arguments: [String]) throws(BenchmarkError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--quick": isQuick = true
      case "--help", "-h": wantsHelp = true
      case "--only": only += try Self.value(of: argument, &rest).split(separator: ",").map(String.init)
      case "--json": jsonPath = try Self.value(of: argument, &rest)
      case "--core":
        let text = try Self.value(of: argument, &rest)
        guard let number = Int(text), number >= 0 else {
          throw .failed("--core: \(text) is not the number of a core")
        }
        core = number
      default: throw .failed("unknown argument \(argument)")
      }
    }
    let known = allBenchmarks(.tiny).map(\.name) + ["J"]
    if let stranger = only.first(where: { !known.contains($0) }) {
      throw .failed("--only: no benchmark \(stranger); there are \(known.joined(separator: ", "))")
    }
    let cores = Affinity.current()?.cores ?? []
    if let core, !cores.contains(core) {
      throw .failed("--core: core \(core) is not available; there are \(cores)")
    }
    core = core ?? cores.last
  }

  private static func value(
    of argument: String, _ rest: inout ArraySlice<String>
  ) throws(BenchmarkError) -> String {
    guard let value = rest.popFirst() else { throw .failed("\(argument) needs a value") }
    return value
  }

  /// Measures and prints; the figures go to standard output, the progress to standard error.
  public func run() async throws {
    if wantsHelp { return print(Self.help, terminator: "") }
    let options = HarnessOptions(rounds: 5, roundSeconds: isQuick ? 0.05 : 0.5, core: core)
    let benchmarks = allBenchmarks(isQuick ? .quick : .full)
      .filter { benchmark in
        only.isEmpty || only.contains(benchmark.name)
          || only.contains("J") && benchmark.name.hasPrefix("J-")
      }

    print("machine: \(machineDescription())")
    print("\(options.rounds) rounds, one core (\(core.map { "\($0)" } ?? "not pinned")), medians")
    for skipped in skippedYardsticks() { print("skipped: \(skipped)") }
    #if DEBUG
      print("This is a debug build: its figures say nothing. Use `swift run -c release`.")
    #endif
    print("")
    for benchmark in benchmarks {
      print("\(benchmark.name): \(benchmark.summary)")
    }
    print("")

    var outcomes: [Outcome] = []
    for benchmark in benchmarks {
      progress("measuring \(benchmark.name)")
      outcomes.append(try await Harness(options).measure(benchmark))
    }
    print(table(of: outcomes))
    print("")
    for outcome in outcomes {
      if let hash = outcome.resultHash {
        print("\(outcome.benchmark.name) result \(String(hash, radix: 16))")
      }
    }
    if let jsonPath, !writeText(json(of: outcomes), to: jsonPath) {
      throw BenchmarkError.failed("--json: \(jsonPath) cannot be written")
    }
  }

  private func progress(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = unsafe write(STDERR_FILENO, line, line.count)
  }
}
