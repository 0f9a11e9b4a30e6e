import Stepmill
import StepmillGraph

extension Command {
  static let predict = Command(
    name: "predict", summary: "Tell what runs of a definition can come to: steps, waits, limits, price.",
    operands: [.definition],
    options: [
      Option(
        "--input", "JSON|@FILE|-",
        help: "A sample of the input: it decides Choices, counts a Map's items and sizes the data."),
      Option(
        "--task-time", "MILLISECONDS", help: "What a task is assumed to take, for prices. Without it: 100."),
      Option("--runs", "N", help: "The price of so many runs in a month, with AWS' tiers. Without it: 1."),
      Option("--paths", "N", help: "List at most so many paths. Without it: 20."),
      Option("--json", help: "Print JSON; what has no bound is null."),
    ],
    notes: [
      Section(
        title: "What it knows",
        text: """
          Nothing is run. The least and the most come from the definition alone: every way that
          Choices and catchers allow, all retries or none. A loop makes them unbounded, and so does
          a Map whose items the sample does not tell. Each number's assumptions are printed with it.
          """),
      Section(
        title: "Exit status", text: "0  predicted\n2  the command line, the definition or the sample is wrong"
      ),
      Section(
        title: "Examples",
        text: """
          stepmill predict order.asl.json
          stepmill predict order.asl.json --input @order.json --task-time 250 --runs 1000000
          stepmill predict order.asl.json --json | jq .price.express.most
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    let file = arguments.operands[0]
    try arguments.checkStandardInput("--input", "input")
    var options = Prediction.Options()
    if let sample = arguments.value("--input") {
      options.sample = try JSONArgument(sample, of: "--input", terminal).parse(terminal)
    }
    options.taskMilliseconds = try arguments.number("--task-time", in: 0...86_400_000) ?? 100
    options.pathsMax = try arguments.number("--paths", in: 0...10_000) ?? 20
    let runs = try arguments.number("--runs", in: 1...1_000_000_000_000) ?? 1
    let outline = try DefinitionFile.outline(file, terminal)
    let report = PredictionReport(Prediction(outline, options: options), runs: runs)
    if arguments.has("--json") {
      terminal.write(report.json.text(indent: 2) + "\n")
    } else {
      let title = file == "-" ? "<stdin>" : String(file.split(separator: "/").last ?? "")
      terminal.write(report.text(title: title, width: terminal.width(.output)))
    }
    return .success
  }
}
