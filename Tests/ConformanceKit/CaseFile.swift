import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file of cases, one JSON object to a line.
public struct CaseFile: Sendable {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// A case with the number of its line.
  public struct Case: Sendable {
    public let line: Int
    public let id: String
    public let row: JSON
  }

  public let cases: [Case]

  public init(path: String) throws(Failure) {
    let bytes = try Self.read(path)
    var cases: [Case] = []
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }) else { continue }
      let row: JSON
      do {
        row = try JSON(parsing: line)
      } catch {
        throw Failure(description: "\(path):\(number): not a line of JSON: \(error)")
      }
      guard let id = row["id"]?.string else {
        throw Failure(description: "\(path):\(number): the case has no \"id\"")
      }
      cases.append(Case(line: number, id: id, row: row))
    }
    self.cases = cases
  }

  static func read(_ path: String) throws(Failure) -> [UInt8] {
    guard let file = unsafe fopen(path, "r") else {
      throw Failure(description: "\(path): \(systemText())")
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    guard unsafe ferror(file) == 0 else { throw Failure(description: "\(path): \(systemText())") }
    return bytes
  }

  static func systemText() -> String { unsafe String(cString: strerror(errno)) }
}

/// The folder with the conformance data, where it is at hand.
public enum ConformanceData {
  /// `STEPMILL_CONFORMANCE`, else `../shared/conformance` beside the package.
  public static let directory: String = {
    if let path = unsafe getenv("STEPMILL_CONFORMANCE") { return unsafe String(cString: path) }
    // <root>/Tests/ConformanceKit/<this file>
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
    return parts.joined(separator: "/") + "/shared/conformance"
  }()

  public static func path(of set: ConformanceSet) -> String { directory + "/" + set.file }

  public static func has(_ set: ConformanceSet) -> Bool { unsafe access(path(of: set), R_OK) == 0 }
}
