import Stepmill
import StepmillBatch
import Synchronization

/// The buckets and objects that a case needs, in memory.
final class ObjectWorld: Sendable {
  private let buckets = Mutex<[String: MemoryBucket]>([:])
  private let now: @Sendable () -> Int64

  init(now: @escaping @Sendable () -> Int64) {
    self.now = now
  }

  /// What Map Runs read from and write to.
  var storage: BucketStorage {
    BucketStorage(onThreads: false) { [self] name throws(BucketError) in
      guard let bucket = buckets.withLock({ $0[name] }) else {
        throw BucketError(.noSuchBucket, "The specified bucket does not exist")
      }
      return bucket
    }
  }

  /// Makes a call of S3, as far as cases prepare with some. Nil: there is no such call here.
  func call(_ operation: String, _ parameters: JSON) -> JSON? {
    let name = parameters["Bucket"]?.string ?? ""
    switch operation {
    case "CreateBucket":
      buckets.withLock { $0[name] = MemoryBucket(now: now) }
      return [:]
    case "PutObject":
      guard let bucket = buckets.withLock({ $0[name] }), let key = parameters["Key"]?.string,
        let body = Self.bytes(parameters["Body"] ?? "")
      else { return nil }
      let done = Mutex(false)
      let flag = Flag(done)
      InlineTask.run {
        if (try? await bucket.write(key, body)) != nil { flag.isSet.withLock { $0 = true } }
      }
      return flag.isSet.withLock { $0 } ? [:] : nil
    default: return nil
    }
  }

  private final class Flag: Sendable {
    let isSet: Mutex<Bool>
    init(_ isSet: consuming sending Mutex<Bool>) { self.isSet = isSet }
  }

  private static func bytes(_ body: JSON) -> [UInt8]? {
    if let text = body.string ?? body["$text"]?.string { return Array(text.utf8) }
    return body["$base64"]?.string.flatMap(decoded)
  }

  private static func decoded(_ base64: String) -> [UInt8]? {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bytes: [UInt8] = []
    var bits = 0
    var count = 0
    for character in base64.utf8 where character != UInt8(ascii: "=") {
      guard let value = alphabet.firstIndex(of: character) else { return nil }
      bits = (bits << 6 | value) & 0xFFFF
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    return bytes
  }
}

/// A delegate of Map Runs that only has a storage.
final class StorageOnly: MapRunDelegate {
  let mapStorage: (any MapRunStorage)?
  init(_ storage: any MapRunStorage) { mapStorage = storage }
}
