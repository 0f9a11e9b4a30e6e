import Stepmill
import StepmillBatch
import StepmillTasks

// The one door: from what somebody chose to those who serve tasks and take what is told.

/// What tasks lead to, and where logs and events go. What is empty is not there.
package struct IntegrationConfiguration: Sendable {
  /// The standard variables are read from here: `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>`,
  /// `AWS_ACCESS_KEY_ID` and its kin. Commands inherit all of it.
  package var environment: [String: String]
  /// `--endpoint SERVICE=URL`; they come before the environment's. A service may go by any of
  /// its names (`events`, `eventbridge`), in any case.
  package var endpoints: [String: String] = [:]
  /// `--function NAME=URL`: a Lambda function, by its name, an ARN or a pattern with `*`.
  package var functions: [NamedFunction] = []
  /// `--task NAME=COMMAND`: a function, a resource, a state, or a pattern with `*`.
  package var commands: [NamedCommand] = []
  /// `--mocks FILE`; they come before everything else.
  package var mocks: MockTable?
  /// Whether `http:invoke` may go where it likes.
  package var allowsHTTPTasks = true

  /// A file of JSON lines for what is logged of executions and has no log group, or no endpoint
  /// of CloudWatch Logs' to go to.
  package var logFile: String?
  /// A file of JSON lines for status changes, where EventBridge has no endpoint.
  package var statusFile: String?
  /// Buckets that are not S3's: tasks of S3 that name one find it here.
  package var buckets: [String: any Bucket] = [:]
  /// Where buckets are, which requests to them are signed for.
  package var region = "us-east-1"
  /// Whether status changes go to EventBridge where it has an endpoint.
  package var sendsStatus = true

  /// To reach a service, and until its whole answer is there; for each attempt.
  package var connectMilliseconds = 10_000
  package var totalMilliseconds = 60_000
  /// How often a service is asked that did not answer or said "not so fast".
  package var attemptsMax = 3
  /// The first wait between attempts is drawn from 0 to this.
  package var backOffMilliseconds = 100
  /// How long a function may take, whatever calls it.
  package var functionMilliseconds = 905_000
  /// Of a service's answer. A task's result may not be larger either.
  package var responseBytesMax = 2 << 20
  /// Commands at a time, and how many calls may wait for one.
  package var commandsMax = 64
  package var commandsQueuedMax = 10_000
  /// Receives what commands write to their standard errors, with the state's name.
  package var commandErrors: (@Sendable (_ state: String, _ bytes: [UInt8]) -> Void)?
  /// A PEM file of certificates to trust instead of the system's.
  package var authorities: String?

  package init(environment: [String: String] = [:]) {
    self.environment = environment
    authorities = environment["AWS_CA_BUNDLE"] ?? environment["SSL_CERT_FILE"]
  }

  func client(on runtime: Runtime) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    configuration.authorities = authorities
    return HTTPClient(on: runtime, configuration: configuration)
  }

  func client(_ http: HTTPClient, on runtime: Runtime) -> AWSClient {
    var patience = AWSClient.Patience()
    patience.attemptsMax = attemptsMax
    patience.connectMilliseconds = connectMilliseconds
    patience.totalMilliseconds = totalMilliseconds
    patience.backOffMilliseconds = backOffMilliseconds
    patience.throttledMilliseconds = backOffMilliseconds * 5
    return AWSClient(
      http, on: runtime, endpoints: Endpoints(endpoints, environment: environment), patience: patience,
      responseBytesMax: responseBytesMax)
  }
}

/// Serves tasks, and takes what is told of executions, on the loops of a runtime.
///
/// ```swift
/// var configuration = IntegrationConfiguration(environment: environment)
/// configuration.endpoints["sqs"] = "http://127.0.0.1:5000"
/// configuration.commands = [NamedCommand(name: "charge", line: "./charge.sh")]
/// let integrations = Integrations(configuration, on: runtime, requestID: { identifiers.uuid() })
/// let service = StepFunctionsService(
///   host: runtime, identifiers: identifiers, tasks: integrations.resolvers, log: integrations.log,
///   status: integrations.status)
/// …
/// integrations.close { print("all logs are out") }
/// ```
///
/// Close it before the runtime ends, when no execution runs any more.
package final class Integrations: Sendable {
  /// In the order in which they are to be asked.
  package let resolvers: [any TaskResolver]
  /// The buckets of S3; nil where it has no endpoint.
  package let buckets: S3Buckets?
  /// Nil: nobody said where logs go.
  package let log: (any LogSink)?
  package let status: (any StatusSink)?

  private let host: any ExecutionHost
  private let http: HTTPClient
  private let pool: CommandPool
  private let logs: CloudWatchLogSink?
  private let events: EventBridgeSink?
  private let files: [LineFile]

  /// - Parameter requestID: Makes the identifiers that services did not give.
  package init(
    _ configuration: IntegrationConfiguration, on runtime: Runtime,
    requestID: @escaping @Sendable () -> String
  ) {
    host = runtime
    http = configuration.client(on: runtime)
    let client = configuration.client(http, on: runtime)
    let endpoints = client.endpoints
    buckets = S3Buckets(client, region: configuration.region)
    pool = Integrations.pool(configuration, on: runtime)

    var resolvers: [any TaskResolver] = []
    if let mocks = configuration.mocks { resolvers.append(MockTasks(table: mocks, host: runtime)) }
    if !configuration.commands.isEmpty { resolvers.append(CommandTasks(configuration.commands, pool)) }
    let lambda = LambdaEndpoint.endpoint(endpoints)
    if lambda != nil || !configuration.functions.isEmpty || !configuration.commands.isEmpty {
      let functions = FunctionDirectory(
        functions: configuration.functions, commands: configuration.commands, pool: pool, client: client,
        endpoint: lambda, milliseconds: configuration.functionMilliseconds,
        responseBytesMax: configuration.responseBytesMax)
      resolvers.append(LambdaTasks(functions, requestID: requestID))
    }
    if !configuration.buckets.isEmpty {
      resolvers.append(
        BucketTasks(
          configuration.buckets, bytesMax: configuration.responseBytesMax, requestID: requestID))
    }
    resolvers.append(AWSTasks(client, requestID: requestID))
    if configuration.allowsHTTPTasks {
      resolvers.append(HTTPTasks(http, responseBytesMax: configuration.responseBytesMax))
    }
    self.resolvers = resolvers

    let logFile = configuration.logFile.map { LineFile($0, on: runtime) }
    logs = endpoints.endpoint(of: AWSServiceTable.logs).map {
      CloudWatchLogSink(client, $0, on: runtime, stream: "states/stepmill/\(requestID())", other: logFile)
    }
    log = logs ?? logFile
    let bridge =
      configuration.sendsStatus
      ? AWSServiceTable.optimized("events").flatMap { endpoints.endpoint(of: $0) } : nil
    events = bridge.map { EventBridgeSink(client, $0, on: runtime) }
    let statusFile = configuration.statusFile.map { LineFile($0, on: runtime) }
    status = events ?? statusFile
    files = [logFile, events == nil ? statusFile : nil].compactMap { $0 }
  }

  private static func pool(_ configuration: IntegrationConfiguration, on runtime: Runtime) -> CommandPool {
    var bounds = CommandPool.Bounds()
    bounds.runningMax = configuration.commandsMax
    bounds.queuedMax = configuration.commandsQueuedMax
    bounds.millisecondsMax = UInt64(configuration.functionMilliseconds)
    bounds.outputBytesMax = configuration.responseBytesMax
    return CommandPool(
      on: runtime, environment: configuration.environment, bounds: bounds,
      onError: configuration.commandErrors)
  }

  // MARK: Watching

  /// How deliveries to log groups, to EventBridge and to files have gone.
  package var counters: (logs: SinkCounters, status: SinkCounters, files: SinkCounters) {
    var sum = SinkCounters()
    for file in files {
      let counters = file.counters
      sum.delivered += counters.delivered
      sum.dropped += counters.dropped
      sum.failed += counters.failed
      sum.queued += counters.queued
    }
    return (logs?.counters ?? SinkCounters(), events?.counters ?? SinkCounters(), sum)
  }

  /// Commands that run and that wait.
  package var commands: (running: Int, waiting: Int) { pool.counts }

  // MARK: Ending

  /// Ends commands, sends what is queued, and closes all connections. `done` is called once, on
  /// any thread. What has not been taken after so many milliseconds is given up, and counted.
  package func close(
    withinMilliseconds milliseconds: UInt64 = 5000, _ done: @escaping @Sendable () -> Void = {}
  ) {
    pool.close()
    var drains: [@Sendable (@escaping @Sendable () -> Void) -> Void] = files.map { file in { file.drain($0) }
    }
    if let logs { drains.append { logs.drain($0) } }
    if let events { drains.append { events.drain($0) } }
    let http = http
    host.after(milliseconds: milliseconds) { http.close() }
    let last = Last {
      http.close()
      done()
    }
    for drain in drains { drain { withExtendedLifetime(last) {} } }
  }

  /// Calls back when the last one lets go of it.
  private final class Last: Sendable {
    private let done: @Sendable () -> Void
    init(_ done: @escaping @Sendable () -> Void) { self.done = done }
    deinit { done() }
  }
}
