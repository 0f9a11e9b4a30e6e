import Foundation
import Stepmill
import Testing

@testable import StepmillBatch

/// Proves that CSV is read as Python's `csv` module reads it, where the service's rules agree with
/// it: quotes, line ends in quotes, short and long rows; not backslashes.
@Suite struct PythonCSVTests {
  private static let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// Reads texts, one JSON string on a line, and prints the rows of each. A row without anything
  /// is none; a quote that is never closed is an error.
  private static let script = """
    import csv, io, json, sys
    for line in sys.stdin:
        text = json.loads(line)
        rows = [r for r in csv.reader(io.StringIO(text, newline=''), strict=False) if r != []]
        print(json.dumps(rows))
    """

  private static func readByPython(_ texts: [String]) throws -> [JSON] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python!)
    process.arguments = ["-c", script]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let lines = texts.map { JSON($0).text }.joined(separator: "\n") + "\n"
    let writer = Foundation.Thread {
      input.fileHandleForWriting.write(Data(lines.utf8))
      try? input.fileHandleForWriting.close()
    }
    writer.start()
    let answer = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try answer.split(separator: 0x0A).map { try JSON(parsing: Array($0)) }
  }

  @Test(.enabled(if: python != nil, "python3 is not here: nothing to compare with"))
  func rowsAreTheSame() throws {
    var random = BatchRandom(seed: 11)
    var texts: [String] = []
    let plain = ["a", "b", "ä", " ", "1", "x\"y", ".", "\t", "|", "{"]
    for _ in 0..<3000 {
      var text = ""
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let fields = (0..<Int.random(in: 1...4, using: &random)).map { _ -> String in
          var field = ""
          for _ in 0..<Int.random(in: 0...3, using: &random) { field += plain.randomElement(using: &random)! }
          guard Bool.random(using: &random) else {
            // A quote counts at the beginning only.
            return field
          }
          let inside =
            field
            + (Bool.random(using: &random) ? [",", "\n", "\r\n", "\"\""].randomElement(using: &random)! : "")
          return "\"" + inside.replacingOccurrences(of: "x\"y", with: "x\"\"y") + "\""
        }
        text += fields.joined(separator: ",") + ["\n", "\r\n"].randomElement(using: &random)!
      }
      texts.append(text)
    }
    let expected = try Self.readByPython(texts)
    #expect(expected.count == texts.count)
    let headers = (0..<6).map { "c\($0)" }
    for (text, rows) in zip(texts, expected) {
      let read = try RowTexts.values(text, as: .csv(CSVDialect(headers: .given(headers))))
      let theirs = (rows.array.map(Array.init) ?? []).map { row -> JSON in
        JSON(members: headers.enumerated().map { (key: $0.element, value: row[$0.offset] ?? "") })
      }
      #expect(read == theirs, "\(text.debugDescription)")
    }
  }
}
