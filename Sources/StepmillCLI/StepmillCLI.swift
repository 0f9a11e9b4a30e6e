import StepmillCommands

@main
struct StepmillCLI {
  static func main() { CommandLineTool.main() }
}
