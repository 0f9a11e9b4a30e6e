#if !STEPMILL_FUZZER
  @testable import Stepmill
  @testable import StepmillBatch
#endif

/// Any bytes as rows: in one piece and in several they give the same rows or the same error.
enum RowFuzz {
  /// The first line chooses the dialect and the size of the pieces.
  static func csv(_ bytes: UnsafeRawBufferPointer) {
    let (choice, text) = splitAtLine(bytes)
    let letter = Int(choice.first ?? 0)
    let delimiters = CSVDialect.Delimiter.allCases
    var dialect = CSVDialect(delimiter: delimiters[letter % delimiters.count])
    if letter & 8 != 0 { dialect.headers = .given(["a", "b"]) }
    if letter & 16 != 0 { dialect.order = .service }
    check(text, .csv(dialect), size: Int(choice.last ?? 1)) { row in
      // What is valid text stays so, and is JSON.
      guard let json = try? JSON(parsing: Array(row)) else {
        precondition(String(validating: text, as: UTF8.self) == nil, "a row of CSV is not JSON")
        return
      }
      for member in json.object.map(Array.init) ?? [] {
        precondition(member.value.string != nil, "a field is no string")
      }
    }
  }

  static func jsonLines(_ bytes: UnsafeRawBufferPointer) {
    check(bytes, .jsonLines, size: Int(bytes.first ?? 1)) { _ in }
  }

  /// The first line is a pointer. A document that is JSON gives its elements.
  static func json(_ bytes: UnsafeRawBufferPointer) {
    let (pointer, text) = splitAtLine(bytes)
    let format = RowFormat.json(pointer: String(decoding: pointer, as: UTF8.self))
    check(text, format, size: Int(text.first ?? 1)) { _ in }
    guard pointer.isEmpty, let document = try? JSON(parsing: Array(text)) else { return }
    let rows = try? read(text, format, size: 4096)
    if let elements = document.array {
      precondition(rows?.count == elements.count, "a document has other elements")
      for (row, element) in zip(rows ?? [], elements) {
        precondition((try? JSON(parsing: row)) == element, "an element is another one")
      }
    } else {
      precondition((rows != nil) == (document.object != nil), "a value without elements has some")
    }
  }

  static func manifest(_ bytes: UnsafeRawBufferPointer) {
    if let manifest = try? InventoryManifest(parsing: Array(bytes), bucket: "b") {
      _ = try? manifest.format().reader()
    }
    for file in (try? AthenaManifest(parsing: Array(bytes)))?.files ?? [] {
      precondition(!file.bucket.isEmpty, "an address without a bucket")
    }
  }

  private static func check(
    _ text: UnsafeRawBufferPointer, _ format: RowFormat, size: Int, _ body: ([UInt8]) -> Void
  ) {
    let whole = Result { () throws(RowError) in try read(text, format, size: max(1, text.count)) }
    let pieces = Result { () throws(RowError) in try read(text, format, size: max(1, size % 13)) }
    precondition(whole == pieces, "pieces give something else")
    for row in (try? whole.get()) ?? [] {
      precondition(!row.contains(0x0A), "a row of several lines")
      body(row)
    }
  }

  private static func read(
    _ text: UnsafeRawBufferPointer, _ format: RowFormat, size: Int
  ) throws(RowError) -> [[UInt8]] {
    var feed = RowFeed(try format.reader())
    var rows = RowBuffer(rowsMax: size)
    var found: [[UInt8]] = []
    var offset = 0
    while true {
      let progress = try feed.next(into: &rows)
      for row in 0..<rows.rowCount { found.append(rows.text(of: row)) }
      rows.removeAll()
      switch progress {
      case .full: continue
      case .ended: return found
      case .needsBytes:
        if offset == text.count { feed.finish() }
        let end = min(text.count, offset + size)
        feed.push(Array(text[offset..<end]).span)
        offset = end
      }
    }
  }
}
