import Stepmill
import StepmillBatch
import StepmillTasks

/// A bucket of S3's, or of whoever speaks its protocol at an endpoint.
final class S3Bucket: Bucket {
  private let client: S3Client
  private let name: String

  init(_ name: String, _ client: S3Client) throws(BucketError) {
    // What else stood in the path would lead to another bucket, or to none.
    let isName =
      (3...255).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      } && name.utf8.contains { $0 != 0x2E }
    guard isName else {
      throw BucketError(.noSuchBucket, "The specified bucket is not valid.", code: "InvalidBucketName")
    }
    self.name = name
    self.client = client
  }

  private func request(
    _ method: String, _ key: String?, query: [(name: String, value: String)] = []
  ) throws(BucketError) -> S3Client.Request {
    if let key {
      guard !key.isEmpty, key.utf8.count <= 1024 else {
        throw key.isEmpty
          ? BucketError(.invalidKey, "a key has at least one character")
          : BucketError(.invalidKey, "Your key is too long", code: "KeyTooLongError")
      }
    }
    return S3Client.Request(method: method, bucket: name, key: key, query: query)
  }

  // MARK: Objects

  func open(_ key: String, version: String?) async throws(BucketError) -> any ObjectReader {
    try await S3Reader(
      client, try request("GET", key, query: version.map { [("versionId", $0)] } ?? []), key: key)
  }

  func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
    S3Writer(client, try request("PUT", key), key: key, contentType: contentType)
  }

  func remove(_ key: String) async throws(BucketError) {
    do throws(BucketError) {
      _ = try await client.call(try request("DELETE", key))
    } catch {
      if error.kind != .noSuchKey { throw error }
    }
  }

  // MARK: Listing

  func list(prefix: String, after: String?, limit: Int) async throws(BucketError) -> ObjectListing {
    var listing = ObjectListing(entries: [], isTruncated: true)
    var token: String?
    var last = after
    while listing.isTruncated, listing.entries.count < limit {
      let page = try await page(prefix, after: after, token: token, limit - listing.entries.count)
      // A place that does not know where to go on would be asked for ever.
      if let first = page.entries.first?.key, let last,
        first.utf8.elementsEqual(last.utf8) || !follows(first, last)
      {
        throw S3Client.nonsense("the list goes on with '\(first)' after '\(last)'")
      }
      if page.isTruncated, page.token == nil || page.token == token {
        throw S3Client.nonsense("the list is said to go on, but not where")
      }
      listing.entries += page.entries
      listing.isTruncated = page.isTruncated
      last = page.entries.last?.key ?? last
      token = page.token
    }
    if listing.entries.count > limit {
      listing.entries.removeLast(listing.entries.count - limit)
      listing.isTruncated = true
    }
    return listing
  }

  private func follows(_ key: String, _ other: String) -> Bool {
    other.utf8.lexicographicallyPrecedes(key.utf8)
  }

  private func page(
    _ prefix: String, after: String?, token: String?, _ limit: Int
  ) async throws(BucketError) -> S3ListPage {
    // Some keys can stand in XML only behind percent signs.
    var query = [("encoding-type", "url"), ("list-type", "2"), ("max-keys", String(min(limit, 1000)))]
    if !prefix.isEmpty { query.append(("prefix", prefix)) }
    if let token {
      query.append(("continuation-token", token))
    } else if let after {
      query.append(("start-after", after))
    }
    return try S3ListPage(parsing: try await client.call(try request("GET", nil, query: query)).body)
  }
}
