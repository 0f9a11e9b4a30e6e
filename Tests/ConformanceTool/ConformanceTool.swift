import ConformanceKit

@main
enum ConformanceTool {
  static func main() {
    Exit.with(CommandLineTool(arguments: Array(CommandLine.arguments.dropFirst())).run())
  }
}
