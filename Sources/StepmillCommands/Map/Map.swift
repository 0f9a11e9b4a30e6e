import Stepmill
import StepmillBatch

extension Command {
  static let map = Command(
    name: "map", summary: "Run a workflow over the rows of files.",
    operands: [
      Operand(
        name: "WORKFLOW", help: "the definition in Amazon States Language, JSON or YAML", isOptional: true),
      Operand(
        name: "ROWS", help: "files with rows, or s3://BUCKET/KEY; - for standard input", isOptional: true,
        isRepeatable: true),
    ],
    options: [
      Option(
        "--out", "DIR|FILE|s3://BUCKET/PREFIX",
        help:
          "Where the results go: a directory, a file (a name with a dot in it), or objects (see Output). "
          + "Without it: to standard output, and failures to standard error."),
      Option(
        "--format", "csv|tsv|jsonl|json",
        help: "How the rows are written. Without it the files' names tell. gzip and zstd are recognised."),
      Option(
        "--delimiter", "comma|pipe|semicolon|space|tab", help: "What stands between the fields of CSV."),
      Option("--headers", "A,B,C", help: "The columns of CSV whose first row is a row like the others."),
      Option(
        "--items", "POINTER",
        help:
          "A JSON Pointer to what is iterated in JSON files: an array, or an object. Without it: the document."
      ),
      Option("--concurrency", "N", help: "Executions under way at once. Without it: 1000."),
      Option(
        "--loops", "N", help: "Event loops, each on a thread of its own. Without it: one per processor."),
      Option("--batch", "N", help: "Give so many rows to one execution; see Input."),
      Option("--param", "KEY=VALUE", isRepeatable: true, help: "Give a value to every execution; see Input."),
      Option("--limit", "N", help: "Run the first rows only (with --batch: batches)."),
      Option(
        "--sample", "N[,SEED]",
        help:
          "Run so many, picked at random. The files are read once before to count the rows. The same seed "
          + "picks the same ones; without it the seed is 0."),
      Option("--ordered", help: "Write the results in the order of the rows."),
      Option("--bare", help: "Write outputs alone, without the numbers of their rows."),
      Option(
        "--tolerate", "N|P%",
        help:
          "How many rows may fail. The run ends early when more have failed than that (of a share: than the "
          + "rows that there seem to be). Without it all rows run, and none may fail for exit status 0."),
      Option(
        "--bad-rows", "fail|skip|record",
        help:
          "What a row does that is not JSON: end the run (without this option), nothing, or count as failed."),
      Option(
        "--task", "NAME=COMMAND", isRepeatable: true,
        help: "Run a shell command for the tasks whose Resource is NAME, as in 'stepmill run'."),
      Option("--mocks", "FILE", help: "Canned answers for tasks, as in 'stepmill run'."),
      Option(
        "--bucket", "NAME=DIRECTORY", isRepeatable: true, help: "Let a directory stand for an S3 bucket."),
      BucketOptions.endpoint,
      Option(
        "--limits", "default|aws|aws-express|aws-standard",
        help: "Bounds of payloads and histories: generous ones, or those of AWS."),
      Option("--timeout", "SECONDS", help: "Time out each execution after so many seconds."),
      Option("--resume", help: "Go on with a run that was interrupted, with the same arguments."),
      Option(
        "--retry-failed", "DIR|FILE",
        help:
          "Run the failures of a finished run again, and merge the results. Workflow, tasks and mocks are those "
          + "of the run unless they are given."),
      Option(
        "--checkpoint", "SECONDS",
        help: "How often the checkpoint is renewed. Without it: 2, and 60 for s3://."),
      Option("--force", help: "Go on although workflow, input or options are not what they were."),
      Option("--summary", "FILE", help: "Write what was done as JSON, too."),
      Option("--dry-run", help: "Show the inputs of the first executions (5, or --limit), and run none."),
      Option(
        "--progress", "line|states",
        help:
          "What is shown of the progress: a line (without this option), or also a line for each state; see "
          + "Progress."),
      Option("--quiet", help: "Show no progress."),
    ],
    notes: [
      Section(
        title: "Input",
        text: """
          An execution's input is a row as it is: a value of JSON, an object of strings for a
          row of CSV, {"Key": …, "Value": …} for a member of a JSON object.

          With --param the row is a member beside the values, which are JSON or else strings:

            {"Row": …, "Params": {"rate": 119, "run": "nightly"}}

          With --batch rows come together, as an ItemBatcher of a Distributed Map gives them:

            {"BatchInput": {"rate": 119, "run": "nightly"}, "Items": [ …, … ]}

          --dry-run shows it.
          """),
      Section(
        title: "Output",
        text: """
          A directory holds results.jsonl, failures.jsonl and checkpoint.json; beside a file F
          there are F.failures.jsonl and F.checkpoint.json. Rows are numbered from 0 over all
          files (with --batch the number is that of the first row):

            {"row":17,"output":{…}}
            {"row":18,"input":{…},"state":"Charge","error":"PaymentError","cause":"declined"}

          The checkpoint is renewed while the run goes on. Whatever happens, Ctrl-C, kill -9, a
          failure of power or a full disk, --resume goes on from the last one, and in the end
          the files hold each row once. Tasks of rows that were under way are run again.

          Below s3://BUCKET/PREFIX there are results/part-00000000.jsonl and so on, failures/…,
          checkpoint.json and summary.json. A part is written whole, when it has 8 MB and at
          each checkpoint; the parts one behind the other are what the file would be. Parts that
          were written after the last checkpoint are removed by --resume. Nothing keeps two runs
          from writing to one place, and --retry-failed takes directories and files only.

          Ctrl-C starts nothing more and waits for what is under way; a second one ends at once.
          """),
      Section(
        title: "Progress",
        text: """
          --progress states shows below the line how often each state was visited, and how long
          half of the visits (p50) and 99 in 100 of them (p99) lasted at most; the summaries
          show it at the end. Watching costs time, so where there are more than 2,000 rows a
          second a part of them is watched. A run that was begun without it shows the states, or
          no longer does, when it gets the signal USR1: kill -USR1 PID.
          """),
      Section(
        title: "Exit status",
        text: """
          0    all rows have run, and no more failed than is tolerated
          1    more failed, or the run could not come to its end: --resume goes on with it
          2    the command line, the definition, the mocks or the files are wrong
          130  it was interrupted by Ctrl-C
          """),
      Section(
        title: "Examples",
        text: """
          stepmill map price.asl.json rows.csv.gz --out priced --task 'price=./price.sh'
          stepmill map price.asl.json rows.csv.gz --out priced --task 'price=./price.sh' --resume
          stepmill map --retry-failed priced
          stepmill map price.asl.json s3://in/rows.csv --out s3://out/priced --endpoint s3=http://127.0.0.1:9000
          zcat *.gz | stepmill map shape.asl.json - --format jsonl --ordered --bare | sort -u
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try MapCommand(arguments, terminal).run()
  }
}
