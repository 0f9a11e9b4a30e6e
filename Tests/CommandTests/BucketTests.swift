import Testing

@testable import Stepmill
@testable import StepmillCommands

/// Proves that `stepmill run --bucket` lets a directory stand for a bucket, in real and in virtual time.
@Suite struct BucketTests {
  private let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private static let definition = #"""
    {"StartAt":"M","States":{"M":{"Type":"Map","End":true,
      "ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
        "ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},
        "Parameters":{"Bucket":"rows","Key":"in.csv"}},
      "ItemSelector":{"id.$":"$$.Map.Item.Value.id","at.$":"$$.Map.Item.Index"},
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
        "StartAt":"T","States":{"T":{"Type":"Task","Resource":"work","End":true}}}}}}
    """#

  @Test(arguments: [["--compact"], ["--simulate", "--compact"], ["--loops", "3", "--compact"]])
  func rowsOfAFile(_ options: [String]) async throws {
    let file = try scratch.file("map.json", Self.definition)
    _ = try scratch.file("in.csv", "id\na\nb\n")
    let run = try await stepmill(
      ["run", file, "--bucket", "rows=\(scratch.path)", "--task", "work=cat"] + options)
    #expect(
      run == Finished(status: 0, output: #"[{"id":"a","at":0},{"id":"b","at":1}]"# + "\n", error: ""))
  }

  @Test func whatIsMissing() async throws {
    let file = try scratch.file("map.json", Self.definition)
    let task = ["--task", "work=cat"]
    let none = try await stepmill(["run", file] + task)
    #expect(none.status == 1 && none.error.contains("States.ItemReaderFailed"))
    #expect(none.error.contains("no bucket is known here"))
    let other = try await stepmill(["run", file, "--bucket", "other=\(scratch.path)"] + task)
    #expect(other.status == 1 && other.error.contains("'rows'"))
    let missing = try await stepmill(["run", file, "--bucket", "rows=\(scratch.path)"] + task)
    #expect(missing.status == 1 && missing.error.contains("States.ItemReaderFailed"))
  }

  @Test(arguments: ["rows", "=x", "rows="])
  func badWords(_ word: String) async throws {
    let file = try scratch.file("map.json", Self.definition)
    let run = try await stepmill(["run", file, "--bucket", word, "--task", "work=cat"])
    #expect(run.status == 2 && run.error.contains("takes NAME=DIRECTORY"))
  }

  @Test func noDirectory() async throws {
    let file = try scratch.file("map.json", Self.definition)
    let run = try await stepmill(["run", file, "--bucket", "rows=/nonexistent", "--task", "work=cat"])
    #expect(run.status == 2 && run.error.contains("/nonexistent"))
  }

  /// Rows of objects, whether or not there is a network.
  @Test func rowsOfObjects() async throws {
    let file = try scratch.file("echo.json", #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#)
    _ = try scratch.file("in.csv", "id\na\nb\n")
    let bucket = ["--bucket", "rows=\(scratch.path)"]
    let run = try await stepmill(
      ["map", file, "s3://rows/in.csv", "--bare", "--ordered", "--quiet"] + bucket)
    #expect(run.status == 0 && run.output == "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "\(run)")
    for (words, message) in [
      (["s3://rows/gone.csv"], "'s3://rows/gone.csv' cannot be read: The specified key does not exist."),
      (["s3://other/in.csv"], "--bucket other=DIRECTORY"),
      (["s3://rows/", "--format", "csv"], "is no object"),
      (["s3://rows"], "does not tell"), (["s3://", "--format", "csv"], "is no object"),
      (["s3://rows/in.csv", "--out", "s3://"], "names no bucket"),
      (["s3://rows/in.csv", "--endpoint", "sqs=http://127.0.0.1:1"], "takes s3=URL"),
      (["s3://rows/in.csv", "--endpoint", "s3=127.0.0.1:1"], "takes s3=URL"),
      (["s3://rows/in.csv", "--endpoint", "s3=https://"], "takes s3=URL"),
      (
        ["s3://rows/in.csv", "--out", "s3://b/out", "--endpoint", "s3=http://127.0.0.1:1"],
        "The specified bucket is not valid: 'b'."
      ),
    ] {
      let run = try await stepmill(["map", file] + words + bucket)
      #expect(run.status == 2 && run.error.contains(message), "\(run)")
    }
  }

  @Test(
    "An endpoint is a URL of HTTP with a host",
    arguments: [
      ("http://127.0.0.1:5000", true), ("https://s3.example", true), ("http://[::1]:80/x", true),
      ("http://[::1]", true), ("https://key:word@host:1/", true), ("http://h?x:y", true),
      ("nonsense", false), ("ftp://h", false), ("http://", false), ("https:///x", false),
      ("http://:80", false),
      ("http://h:99999", false), ("http://h:", false), ("http://h:0", false), ("http://[::1", false),
      ("http://[::1]80", false), ("http://a b", false),
    ])
  func endpoints(url: String, isURL: Bool) {
    #expect(BucketOptions.isURL(url) == isURL)
  }

  /// Virtual time does not wait for a network.
  @Test func simulatedRunsHaveDirectoriesOnly() async throws {
    let file = try scratch.file("map.json", Self.definition)
    let run = try await stepmill([
      "run", file, "--simulate", "--task", "work=cat", "--endpoint", "s3=http://127.0.0.1:1",
    ])
    #expect(run.status == 1 && run.error.contains("--bucket rows=DIRECTORY"), "\(run)")
    let real = try await stepmill(["run", file, "--task", "work=cat", "--endpoint", "s3=http://127.0.0.1:1"])
    #expect(real.status == 1 && real.error.contains("Connect to 127.0.0.1:1"), "\(real)")
  }

  /// The compiled form shows what is distributed, and the children's own program.
  @Test func explained() async throws {
    let run = try await stepmill("explain", try scratch.file("map.json", Self.definition))
    #expect(run.output.contains("items from") && run.output.contains("EXPRESS, labeled"))
    #expect(run.output.contains("children of the Distributed Map labeled"))
  }
}
