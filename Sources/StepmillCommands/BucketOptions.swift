import Stepmill
import StepmillBatch
import StepmillIntegrations

/// `--bucket NAME=DIRECTORY` and `--endpoint s3=URL`: where buckets are.
enum BucketOptions {
  static let option = Command.Option(
    "--bucket", "NAME=DIRECTORY", isRepeatable: true,
    help: "Let a directory stand for an S3 bucket, for the readers and writers of Distributed Maps "
      + "(and in 'stepmill serve' for tasks of S3).")

  static let endpoint = Command.Option(
    "--endpoint", "s3=URL", isRepeatable: true,
    help:
      "Where S3 is, for buckets that no --bucket names. Without it: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL."
  )

  /// The directories that `--bucket` gives.
  static func directories(
    _ words: [String], _ option: String = "option '--bucket'"
  ) throws(CommandError) -> [String: any Bucket] {
    var directories: [String: any Bucket] = [:]
    for word in words {
      guard let mark = word.firstIndex(of: "="), mark != word.startIndex,
        word.index(after: mark) != word.endIndex
      else {
        throw CommandError("\(option) takes NAME=DIRECTORY, not '\(word)'")
      }
      let name = String(word[..<mark])
      guard directories[name] == nil else { throw CommandError("\(option) gives '\(name)' two directories") }
      do throws(BucketError) {
        directories[name] = try DirectoryBucket(String(word[word.index(after: mark)...]))
      } catch {
        throw CommandError(error.message, isAboutUsage: false)
      }
    }
    return directories
  }

  /// Where buckets are that no `--bucket` names, for commands that ask no other service of AWS's.
  static func configuration(
    _ arguments: Arguments, _ terminal: Terminal
  ) throws(CommandError) -> IntegrationConfiguration {
    var configuration = IntegrationConfiguration(environment: terminal.environment)
    configuration.region = region(terminal)
    for word in arguments.values("--endpoint") {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "s3", isURL(parts[1]) else {
        throw CommandError(
          "option '--endpoint' takes s3=URL with http:// or https:// here, not '\(word)'", isAboutUsage: false
        )
      }
      configuration.endpoints["s3"] = String(parts[1])
    }
    let variable = "AWS_ENDPOINT_URL_S3"
    if let url = terminal.environment[variable], !url.isEmpty, !isURL(url) {
      throw CommandError(
        "the variable \(variable) takes http://HOST:PORT or https://HOST, not '\(SourceLines.readable(url))'",
        isAboutUsage: false)
    }
    return configuration
  }

  /// Of HTTP, with a host, and with a port that there can be if it has one. Whether anybody is there
  /// shows when somebody is called.
  static func isURL(_ text: some StringProtocol) -> Bool {
    guard let scheme = ["http://", "https://"].first(where: { text.hasPrefix($0) }) else { return false }
    let authority = text.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
    let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    // An address of IPv6 has colons of its own, in brackets.
    let hostEnd =
      place.hasPrefix("[") ? place.firstIndex(of: "]").map(place.index(after:)) : place.firstIndex(of: ":")
    let host = place[..<(hostEnd ?? place.endIndex)]
    let port = place[(hostEnd ?? place.endIndex)...]
    let isHost =
      !host.isEmpty && !host.contains { $0.isWhitespace } && (host.first != "[" || host.last == "]")
    return isHost && (port.isEmpty || port.first == ":" && (UInt16(port.dropFirst()) ?? 0) > 0)
  }

  /// As AWS's own tools choose it.
  static func region(_ terminal: Terminal) -> String {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].lazy.compactMap { terminal.environment[$0] }
    return named.first { !$0.isEmpty } ?? "us-east-1"
  }
}

/// Where buckets are: directories by the buckets' names, and S3 for all others.
struct BucketPlaces {
  var directories: [String: any Bucket] = [:]
  /// Says where S3 is, if anywhere.
  var configuration = IntegrationConfiguration()

  var hasObjectStore: Bool { S3Buckets.isConfigured(configuration) }

  /// What Map Runs read from and write to; nil: nobody said where any bucket is.
  func storage(_ store: S3Buckets?) -> BucketStorage? {
    guard !directories.isEmpty || store != nil else { return nil }
    return BucketStorage(onThreads: true) { [self] name throws(BucketError) in try bucket(name, store) }
  }

  func bucket(_ name: String, _ store: S3Buckets?) throws(BucketError) -> any Bucket {
    if let directory = directories[name] { return directory }
    if let store {
      do throws(BucketError) {
        return try store.bucket(name)
      } catch {
        guard error.code == "InvalidBucketName" else { throw error }
        throw BucketError(
          error.kind,
          "The specified bucket is not valid: '\(name)'. (S3's have three characters or more: letters, digits, "
            + "'-', '.' and '_'. --bucket \(name)=DIRECTORY lets a directory stand for any.)",
          code: error.code)
      }
    }
    throw BucketError(
      .noSuchBucket,
      "The specified bucket does not exist: '\(name)'. (--bucket \(name)=DIRECTORY lets a directory stand for "
        + "it, --endpoint s3=URL says where S3 is.)")
  }

  /// In virtual time, which stands still while somebody is waited for.
  func simulatedStorage() -> BucketStorage? {
    guard !directories.isEmpty || hasObjectStore else { return nil }
    return BucketStorage(onThreads: false) { [self] name throws(BucketError) in
      if let directory = directories[name] { return directory }
      throw BucketError(
        .noSuchBucket,
        hasObjectStore
          ? "The bucket '\(name)' is behind a network, which --simulate does not wait for: give a directory with "
            + "--bucket \(name)=DIRECTORY."
          : "The specified bucket does not exist: '\(name)'. (--bucket \(name)=DIRECTORY lets a directory stand "
            + "for it.)")
    }
  }
}

/// Lends a storage to the Map Runs of a simulated execution.
final class SimulatedMapRuns: MapRunDelegate {
  let mapStorage: (any MapRunStorage)?
  init(_ storage: (any MapRunStorage)?) { mapStorage = storage }
}
