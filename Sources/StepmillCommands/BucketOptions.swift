import Stepmill
import StepmillBatch

/// `--bucket NAME=DIRECTORY`: directories that stand for S3 buckets.
enum BucketOptions {
  static let option = Command.Option(
    "--bucket", "NAME=DIRECTORY", isRepeatable: true,
    help: "Let a directory stand for an S3 bucket, for the readers and writers of Distributed Maps.")

  /// The storage that the words ask for; nil without any.
  static func storage(_ words: [String], _ option: String = "option '--bucket'") throws(CommandError)
    -> BucketStorage?
  {
    guard !words.isEmpty else { return nil }
    var directories: [String: String] = [:]
    for word in words {
      guard let mark = word.firstIndex(of: "="), mark != word.startIndex,
        word.index(after: mark) != word.endIndex
      else {
        throw CommandError("\(option) takes NAME=DIRECTORY, not '\(word)'")
      }
      let name = String(word[..<mark])
      guard directories.updateValue(String(word[word.index(after: mark)...]), forKey: name) == nil else {
        throw CommandError("\(option) gives '\(name)' two directories")
      }
    }
    do throws(StepmillError) {
      return try BucketStorage(directories: directories)
    } catch {
      throw CommandError(error.description, isAboutUsage: false)
    }
  }
}

/// Lends a storage to the Map Runs of a simulated execution.
final class SimulatedMapRuns: MapRunDelegate {
  let mapStorage: (any MapRunStorage)?
  init(_ storage: (any MapRunStorage)?) { mapStorage = storage }
}
