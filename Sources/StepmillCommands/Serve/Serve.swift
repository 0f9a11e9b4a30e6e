import Stepmill
import StepmillHTTP
import StepmillServer

extension Command {
  static let serve = Command(
    name: "serve", summary: "Serve the API of AWS Step Functions to boto3, the AWS CLI and Terraform.",
    operands: [],
    options: ServeSettings.options + [
      Option("--print-config", help: "Show what is in force and where it comes from, and end."),
      Option(
        "--print-unit", help: "Print units for systemd that run the server with these options, and end."),
    ],
    notes: [
      Section(
        title: "Clients",
        text: """
          Every AWS client takes the address from its environment; any key and secret will do unless --credentials
          is given. An access key of twelve digits is the account; the region is the one that the client signs for.

            export AWS_ENDPOINT_URL_SFN=http://127.0.0.1:8083 AWS_DISABLE_HOST_PREFIX_INJECTION=true
            export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
            aws stepfunctions list-state-machines
          """),
      Section(
        title: "Settings",
        text: """
          Each option can also stand in the environment, as STEPMILL_ and its name (STEPMILL_DATA for --data, but
          STEPMILL_ENDPOINTS for --endpoint, since clients have another use for the shorter one), and in a
          file (--config, JSON or YAML) with an object whose members are called like the options without dashes:

            {"listen": ["127.0.0.1:8083"], "data": "/var/lib/stepmill", "limit": {"open-executions": 100000}}

          An option wins over the environment, and that over the file. Lists in the environment are written with
          commas.
          """),
      Section(title: "Limits", text: ServeLimits.help),
      Section(
        title: "Pages",
        text: """
          /healthz   200 while the process answers
          /readyz    200 when requests are welcome; 503 with the reason while changes cannot be stored
          /metrics   figures for Prometheus
          """),
      Section(
        title: "Signals",
        text: """
          SIGTERM, SIGHUP or Ctrl-C: stop listening, answer requests that are under way (--drain), abort
          executions that are, end. A second one ends at once.
          """),
    ]
  ) { (arguments, terminal) throws(CommandError) in
    for warning in SettingSource.unknownVariables(terminal.environment, ServeSettings.options) {
      ServeLog(terminal).warn(warning)
    }
    let settings = try ServeSettings(arguments, terminal)
    if arguments.has("--print-config") {
      terminal.write(settings.description)
      return .success
    }
    if arguments.has("--print-unit") {
      terminal.write(ServeUnit.text(settings))
      return .success
    }
    return try ServeSession(settings, terminal).run()
  }
}
