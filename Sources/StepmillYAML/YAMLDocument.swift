import Stepmill

/// A definition written in YAML, read as the JSON that it stands for.
///
/// YAML 1.2 with its core schema: `yes` and `on` are strings, `0o14` is a number. Members keep
/// their order. Anchors and aliases work, within limits; tags, merge keys and names that are no
/// scalars are refused with a message that says what to write instead.
///
/// ```swift
/// let document = try YAMLDocument(Array("""
///   StartAt: Hello
///   States:
///     Hello: { Type: Pass, End: true }
///   """.utf8))
/// let workflow = try runtime.load(document.json)
/// ```
///
/// What is wrong with the definition is then found in the JSON; ``translated(_:)`` tells where that
/// is in the YAML.
public struct YAMLDocument: Sendable {
  /// How much a document may ask for.
  public struct Limits: Sendable {
    /// Bytes of YAML.
    public var sourceBytesMax = 16 << 20
    /// Bytes of the JSON, with every alias written out.
    public var jsonBytesMax = 64 << 20
    /// Levels of mappings and sequences.
    public var nestingMax = 1000

    /// Limits that no document written by people meets.
    public init() {}
  }

  /// The document as JSON. It has a line for each name and value, which is how places are found again.
  public let json: [UInt8]

  struct Place: Sendable {
    var mark: YAMLMark
    var form = YAMLTextForm.other
    /// Where the line begins in the JSON.
    var offset = 0
  }

  private let places: [Place]

  /// Reads a document.
  public init(_ bytes: [UInt8], limits: Limits = Limits()) throws(YAMLError) {
    let (nodes, root) = try YAMLReader.read(bytes, limits: limits)
    let form = try JSONForm(nodes: nodes, root: root, limits: limits)
    json = form.bytes
    places = form.places
  }

  /// A diagnostic about ``json`` with its place in the YAML.
  public func translated(_ diagnostic: Diagnostic) -> Diagnostic {
    var result = diagnostic
    (result.line, result.column) = place(line: diagnostic.line, column: diagnostic.column)
    return result
  }

  /// The place in the YAML that a place in ``json`` comes from.
  public func place(line: Int, column: Int) -> (line: Int, column: Int) {
    guard !places.isEmpty else { return (1, 1) }
    let line = min(max(line, 1), places.count)
    let place = places[line - 1]
    // Behind the opening quote.
    let prefix = column > 2 ? textBefore(line: line, column: column) : []
    switch place.form {
    case .line(let first) where column > 1:
      return (place.mark.line, first + prefix.count)
    case .block(let first, let indentation) where column > 1:
      let breaks = prefix.count { $0 == "\n" }
      let inLine = prefix.reversed().prefix { $0 != "\n" }.count
      return (first + breaks, indentation + inLine + 1)
    case .line, .block, .other:
      return (place.mark.line, place.mark.column)
    }
  }

  /// The characters of the string on a line of the JSON that stand before a column.
  private func textBefore(line: Int, column: Int) -> [Character] {
    let end = line < places.count ? places[line].offset - 1 : json.count
    let text = String(decoding: json[places[line - 1].offset..<end], as: UTF8.self)
    var result: [Character] = []
    var rest = text.dropFirst().prefix(column - 2)
    while let character = rest.popFirst() {
      guard character == "\\" else {
        result.append(character)
        continue
      }
      let escaped = rest.popFirst()
      if escaped == "u" { rest = rest.dropFirst(4) }
      result.append(escaped == "n" ? "\n" : escaped ?? "\\")
    }
    return result
  }
}
