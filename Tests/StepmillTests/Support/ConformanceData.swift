import Foundation

/// Where the conformance data lies: `STEPMILL_CONFORMANCE`, or beside the package.
enum ConformanceData {
  static var directory: URL {
    if let path = ProcessInfo.processInfo.environment["STEPMILL_CONFORMANCE"] {
      return URL(fileURLWithPath: path)
    }
    return URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("shared/conformance")
  }

  static func exists(_ file: String) -> Bool {
    let path = directory.appendingPathComponent(file).path
    if FileManager.default.isReadableFile(atPath: path) { return true }
    print("Skipped: there is no conformance data at \(path).")
    return false
  }

  static func lines(_ file: String) throws -> [String] {
    try String(contentsOf: directory.appendingPathComponent(file), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }
}
