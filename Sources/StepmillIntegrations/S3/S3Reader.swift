import Stepmill
import StepmillBatch
import StepmillHTTP

// An object that is read in ranges: while one is worked on, the next is on its way, and no more
// than that is in memory.
//
// Each range after the first asks for the object with the first one's ETag, so that what comes is
// of one object, or an error.
//
// Used by one caller at a time, which is what `@unchecked Sendable` stands on.

final class S3Reader: ObjectReader, @unchecked Sendable {
  let entry: ObjectEntry
  private let client: S3Client
  private let request: S3Client.Request
  /// What came with the opening.
  private var first: [UInt8]?
  /// Where the range that is on its way begins.
  private var offset: Int
  private var ahead: S3Call?
  private var failure: BucketError?

  init(_ client: S3Client, _ request: S3Client.Request, key: String) async throws(BucketError) {
    let response: HTTPClientResponse
    do throws(BucketError) {
      response = try await client.call(Self.ranged(request, 0, client))
    } catch {
      // There is no first byte in an empty object.
      guard error.code == "InvalidRange" || error.code == "416" else { throw error }
      var head = request
      head.method = "HEAD"
      let response = try await client.call(head)
      guard response.header("content-length") == "0" else { throw error }
      self.client = client
      self.request = request
      entry = Self.entry(key, 0, response)
      offset = 0
      return
    }
    let size: Int
    if response.status == 206 {
      let range = try Self.range(response)
      guard range.start == 0, range.count == response.body.count, range.count <= client.bounds.rangeBytes
      else {
        throw S3Client.nonsense("a range that was not asked for")
      }
      size = range.size
      guard range.count == min(client.bounds.rangeBytes, size) else {
        throw S3Client.nonsense("\(range.count) bytes of a range that has more")
      }
    } else {
      // Whoever knows no ranges gives everything, and that must be little.
      size = response.body.count
    }
    entry = Self.entry(key, size, response)
    first = response.body
    offset = response.body.count
    self.client = client
    var following = request
    if !entry.etag.isEmpty { following.headers.append(("If-Match", entry.etag)) }
    self.request = following
  }

  func next() async throws(BucketError) -> [UInt8]? {
    if let failure { throw failure }
    if let piece = first {
      first = nil
      goAhead()
      return piece.isEmpty ? nil : piece
    }
    guard let ahead else { return nil }
    self.ahead = nil
    do throws(BucketError) {
      let piece = try checked(try await ahead.response())
      offset += piece.count
      goAhead()
      return piece
    } catch {
      let told = error.kind == .noSuchKey || error.kind == .changed ? changed : error
      failure = told
      throw told
    }
  }

  /// Asks for the next range.
  private func goAhead() {
    guard offset < entry.size else { return }
    ahead = client.begin(Self.ranged(request, offset, client))
  }

  private func checked(_ response: HTTPClientResponse) throws(BucketError) -> [UInt8] {
    guard response.status == 206 else { throw S3Client.nonsense("a whole object instead of a range") }
    let range = try Self.range(response)
    guard range.size == entry.size, response.header("etag") ?? "" == entry.etag else { throw changed }
    guard range.start == offset, range.count == response.body.count,
      range.count == min(client.bounds.rangeBytes, entry.size - offset)
    else { throw S3Client.nonsense("a range that was not asked for") }
    return response.body
  }

  private var changed: BucketError {
    BucketError(
      .changed, "the object '\(entry.key)' has changed while it was read: at byte \(offset) of \(entry.size)")
  }

  // MARK: Ranges

  private static func ranged(_ request: S3Client.Request, _ offset: Int, _ client: S3Client)
    -> S3Client.Request
  {
    var ranged = request
    ranged.headers.append(("Range", "bytes=\(offset)-\(offset + client.bounds.rangeBytes - 1)"))
    ranged.bytesMax = client.bounds.rangeBytes
    return ranged
  }

  /// Reads "bytes 0-99/500".
  private static func range(
    _ response: HTTPClientResponse
  ) throws(BucketError) -> (start: Int, count: Int, size: Int) {
    let text = response.header("content-range") ?? ""
    let numbers = text.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    guard text.hasPrefix("bytes "), numbers.count == 3, numbers[0] <= numbers[1], numbers[1] < numbers[2]
    else {
      throw S3Client.nonsense("a part of an object whose place is '\(text)'")
    }
    return (numbers[0], numbers[1] - numbers[0] + 1, numbers[2])
  }

  private static func entry(_ key: String, _ size: Int, _ response: HTTPClientResponse) -> ObjectEntry {
    var entry = ObjectEntry(
      key: key, size: size, etag: response.header("etag") ?? "",
      modified: (response.header("last-modified").flatMap { HTTPDate.second($0) } ?? 0) * 1000)
    if let storageClass = response.header("x-amz-storage-class") { entry.storageClass = storageClass }
    return entry
  }
}
