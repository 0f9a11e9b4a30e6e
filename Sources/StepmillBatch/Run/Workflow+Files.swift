import Stepmill

/// What became of a run over files.
public struct MapReport: Hashable, Sendable {
  /// Rows that came to their end.
  public let succeeded: Int
  /// Rows that did not; they are in the failures file.
  public let failed: Int
  /// Whether all rows have run. If not, the same call with `resuming` goes on.
  public let isComplete: Bool
  /// Why not.
  public let reason: String?
}

extension Workflow {
  /// Runs the workflow over the rows of files and leaves the results in files, in constant memory
  /// and in such a way that it can be interrupted anywhere and taken up again.
  ///
  /// ```swift
  /// let report = try await workflow.map([RowFile("orders.csv.gz")], into: "priced", run: run)
  /// ```
  ///
  /// There are `results.jsonl` with `{"row":…,"output":…}`, `failures.jsonl` with
  /// `{"row":…,"input":…,"state":…,"error":…,"cause":…}`, and `checkpoint.json`. Rows are
  /// numbered from 0 over all files.
  ///
  /// - Parameters:
  ///   - files: The rows.
  ///   - directory: Where the results go. It must exist.
  ///   - run: A hand on it. Cancelling aborts what is under way; those rows run again when the
  ///     run is taken up.
  ///   - isOrdered: Results are written in the order of their rows.
  ///   - resuming: Goes on with a run that was interrupted. Results of another input are refused.
  /// - Throws: ``StepmillError`` when the directory holds another run, or cannot be written.
  public func map(
    _ files: [RowFile], into directory: String, run: MapRun = MapRun(), isOrdered: Bool = false,
    resuming: Bool = false
  ) async throws(StepmillError) -> MapReport {
    let folder = directory.hasSuffix("/") ? directory : directory + "/"
    let places = BatchPlaces(
      results: folder + "results.jsonl", failures: folder + "failures.jsonl",
      checkpoint: folder + "checkpoint.json")
    let output: BatchFiles
    do {
      var marks: [JSON] = []
      for file in files { marks.append(try file.source.fingerprint()) }
      output = try BatchFiles(
        places, identity: ["input": JSON(marks), "ordered": JSON(isOrdered)], isOrdered: isOrdered,
        start: resuming ? .resume(force: false) : .fresh)
    } catch {
      throw StepmillError(aboutInput: "\(error)")
    }
    if output.isFinished { return MapReport(output.counts, .completed) }
    var options = BatchRun.Options()
    options.badRows = .record
    let batch = BatchRun(
      self, sources: files.map(\.source), sink: output, options: options, control: run,
      elapsedMilliseconds: output.milliseconds)
    let ending = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in batch.start { continuation.resume(returning: $0) } }
    } onCancel: {
      run.cancel()
    }
    batch.join()
    return MapReport(output.counts, ending)
  }
}

extension MapReport {
  fileprivate init(_ counts: BatchCounts, _ ending: BatchRun.Ending) {
    let reason: String? =
      switch ending {
      case .completed: nil
      case .stopped: "it was cancelled"
      case .tooManyFailures: "more rows failed than are tolerated"
      case .badRow(let row, let message): "row \(row) is not JSON: \(message)"
      case .source(let name, let error): "\(name): \(error)"
      case .output(let error): error.message
      case .runtime(let message): message
      }
    self.init(
      succeeded: counts.succeeded, failed: counts.failed, isComplete: ending == .completed, reason: reason)
  }
}
