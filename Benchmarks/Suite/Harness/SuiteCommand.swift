// The command line of the suite, as a library so that the tests can run it.

import BenchmarkWorkloads

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
  public var reportDirectory: String?
  public var dumpDirectory: String?
  /// Reads how often the calling thread has allocated memory; nil: nobody counts.
  public var allocations: (@Sendable () -> Int)?

  public static let help = """
    usage: stepmill-benchmarks [--quick] [--only NAMES] [--json FILE] [--report DIR]
                               [--core N] [--dump DIR]

    Measures the workloads W1 to W6 and the machinery below them against the C++ floor and
    hand-written Swift, taking turns within one run. Rates are per second of CPU time on one
    pinned core; figures on the wall clock (loops, submissions, wake-ups, latencies) use all
    cores. Ends with the goals, each as a ratio between two things measured in this run.

      --quick        smaller sizes and shorter rounds: under a minute
      --only NAMES   these benchmarks alone, e.g. W3 or W1,W2,write or handler*
      --json FILE    also writes the rows as JSON
      --report DIR   also writes DIR/index.html: one page with plots, nothing loaded from elsewhere
      --dump DIR     writes the workloads' definitions and inputs to DIR, and measures nothing
      --core N       the core to pin to (default: the last one available)
      --help         this text

    """

  /// Throws a message that names the argument.
  public init(
    arguments: [String], allocations: (@Sendable () -> Int)? = nil
  ) throws(BenchmarkError) {
    self.allocations = allocations
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--quick": isQuick = true
      case "--help", "-h": wantsHelp = true
      case "--only": only += try Self.value(of: argument, &rest).split(separator: ",").map(String.init)
      case "--json": jsonPath = try Self.value(of: argument, &rest)
      case "--dump": dumpDirectory = try Self.value(of: argument, &rest)
      case "--report": reportDirectory = try Self.value(of: argument, &rest)
      case "--core":
        let text = try Self.value(of: argument, &rest)
        guard let number = Int(text), number >= 0 else {
          throw .failed("--core: \(text) is not the number of a core")
        }
        core = number
      default: throw .failed("unknown argument \(argument)")
      }
    }
    let known = allBenchmarks(.tiny).map(\.name)
    if let stranger = only.first(where: { name in !known.contains { Self.fits($0, name) } }) {
      throw .failed("--only: no benchmark \(stranger); there are \(known.joined(separator: ", "))")
    }
    let cores = Affinity.current()?.cores ?? []
    if let core, !cores.contains(core) {
      throw .failed("--core: core \(core) is not available; there are \(cores)")
    }
    core = core ?? cores.last
  }

  /// A name, or the beginning of names before a star.
  private static func fits(_ name: String, _ pattern: String) -> Bool {
    if pattern.hasSuffix("*") { return name.hasPrefix(pattern.dropLast()) }
    // One letter stands for a family, as `J` does for all of `J-…`.
    return name == pattern || pattern.count == 1 && name.hasPrefix(pattern + "-")
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
    if let dumpDirectory { return try dump(to: dumpDirectory) }
    let options = HarnessOptions(rounds: isQuick ? 3 : 5, roundSeconds: isQuick ? 0.04 : 0.5, core: core)
    var size = isQuick ? SuiteSize.quick : .full
    size.allocations = allocations
    let benchmarks = allBenchmarks(size)
      .filter { benchmark in only.isEmpty || only.contains { Self.fits(benchmark.name, $0) } }

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
    var failures: [String] = []
    for (index, benchmark) in benchmarks.enumerated() {
      progress("measuring \(benchmark.name) (\(index + 1) of \(benchmarks.count))")
      do {
        outcomes.append(try await Harness(options).measure(benchmark))
      } catch let error as BenchmarkError {
        // The others still have something to say.
        failures.append("\(benchmark.name): \(error)")
        progress("  failed: \(error)")
      }
    }
    let goals = goalResults(of: outcomes, size)
    print(table(of: outcomes))
    print("")
    for outcome in outcomes {
      if let hash = outcome.resultHash {
        print("\(outcome.benchmark.name) result \(String(hash, radix: 16))")
      }
    }
    if !goals.isEmpty { print("\n" + table(of: goals)) }
    if let jsonPath, !writeText(json(of: outcomes, goals), to: jsonPath) {
      throw BenchmarkError.failed("--json: \(jsonPath) cannot be written")
    }
    if let reportDirectory {
      let page = ReportPage(outcomes: outcomes, goals: goals, options: options, isQuick: isQuick)
      try page.write(to: reportDirectory)
      progress("wrote \(reportDirectory)/index.html")
    }
    if !failures.isEmpty {
      throw BenchmarkError.failed("these failed:\n  " + failures.joined(separator: "\n  "))
    }
  }

  /// The workloads as files, for those who run them elsewhere.
  private func dump(to directory: String) throws {
    _ = unsafe mkdir(directory, 0o755)
    for workload in Workload.all {
      let stem = "\(directory)/\(workload.name.lowercased())"
      guard writeText(String(decoding: workload.definition, as: UTF8.self), to: stem + ".asl.json"),
        writeText(String(decoding: workload.input, as: UTF8.self), to: stem + ".in.json")
      else { throw BenchmarkError.failed("--dump: \(directory) cannot be written to") }
    }
    progress("wrote \(Workload.all.count) definitions and inputs to \(directory)")
  }

  private func progress(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = unsafe write(STDERR_FILENO, line, line.count)
  }
}
