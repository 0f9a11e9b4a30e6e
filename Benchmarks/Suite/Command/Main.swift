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
      try await SuiteCommand(arguments: Array(CommandLine.arguments.dropFirst())).run()
    } catch {
      let line = Array("stepmill-benchmarks: \(error)\nSee stepmill-benchmarks --help.\n".utf8)
      _ = unsafe write(STDERR_FILENO, line, line.count)
      exit(1)
    }
  }
}
