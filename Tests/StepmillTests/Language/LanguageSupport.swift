import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads a definition that a test writes as text.
func readDefinition(
  _ text: String, _ options: Definition.ReadingOptions = Definition.ReadingOptions()
) -> (definition: Definition?, diagnostics: [Diagnostic]) {
  Definition.read(Array(text.utf8), options: options)
}

/// A machine that starts at `A`, with the states given.
func machineText(_ states: String, _ more: String = "") -> String {
  "{\"StartAt\":\"A\",\(more.isEmpty ? "" : more + ",")\"States\":{\(states)}}"
}

/// Thrown by a test that meets another shape than it takes apart.
struct UnexpectedShape: Error {
  var what: String
  init(_ what: String) { self.what = what }
}

extension Diagnostic {
  /// As the tests' tables write it: `CODE: message @ location`, with `S` for the most common code.
  var brief: String {
    let code = self.code == DiagnosticCode.schema ? "S" : self.code
    return "\(code): \(message)\(location.map { " @ \($0)" } ?? "")"
  }
}

/// The conformance data, where it is at hand.
enum LanguageData {
  static let directory: String = {
    if let path = getenv("STEPMILL_CONFORMANCE") { return String(cString: path) }
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    // <root>/Tests/StepmillTests/Language/<this file>, and the data beside the root.
    parts.removeLast(5)
    return parts.joined(separator: "/") + "/shared/conformance"
  }()

  static func has(_ path: String) -> Bool {
    access(directory + "/" + path, R_OK) == 0
  }

  static func bytes(_ path: String) -> [UInt8]? {
    guard let file = fopen(directory + "/" + path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  /// Reads a text, and keeps its tree as long as the tests run: nodes are views of it.
  static func root(
    _ source: SourceText, nestingMax: Int = 500
  ) throws(SyntaxError) -> SyntaxNode {
    let document = try SyntaxReader.read(source, nestingMax: nestingMax)
    trees.withLock { $0.append(document.tree) }
    return document.root
  }

  private static let trees = Lock<[SyntaxTree]>([])

  /// The lines of a file of JSON lines, each as a syntax tree with its text.
  static func rows(_ path: String) throws -> [(row: SyntaxNode, bytes: [UInt8])] {
    let bytes = try #require(Self.bytes(path))
    return try bytes.split(separator: UInt8(ascii: "\n")).map { line in
      let source = SourceText(Array(line))
      return (try root(source), source.bytes)
    }
  }
}
