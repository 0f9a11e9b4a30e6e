import AllocationCounter
import BenchmarkSuite

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@main
struct Main {
  static func main() async {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      try await SuiteCommand(arguments: arguments, allocations: { Int(allocation_counter_made()) }).run()
    } catch {
      let line = Array("stepmill-benchmarks: \(error)\nSee stepmill-benchmarks --help.\n".utf8)
      _ = unsafe write(STDERR_FILENO, line, line.count)
      exit(1)
    }
  }
}
