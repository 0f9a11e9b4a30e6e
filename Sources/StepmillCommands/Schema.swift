import Stepmill

extension Command {
  static let schema = Command(
    name: "schema", summary: "Print a JSON Schema of the language, for editors.",
    operands: [],
    options: [Option("-o", "FILE", help: "Write to a file instead of standard output.")],
    notes: [
      Section(
        title: "What it is for",
        text: """
          Editors that know the schema complete names, explain fields and mark mistakes while one
          types, in JSON and in YAML. It is draft-07, which all of them read.
          It says less than 'stepmill validate': whether targets exist, whether states can be
          reached and what stands inside of paths and expressions is beyond a schema.
          """),
      Section(
        title: "Visual Studio Code",
        text: """
          stepmill schema -o .vscode/asl.schema.json, and in .vscode/settings.json:

            "json.schemas": [
              {"fileMatch": ["*.asl.json"], "url": "./.vscode/asl.schema.json"}
            ],
            "yaml.schemas": {"./.vscode/asl.schema.json": ["*.asl.yaml", "*.asl.yml"]}

          The second needs the extension for YAML.
          """),
      Section(
        title: "Exit status",
        text: "0  printed\n1  the file cannot be written\n2  the command line is wrong"),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    try OutputFile.write(DefinitionSchema.json.text(indent: 2) + "\n", to: arguments.value("-o"), terminal)
    return .success
  }
}
