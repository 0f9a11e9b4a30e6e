// A workflow over the rows of a file, into files: watched, interrupted, and taken up again.

import Stepmill
import StepmillBatch

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@main struct BatchExample {
  static func main() async throws {
    let runtime = try Runtime()
    runtime.register(
      "row.price",
      .synchronous { call throws(TaskFailure) in
        guard let quantity = call.input["quantity"].string.flatMap({ Int($0) }), quantity > 0 else {
          throw TaskFailure(error: "Row.Invalid", cause: "no quantity")
        }
        call.succeed(members: 2) { answer in
          answer.add("sku", call.input["sku"])
          answer.add("cents", quantity * 250)
        }
      })
    let workflow = try runtime.workflow(utf8: PackageResources.Batch_asl_json, name: "prices")

    var template = Array("/tmp/stepmill-example-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { fatalError("there is no room for an example") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let rows = folder + "/rows.csv"
    try write((0..<1000).map { "S-\($0),\($0 % 250 == 99 ? "" : "3")\n" }.joined(), to: rows)

    // Rows one by one, from a file of any format, as any other sequence.
    var first: [String] = []
    let format = RowFile.Format.csv(headers: ["sku", "quantity"])
    for try await result in workflow.map(try RowFile(rows, format: format), maxConcurrency: 2) {
      first.append(result.outcome.output?["sku"]?.string ?? "-")
      if first.count == 3 { break }
    }
    print("first:", first.joined(separator: " "))

    // All of them, into files. This run is cancelled before it begins ...
    let run = MapRun(maxConcurrency: 100)
    run.cancel()
    let files = [try RowFile(rows, format: format)]
    let interrupted = try await workflow.map(files, into: folder, run: run, isOrdered: true)
    print("complete:", interrupted.isComplete)

    // ... and taken up: what had been done, nothing here, is not done again.
    let report = try await workflow.map(files, into: folder, isOrdered: true, resuming: true)
    print("succeeded: \(report.succeeded), failed: \(report.failed), complete: \(report.isComplete)")

    for name in ["rows.csv", "results.jsonl", "failures.jsonl", "checkpoint.json"] {
      unsafe unlink("\(folder)/\(name)")
    }
    unsafe rmdir(folder)
  }

  private static func write(_ text: String, to path: String) throws {
    guard let file = unsafe fopen(path, "w") else { fatalError("'\(path)' cannot be written") }
    defer { unsafe fclose(file) }
    unsafe fputs(text, file)
  }
}
