#if !STEPMILL_FUZZER
  @testable import Stepmill
  @testable import StepmillIntegrations
#endif

/// Any bytes as a service's answer: the first line says whose ("sqs SendMessage 200"), the rest
/// is the body. A result is an object, an error has a name, and what was sent comes back from
/// Base64 and from XML.
enum AnswerFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let (head, body) = splitAtLine(bytes)
    let words = String(decoding: head, as: UTF8.self).split(separator: " ").map(String.init)
    let row = words.first.flatMap { AWSServiceTable.sdk($0) } ?? AWSServiceTable.all[words.count % 6]
    let operation = words.count > 1 ? words[1] : row.operations.first?.name ?? "Do"
    let text = Array(body)
    for isPlain in [true, false] {
      let wire = AWSWire(service: row, operation: operation, isPlain: isPlain)
      let response = HTTPClientResponse(
        status: words.count > 2 ? 400 : 200,
        headers: words.dropFirst(3).map { (name: $0, value: $0) }, body: text)
      if let result = try? wire.result(response) {
        precondition(result.kind == .object, "a result is no object")
        precondition((try? JSON(parsing: result.utf8)) == result, "a result is no JSON")
      }
      _ = wire.error(response)
      if let json = try? JSON(parsing: text), json.kind == .object { _ = try? wire.request(json) }
    }
    precondition(Base64.bytes(Base64.text(text)) == text, "Base64 lost something")
    if let string = String(validating: text, as: UTF8.self) {
      _ = PercentEncoding.decoded(string)
      for written in [PercentEncoding.form(string), PercentEncoding.text(string)] {
        precondition(PercentEncoding.decoded(written) == string, "percent signs lost something")
      }
    }
    if let element = try? XMLReader.read(text) {
      precondition((try? XMLReader.read(written(element))) == element, "XML is read differently")
    }
  }

  private static func written(_ element: XMLElement) -> [UInt8] {
    func escaped(_ text: String) -> String {
      text.unicodeScalars.map { $0 == "<" || $0 == "&" || $0 == ">" ? "&#\($0.value);" : String($0) }.joined()
    }
    // Texts between children come together, before them.
    func text(_ element: XMLElement) -> String {
      "<\(element.name)>\(escaped(element.text))\(element.children.map(text).joined())</\(element.name)>"
    }
    return Array(text(element).utf8)
  }
}
