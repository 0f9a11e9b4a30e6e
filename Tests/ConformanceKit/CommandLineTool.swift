import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The tool behind its arguments. Cases that fail are data, not errors of the tool: it ends
// with 0 when it has run them all, and with 1 when it was called wrongly or could not read or
// write a file.

public struct CommandLineTool {
  private let arguments: [String]

  public init(arguments: [String]) {
    self.arguments = arguments
  }

  private static let usage =
    "usage: stepmill-conformance SET CASES.jsonl --out RESULTS.jsonl [--only ID] [--show]"

  private static var help: String {
    let width = ConformanceSet.allCases.map(\.rawValue.count).max() ?? 0
    let sets = ConformanceSet.allCases.map { set in
      let padding = String(repeating: " ", count: width - set.rawValue.count)
      return "  \(set.rawValue)\(padding)  \(set.title) (\(set.file))"
    }
    return """
      Runs a set of conformance cases and writes what the engine really answers.

      \(usage)

      sets:
      \(sets.joined(separator: "\n"))

      options:
        --out FILE   where the results go, a row of JSON per case; `-` is standard output
        --only ID    run the cases whose id contains ID
        --show       print the cases that differ, with the first difference
        --help       print this

      A row is {"id": …, "ok": true|false, "got": …}; a case that cannot be run carries
      "skipped" with the reason. Rows of asl tell by "outcome_ok" whether status, output, error
      and cause agree, where "ok" asks for the same history, too.

      """
  }

  private struct Misuse: Error {
    var text: String
  }

  private struct Request {
    var set: ConformanceSet
    var cases: String
    var out: String
    var only: String?
    var show = false
  }

  /// Does what the arguments ask for; returns the exit code.
  public func run() -> Int32 {
    if arguments.contains("--help") || arguments.contains("-h") {
      Terminal.out(Self.help)
      return 0
    }
    do {
      try perform(try request())
      return 0
    } catch let misuse as Misuse {
      Terminal.err("stepmill-conformance: \(misuse.text)\n\(Self.usage)\nsee stepmill-conformance --help\n")
    } catch {
      Terminal.err("stepmill-conformance: \(error)\n")
    }
    return 1
  }

  private func request() throws -> Request {
    var names: [String] = []
    var out: String?
    var only: String?
    var show = false
    var rest = arguments[...]
    func value(of option: String) throws -> String {
      guard let value = rest.popFirst() else { throw Misuse(text: "\(option) needs a value") }
      return value
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--out": out = try value(of: argument)
      case "--only": only = try value(of: argument)
      case "--show": show = true
      case _ where argument.hasPrefix("-") && argument != "-":
        throw Misuse(text: "there is no option \(argument)")
      default: names.append(argument)
      }
    }
    guard let name = names.first else { throw Misuse(text: "which set?") }
    guard let set = ConformanceSet(rawValue: name) else {
      let known = ConformanceSet.allCases.map(\.rawValue).joined(separator: ", ")
      throw Misuse(text: "there is no set '\(name)'; there are \(known)")
    }
    guard names.count >= 2 else { throw Misuse(text: "which file of cases?") }
    guard names.count == 2 else { throw Misuse(text: "what is '\(names[2])' for?") }
    guard let out else { throw Misuse(text: "--out is missing") }
    return Request(set: set, cases: names[1], out: out, only: only, show: show)
  }

  private func perform(_ request: Request) throws {
    let file = try CaseFile(path: request.cases)
    let cases = file.cases.filter { each in request.only.map { each.id.contains($0) } ?? true }
    if cases.isEmpty, let only = request.only {
      throw CaseFile.Failure(description: "\(request.cases) has no case whose id contains '\(only)'")
    }
    var output = try ResultFile(path: request.out)
    var tally = Tally()
    let progress = Progress(of: cases.count)
    for (index, each) in cases.enumerated() {
      let answer = request.set.run(each.row)
      tally.add(answer)
      try output.write(answer.row(id: each.id))
      if request.show, !answer.isOK, answer.skipped == nil {
        progress.clear()
        Terminal.err("differs: \(each.id)\n  \(answer.difference ?? "got \(answer.got.text.prefix(800))")\n")
      }
      progress.show(index + 1)
    }
    try output.finish()
    progress.clear()
    Terminal.err(tally.summary + "\n")
  }
}

/// What came of the cases of a set.
public struct Tally: Sendable {
  public private(set) var passed = 0
  public private(set) var failed = 0
  public private(set) var skipped = 0
  /// Executions with the expected outcome.
  public private(set) var outcomes = 0

  public init() {}

  public mutating func add(_ answer: CaseAnswer) {
    if answer.skipped != nil {
      skipped += 1
    } else if answer.isOK {
      passed += 1
    } else {
      failed += 1
    }
    if answer.outcomeIsOK == true { outcomes += 1 }
  }

  public var run: Int { passed + failed }
  public var summary: String { "\(passed) passed, \(failed) failed, \(skipped) skipped" }
}

/// Ends the process.
public enum Exit {
  public static func with(_ code: Int32) -> Never { exit(code) }
}

private enum Terminal {
  static func out(_ text: String) { _ = writeAll(Array(text.utf8), to: 1) }
  static func err(_ text: String) { _ = writeAll(Array(text.utf8), to: 2) }
}

/// Writes all bytes; false when the system refuses to.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    if written < 0 && errno == EINTR { continue }
    guard written > 0 else { return false }
    rest = rest.dropFirst(written)
  }
  return true
}

/// How far it is, on a terminal only.
private struct Progress {
  private let count: Int
  private let isShown = isatty(2) == 1

  init(of count: Int) { self.count = count }

  func show(_ done: Int) {
    if isShown, done % 16 == 0 || done == count { Terminal.err("\r\(done) of \(count) ") }
  }

  func clear() {
    if isShown { Terminal.err("\r\u{1B}[K") }
  }
}

private struct ResultFile {
  private let path: String
  private let descriptor: Int32

  init(path: String) throws(CaseFile.Failure) {
    self.path = path
    descriptor = path == "-" ? 1 : unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure }
  }

  mutating func write(_ row: JSON) throws(CaseFile.Failure) {
    guard writeAll(row.utf8 + [UInt8(ascii: "\n")], to: descriptor) else { throw failure }
  }

  func finish() throws(CaseFile.Failure) {
    if descriptor != 1, close(descriptor) != 0 { throw failure }
  }

  private var failure: CaseFile.Failure { CaseFile.Failure(description: "\(path): \(CaseFile.systemText())") }
}
