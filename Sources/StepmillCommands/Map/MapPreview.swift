import Stepmill
import StepmillBatch

/// `--dry-run`: the first inputs, as the workflow would see them.
struct MapPreview {
  private let command: MapCommand
  private static let shownByDefault = 5

  init(_ command: MapCommand) { self.command = command }

  func show() throws(CommandError) -> ExitStatus {
    let terminal = command.terminal
    let style = terminal.style(.output)
    let inputs: [[UInt8]]
    do throws(RowError) {
      inputs = try BatchCount.first(
        command.options.limit ?? Self.shownByDefault, of: command.sources, command.options)
    } catch {
      throw .data(error.description)
    }
    var status = ExitStatus.success
    for (index, input) in inputs.enumerated() {
      terminal.write(style.dim("input of row \(index * command.options.shape.rowsPerStart):") + "\n")
      do throws(JSONSyntaxError) {
        terminal.write(try JSON(parsing: input).text(indent: 2) + "\n")
      } catch {
        status = .failure
        let text = SourceLines.readable(String(decoding: input.prefix(200), as: UTF8.self))
        terminal.write("\(style.red("not JSON:")) \(error)\n  \(text)\n")
      }
    }
    if inputs.isEmpty { terminal.write("stepmill map: there are no rows\n", to: .error) }
    return status
  }
}
