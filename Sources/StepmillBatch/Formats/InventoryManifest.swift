import Stepmill

/// The `manifest.json` of an S3 inventory: a list of CSV files, and what their columns are.
package struct InventoryManifest: Sendable, Equatable {
  package var files: [ObjectAddress]
  package var columns: [String]

  /// How each of its files is read. They have no headers of their own.
  package func format(order: CSVDialect.Order = .columns) -> RowFormat {
    .csv(CSVDialect(headers: .given(columns), order: order))
  }

  /// - Parameter bucket: The bucket that the manifest was read from, for one that names none.
  package init(parsing text: [UInt8], bucket: String) throws(RowError) {
    let json: JSON
    do {
      json = try JSON(parsing: text)
    } catch {
      throw RowError(.syntax, "the inventory manifest is not JSON: \(error)")
    }
    guard let files = json["files"]?.array else {
      throw RowError(.syntax, "the inventory manifest has no list of \"files\"")
    }
    let format = json["fileFormat"]?.string ?? "CSV"
    guard format.uppercased() == "CSV" else {
      throw RowError(.unsupported, "the inventory is written as \(format); only CSV inventories are read")
    }
    guard let schema = json["fileSchema"]?.string else {
      throw RowError(.syntax, "the inventory manifest has no \"fileSchema\", which names the columns")
    }
    columns = schema.split(separator: ",", omittingEmptySubsequences: false).map { name in
      String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
    // An ARN, or a name.
    let named = json["destinationBucket"]?.string?.split(separator: ":").last.map(String.init)
    self.files = []
    for (index, file) in files.enumerated() {
      guard let key = file["key"]?.string else {
        throw RowError(.syntax, "file \(index + 1) of the inventory manifest has no \"key\"")
      }
      self.files.append(ObjectAddress(bucket: named ?? bucket, key: key))
    }
  }
}
