import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Counts what can be counted and compares it with the record. There is nothing asynchronous
/// in this program: callgrind loses its way where Swift's global pool is at work.
@main struct Main {
  static let help = """
    usage: stepmill-counts [--update] [--record FILE] [--without-instructions]
           stepmill-counts --drive WORKLOAD TIMES

    Counts instructions (by valgrind's callgrind), heap allocations, bytes and wake-ups, and the
    size of the library, and compares them with the record. Exits with status 1 when one has
    worsened beyond its slack; asks for the record to be updated when one has clearly improved.

      --update                writes the record anew
      --record FILE           the record (default: Benchmarks/counts.json)
      --without-instructions  leaves callgrind out
      --drive WORKLOAD TIMES  executes W1 to W5 so many times and counts nothing: for callgrind
      --help                  this text

    """

  static func main() {
    do {
      exit(try run(Array(CommandLine.arguments.dropFirst())))
    } catch {
      let line = Array("stepmill-counts: \(error)\nSee stepmill-counts --help.\n".utf8)
      _ = unsafe write(STDERR_FILENO, line, line.count)
      exit(2)
    }
  }

  private static func run(_ arguments: [String]) throws -> Int32 {
    var isUpdate = false
    var path = "Benchmarks/counts.json"
    var countsInstructions = true
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--update": isUpdate = true
      case "--without-instructions": countsInstructions = false
      case "--record":
        guard let value = rest.popFirst() else { throw CountError("--record needs a file") }
        path = value
      case "--drive":
        guard let name = rest.popFirst(), let times = rest.popFirst().flatMap({ Int($0) }), times >= 0 else {
          throw CountError("--drive needs a workload and a number")
        }
        var output: [UInt8] = []
        try Driver(name).run(times: times, into: &output)
        return 0
      case "--help", "-h":
        print(help, terminator: "")
        return 0
      default: throw CountError("unknown argument \(argument)")
      }
    }
    let (counts, skipped) = try measureAll(countsInstructions: countsInstructions)
    for line in skipped { print("skipped: \(line)") }
    if isUpdate {
      let kept = (try? Record.read(path)) ?? Record(counts: [])
      try kept.updated(with: counts).write(path)
      print("wrote \(path): \(counts.count) counts")
      return 0
    }
    let record = try Record.read(path)
    return record.compare(with: counts, path: path, isComplete: skipped.isEmpty) ? 0 : 1
  }
}
