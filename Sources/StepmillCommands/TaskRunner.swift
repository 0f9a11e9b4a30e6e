import Stepmill
import StepmillIntegrations
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Answers tasks by running commands on the command's loop.
//
// Who may touch what: everything belongs to the loop's thread; handlers on the engine's
// threads reach it by `CommandLoop.post`. That is what `@unchecked Sendable` stands on.

/// One attempt of a task that a command answers.
final class CommandJob: @unchecked Sendable {
  enum Answer: Sendable {
    case answered(Result<JSON, TaskFailure>)
    /// Nobody wants the answer any more.
    case cancelled
  }

  fileprivate let line: String
  fileprivate let input: JSON
  fileprivate let state: String
  fileprivate let resource: String
  fileprivate let retryCount: Int
  fileprivate var child: ChildProcess?
  private var onAnswer: ((Answer) -> Void)?

  init(
    _ line: String, input: JSON, state: String, resource: String, retryCount: Int,
    onAnswer: @escaping (Answer) -> Void
  ) {
    self.line = line
    self.input = input
    self.state = state
    self.resource = resource
    self.retryCount = retryCount
    self.onAnswer = onAnswer
  }

  /// Gives the answer; only the first one counts.
  fileprivate func answer(_ answer: Answer) {
    let onAnswer = onAnswer
    self.onAnswer = nil
    onAnswer?(answer)
  }

  fileprivate var isAnswered: Bool { onAnswer == nil }
}

final class TaskRunner: @unchecked Sendable {
  let loop: CommandLoop
  let sources: TaskSources
  private let terminal: Terminal
  private let environment: [String]
  private let outputBytesMax: Int
  private var queue: [CommandJob] = []
  private var queueStart = 0
  private var runningCount = 0
  private var isClosed = false

  /// Commands at a time; each takes a process and some file descriptors.
  private static let runningMax = 64

  init(loop: CommandLoop, sources: TaskSources, terminal: Terminal, outputBytesMax: Int) {
    self.loop = loop
    self.sources = sources
    self.terminal = terminal
    environment = terminal.environment.map { "\($0.key)=\($0.value)" }
    // White space and escapes may make the text longer than what the limit counts.
    self.outputBytesMax = outputBytesMax * 4 + 65536
  }

  /// Commands that have been asked for and have not answered.
  var activeCount: Int { runningCount + queue.count - queueStart }

  func submit(_ job: CommandJob) {
    if isClosed { job.answer(.cancelled) }
    if job.isAnswered { return }
    queue.append(job)
    startNext()
  }

  /// Ends a job whose answer nobody wants. It may be called before the job is submitted.
  func cancel(_ job: CommandJob) {
    job.answer(.cancelled)
    job.child?.end()
  }

  /// Cancels everything, now and from here on.
  func close() {
    isClosed = true
    let jobs = queue[queueStart...]
    queue = []
    queueStart = 0
    for job in jobs { job.answer(.cancelled) }
    for child in loop.children.values { child.end() }
  }

  private func startNext() {
    while runningCount < Self.runningMax, queueStart < queue.count {
      let job = queue[queueStart]
      queueStart += 1
      if queueStart == queue.count {
        queue.removeAll(keepingCapacity: true)
        queueStart = 0
      }
      if !job.isAnswered { start(job) }
    }
  }

  private func start(_ job: CommandJob) {
    runningCount += 1
    let prefixer = LinePrefixer(prefix: "[\(SourceLines.readable(job.state))] ", terminal: terminal)
    let line = CommandLineToRun(
      command: job.line,
      environment: environment + [
        "STEPMILL_STATE=\(job.state)", "STEPMILL_RESOURCE=\(job.resource)",
        "STEPMILL_RETRY_COUNT=\(job.retryCount)",
      ],
      input: job.input.utf8 + [UInt8(ascii: "\n")], outputBytesMax: outputBytesMax)
    job.child = ChildProcess.start(
      line, on: loop, onError: { prefixer.take($0) },
      onEnd: { [self] result in
        prefixer.finish()
        runningCount -= 1
        job.child = nil
        job.answer(.answered(CommandAnswer.read(result)))
        startNext()
      })
  }
}

/// Passes a child's standard error on, line by line.
final class LinePrefixer {
  private let prefix: [UInt8]
  private let terminal: Terminal
  private var line: [UInt8] = []
  private static let lineMax = 16384

  init(prefix: String, terminal: Terminal) {
    self.prefix = Array(terminal.style(.error).dim(prefix).utf8)
    self.terminal = terminal
  }

  func take(_ bytes: [UInt8]) {
    var text: [UInt8] = []
    for byte in bytes {
      if byte != UInt8(ascii: "\n") {
        line.append(byte)
        if line.count < Self.lineMax { continue }
      }
      text += prefix + line + [UInt8(ascii: "\n")]
      line.removeAll(keepingCapacity: true)
    }
    if !text.isEmpty { terminal.write(text, to: .error) }
  }

  func finish() {
    if !line.isEmpty { take([UInt8(ascii: "\n")]) }
  }
}
