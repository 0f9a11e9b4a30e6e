import Stepmill
import StepmillBatch
import StepmillIntegrations

/// The options of `stepmill map` that take some reading.
enum MapArguments {
  enum Format: String, CaseIterable { case csv, tsv, jsonl, json }
  enum Progress: String, CaseIterable { case line, states }
  enum Delimiter: String, CaseIterable {
    case comma, pipe, semicolon, space, tab

    var delimiter: CSVDialect.Delimiter {
      switch self {
      case .comma: .comma
      case .pipe: .pipe
      case .semicolon: .semicolon
      case .space: .space
      case .tab: .tab
      }
    }
  }

  // MARK: Rows

  /// - Parameter store: Where S3 is; nil: nobody said.
  static func sources(
    _ arguments: Arguments, _ places: BucketPlaces, _ store: S3Buckets?
  ) throws(CommandError) -> [BatchSource] {
    let named = try arguments.choice("--format", of: Format.self)
    var sources: [BatchSource] = []
    for path in arguments.operands.dropFirst() {
      let format = try adjusted(try format(of: path, named), arguments, path)
      // Parquet is refused here, with what could be done instead.
      do throws(RowError) {
        _ = try format.reader()
      } catch {
        throw .data("\(path): \(error.message)")
      }
      let object = try object(path, places, store)
      if path != "-", object == nil, FileKind.of(path) == .missing {
        throw .data("\(path) cannot be read: there is no such file")
      }
      sources.append(BatchSource(path: path, content: .rows(format), object: object))
    }
    return sources
  }

  static func isObject(_ path: String) -> Bool { path.lowercased().hasPrefix("s3://") }

  /// What `s3://BUCKET/KEY` leads to; nil: it is a file.
  private static func object(
    _ path: String, _ places: BucketPlaces, _ store: S3Buckets?
  ) throws(CommandError) -> SourceObject? {
    guard isObject(path) else { return nil }
    guard let address = ObjectAddress(uri: path), !address.key.isEmpty, !address.key.hasSuffix("/") else {
      throw CommandError("'\(path)' is no object: s3://BUCKET/KEY names one")
    }
    let bucket: any Bucket
    do throws(BucketError) {
      bucket = try places.bucket(address.bucket, store)
    } catch {
      throw CommandError("'\(path)' cannot be read: \(error.message)", isAboutUsage: false)
    }
    do throws(RowError) {
      return try SourceObject(address, in: bucket)
    } catch {
      throw CommandError(error.message, isAboutUsage: false)
    }
  }

  private static func format(of path: String, _ named: Format?) throws(CommandError) -> RowFormat {
    switch named {
    case .csv: return .csv()
    case .tsv: return .csv(CSVDialect(delimiter: .tab))
    case .jsonl: return .jsonLines
    case .json: return .json()
    case nil: break
    }
    if let format = RowFormat(fileName: path) { return format }
    throw CommandError(
      path == "-"
        ? "how the rows of standard input are written is not known: give --format csv, tsv, jsonl or json"
        : "the name '\(path)' does not tell how its rows are written: give --format csv, tsv, jsonl or json")
  }

  private static func adjusted(
    _ format: RowFormat, _ arguments: Arguments, _ path: String
  ) throws(CommandError) -> RowFormat {
    let delimiter = try arguments.choice("--delimiter", of: Delimiter.self)
    let headers = arguments.value("--headers")
    let pointer = arguments.value("--items")
    switch format {
    case .csv(var dialect):
      if let delimiter { dialect.delimiter = delimiter.delimiter }
      if let headers {
        dialect.headers = .given(
          headers.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
      }
      if pointer != nil { throw CommandError("--items is for JSON, and '\(path)' is CSV") }
      return .csv(dialect)
    case .json:
      if delimiter != nil || headers != nil {
        throw CommandError("--delimiter and --headers are for CSV, not '\(path)'")
      }
      return .json(pointer: pointer ?? "")
    case .jsonLines, .parquet:
      if delimiter != nil || headers != nil {
        throw CommandError("--delimiter and --headers are for CSV, not '\(path)'")
      }
      if pointer != nil { throw CommandError("--items is for JSON documents, not '\(path)'") }
      return format
    }
  }

  // MARK: Shape

  static func shape(_ arguments: Arguments) throws(CommandError) -> RowShape {
    var shape = RowShape(batch: try arguments.number("--batch", in: 1...1_000_000))
    for word in arguments.values("--param") {
      guard let mark = word.firstIndex(of: "="), mark != word.startIndex else {
        throw CommandError("option '--param' takes KEY=VALUE, not '\(word)'")
      }
      let name = String(word[..<mark])
      let text = String(word[word.index(after: mark)...])
      if shape.parameters.contains(where: { $0.name == name }) {
        throw CommandError("option '--param' gives '\(name)' two values")
      }
      shape.parameters.append((name, (try? JSON(parsing: Array(text.utf8))) ?? JSON(text)))
    }
    return shape
  }

  static func sample(_ text: String?) throws(CommandError) -> (count: Int, seed: UInt64)? {
    guard let text else { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let seed = parts.count == 2 ? UInt64(parts[1]) : parts.count == 1 ? 0 : nil
    guard let count = Int(parts[0]), count > 0, let seed else {
      throw CommandError("option '--sample' takes N or N,SEED, not '\(text)'")
    }
    return (count, seed)
  }

  static func tolerance(_ text: String?) throws(CommandError) -> BatchRun.Tolerance? {
    guard let text else { return nil }
    if text.hasSuffix("%"), let share = Double(text.dropLast()), (0...100).contains(share) {
      return .percentage(share)
    }
    if let count = Int(text), count >= 0 { return .count(count) }
    throw CommandError("option '--tolerate' takes a number of rows or a share such as 0.5%, not '\(text)'")
  }

  /// The options that make results what they are. Others may differ when a run is taken up.
  static func identity(_ arguments: Arguments, shape: RowShape) throws(CommandError) -> JSON {
    let sample = try sample(arguments.value("--sample"))
    return [
      "shape": shape.json, "limit": arguments.value("--limit").map { JSON($0) } ?? .null,
      "sample": sample.map { ["count": JSON($0.count), "seed": JSON(String($0.seed))] } ?? .null,
      "ordered": JSON(arguments.has("--ordered")), "bare": JSON(arguments.has("--bare")),
      "reading": JSON(
        ["--format", "--delimiter", "--headers", "--items", "--limits"].map { name in
          arguments.value(name).map { JSON($0) } ?? .null
        }),
    ]
  }
}
