import Stepmill
import Testing

@testable import StepmillBatch

/// Proves what datasets in buckets give: manifests, lists, and what objects hold.
@Suite struct ManifestTests {
  private static func rows(
    _ request: DatasetRequest, _ bucket: any Bucket, rowsMax: Int = 3
  ) async throws -> (rows: [String], sources: [String]) {
    let dataset = BucketDataset(request) { name throws(BucketError) in
      guard name == "b" else { throw BucketError(.noSuchBucket, "The specified bucket does not exist") }
      return bucket
    }
    var rows = RowBuffer(rowsMax: rowsMax)
    var texts: [String] = []
    var sources: [String] = []
    while try await dataset.next(into: &rows) {
      let count = rows.rowCount
      #expect(count > 0)
      for row in 0..<rows.rowCount {
        texts.append(String(decoding: rows.text(of: row), as: UTF8.self))
        sources.append(dataset.source)
      }
      rows.removeAll()
    }
    return (texts, sources)
  }

  @Test func inventory() async throws {
    let bucket = MemoryBucket(pieceBytes: 10)
    try await bucket.write(
      "data/1.csv.gz", CompressionTests.gzip(Array("\"b\",\"k1\",\"3\"\n\"b\",\"k2\",\"4\"\n".utf8)))
    try await bucket.write("data/2.csv.gz", CompressionTests.gzip(Array("\"b\",\"k3\",\"5\"\n".utf8)))
    try await bucket.write(
      "m/manifest.json",
      Array(
        """
        {"sourceBucket":"s","destinationBucket":"arn:aws:s3:::b","version":"2016-11-30","fileFormat":"CSV",
        "fileSchema":"Bucket, Key, Size","files":[{"key":"data/1.csv.gz","size":1},{"key":"data/2.csv.gz"}]}
        """.utf8))
    let (rows, sources) = try await Self.rows(
      DatasetRequest(bucket: "b", content: .inventory(key: "m/manifest.json"), order: .columns), bucket)
    #expect(
      rows == [
        #"{"Bucket":"b","Key":"k1","Size":"3"}"#, #"{"Bucket":"b","Key":"k2","Size":"4"}"#,
        #"{"Bucket":"b","Key":"k3","Size":"5"}"#,
      ])
    #expect(sources == ["s3://b/data/1.csv.gz", "s3://b/data/1.csv.gz", "s3://b/data/2.csv.gz"])
  }

  @Test func athena() async throws {
    let bucket = MemoryBucket()
    try await bucket.write("o/1", Array("1\n2\n".utf8))
    try await bucket.write("o/2", Array("3\n".utf8))
    try await bucket.write("manifest.csv", Array("s3://b/o/1\r\n\"s3://b/o/2\"\n".utf8))
    let request = DatasetRequest(bucket: "b", content: .athena(key: "manifest.csv"), format: .jsonLines)
    #expect(try await Self.rows(request, bucket).rows == ["1", "2", "3"])
  }

  @Test func listing() async throws {
    let bucket = MemoryBucket(now: { 1_790_204_286_000 })
    for key in ["p/b", "p/a", "q", "p/"] { try await bucket.write(key, Array("x".utf8)) }
    let (rows, sources) = try await Self.rows(
      DatasetRequest(bucket: "b", content: .listing(prefix: "p/")), bucket)
    #expect(rows.count == 3)
    let values = try rows.map { try JSON(parsing: Array($0.utf8)) }
    #expect(values.map { $0["Key"]?.string } == ["p/", "p/a", "p/b"])
    #expect(values[0]["Etag"] == "\"9dd4e461268c8034f5c8564e155c67a6\"")
    #expect(
      values[0].object?.keys.elementsEqual(["Etag", "Key", "LastModified", "Size", "StorageClass"]) == true)
    #expect(sources == ["s3://b", "s3://b", "s3://b"])
  }

  @Test func flattened() async throws {
    let bucket = MemoryBucket()
    for number in 0..<5 {
      try await bucket.write("in/\(number).json", Array("[\(number),\(number * 10)]".utf8))
    }
    let (rows, sources) = try await Self.rows(
      DatasetRequest(bucket: "b", content: .flattened(prefix: "in/"), format: .json()), bucket)
    #expect(rows == ["0", "0", "1", "10", "2", "20", "3", "30", "4", "40"])
    #expect(sources.first == "s3://b/in/0.json")
    #expect(sources.last == "s3://b/in/4.json")
  }

  @Test func whatIsMissing() async throws {
    let bucket = MemoryBucket()
    await #expect(throws: RowError(.source, "The specified key does not exist.")) {
      try await Self.rows(DatasetRequest(bucket: "b", content: .object(key: "k")), bucket)
    }
    await #expect(throws: RowError(.source, "The specified bucket does not exist")) {
      try await Self.rows(DatasetRequest(bucket: "c", content: .object(key: "k")), bucket)
    }
  }

  @Test(arguments: [
    "nonsense", "{}", #"{"files":[]}"#, #"{"files":[{}],"fileSchema":"a"}"#,
    #"{"files":[],"fileSchema":"a","fileFormat":"ORC"}"#,
  ])
  func manifestsThatAreNone(text: String) {
    #expect(throws: RowError.self) { try InventoryManifest(parsing: Array(text.utf8), bucket: "b") }
  }
}
