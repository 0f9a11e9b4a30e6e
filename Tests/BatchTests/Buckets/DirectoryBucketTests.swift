import Foundation
import Testing

@testable import StepmillBatch

/// Proves that a directory is a bucket: objects come whole or not at all, the list is in S3's
/// order, and no key leads out.
@Suite struct DirectoryBucketTests {
  private let folder: URL
  private let bucket: DirectoryBucket

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "stepmill-bucket-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    bucket = try DirectoryBucket(folder.path, isDurable: true)
  }

  private func text(_ key: String) async throws -> String {
    String(decoding: try await bucket.read(key), as: UTF8.self)
  }

  @Test func objectsAreFiles() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let entry = try await bucket.write("a/b/c.txt", Array("hello".utf8))
    #expect(entry.size == 5)
    #expect(entry.etag == "\"5d41402abc4b2a76b9719d911017c592\"")
    #expect(try String(contentsOf: folder.appendingPathComponent("a/b/c.txt"), encoding: .utf8) == "hello")
    #expect(try await text("a/b/c.txt") == "hello")
    try await bucket.write("a/b/c.txt", Array("again".utf8))
    #expect(try await text("a/b/c.txt") == "again")
    try bucket.remove("a/b/c.txt")
    try bucket.remove("a/b/c.txt")
    #expect(throws: BucketError(.noSuchKey, "The specified key does not exist.")) {
      try bucket.open("a/b/c.txt", version: nil)
    }
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("a").path))
  }

  @Test func whatIsNotFinishedIsNotThere() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    do {
      let writer = try bucket.create("k", contentType: "")
      try await writer.write([1, 2, 3])
      #expect(try bucket.list(prefix: "", after: nil, limit: 10).entries.isEmpty)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func listsInTheOrderOfKeys() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let memory = MemoryBucket()
    let keys = ["a/b", "a-b", "a.b", "a0", "b/", "b/x/y", "b/x-y", "Z", "ä", "c/d/e/f", "c/d/e0"]
    for key in keys.shuffled() {
      try await bucket.write(key, [])
      try await memory.write(key, [])
    }
    for prefix in ["", "a", "a/", "b", "b/x", "c/d/e/", "nothing"] {
      let expected = memory.list(prefix: prefix, after: nil, limit: 100).entries.map(\.key)
      #expect(try bucket.list(prefix: prefix, after: nil, limit: 100).entries.map(\.key) == expected)
      // In pages.
      var paged: [String] = []
      while true {
        let page = try bucket.list(prefix: prefix, after: paged.last, limit: 2)
        paged += page.entries.map(\.key)
        if !page.isTruncated { break }
      }
      #expect(paged == expected)
    }
  }

  @Test(arguments: [
    "", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "./a", "a/.", "link/secret", "link", "file/x",
    ".stepmill~folder", "a/.stepmill~x", "nul\0",
  ])
  func noKeyLeadsOut(key: String) async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let outside = folder.appendingPathExtension("outside")
    try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: outside) }
    try Data("secret".utf8).write(to: outside.appendingPathComponent("secret"))
    try FileManager.default.createSymbolicLink(
      at: folder.appendingPathComponent("link"), withDestinationURL: outside)
    try Data().write(to: folder.appendingPathComponent("file"))
    #expect(throws: BucketError.self) { try bucket.open(key, version: nil) }
    if key != "link" {
      await #expect(throws: BucketError.self) { try await bucket.write(key, [1]) }
    } else {
      // The link itself is replaced, not followed.
      try await bucket.write(key, [1])
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["secret"])
    #expect(try Data(contentsOf: outside.appendingPathComponent("secret")) == Data("secret".utf8))
    #expect(
      try bucket.list(prefix: "", after: nil, limit: 9).entries.contains { $0.key.hasPrefix("link/") }
        == false)
  }

  @Test func aDirectoryThatWasRemoved() throws {
    try FileManager.default.removeItem(at: folder)
    #expect {
      try bucket.create("a/b.txt", contentType: "")
    } throws: {
      ($0 as? BucketError)?.message.hasPrefix("'a/b.txt' in '\(folder.path)' cannot be made") == true
    }
  }

  @Test func aDirectoryThatIsNone() {
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(throws: BucketError.self) { try DirectoryBucket(folder.path + "/none") }
  }
}
