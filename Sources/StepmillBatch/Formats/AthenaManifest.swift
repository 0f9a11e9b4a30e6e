import Stepmill

/// What an Athena UNLOAD leaves: the addresses of the files that it wrote, one on a line.
package struct AthenaManifest: Sendable, Equatable {
  package var files: [ObjectAddress]

  package init(parsing text: [UInt8]) throws(RowError) {
    files = []
    for (number, line) in text.split(separator: 0x0A).enumerated() {
      // CSV text: an address may stand in quotes.
      let uri = String(decoding: line, as: UTF8.self).filter { $0 != "\"" && $0 != "\r" }
      if uri.allSatisfy({ $0 == " " || $0 == "\t" }) { continue }
      guard let file = ObjectAddress(uri: uri) else {
        throw RowError(.syntax, "line \(number + 1) of the manifest is no address such as s3://bucket/key")
      }
      files.append(file)
    }
  }
}
