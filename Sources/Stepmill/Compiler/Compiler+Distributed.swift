// The fields that only a Distributed Map has. They have been checked, so what does not read
// as it should cannot be here.

extension Compiler {
  mutating func distributed(_ map: MapDefinition, state: String) -> DistributedMap {
    var result = DistributedMap(
      label: map.label ?? DistributedMap.label(ofState: state),
      isExpress: map.mode?.parent?["ExecutionType"]?.text == "EXPRESS", program: program(of: map.processor))
    if let reader = map.itemReader { result.reader = self.reader(reader) }
    if let batcher = map.itemBatcher { result.batcher = self.batcher(batcher) }
    if let writer = map.resultWriter { result.writer = self.writer(writer) }
    switch map.toleratedFailureCount {
    case .literal(let number): result.failureCount = .literal(Double(number.value))
    case .path(let text): result.failureCount = .path(path(text.value, field: "ToleratedFailureCountPath"))
    case .expression(let text):
      result.failureCount = .expression(expression(text.value, field: "ToleratedFailureCount"))
    case nil: break
    }
    result.failurePercentage = bound(
      map.toleratedFailurePercentage, field: "ToleratedFailurePercentage")
    return result
  }

  /// A number, an expression or a path, whichever the node holds.
  private mutating func bound(_ node: SyntaxNode?, field: String) -> DistributedMap.Bound {
    switch node?.kind {
    case .number(let text): return Double(text).map { .literal($0) } ?? .absent
    case .string(let text):
      if language == .jsonata { return .expression(expression(text, field: field)) }
      return .path(path(text, field: Self.lastName(of: field) + "Path"))
    case .null, .bool, .array, .object, nil: return .absent
    }
  }

  /// The field of that name, or its `…Path` twin.
  private mutating func bound(_ name: String, in node: SyntaxNode, of place: String) -> DistributedMap.Bound {
    bound(node[name] ?? node[name + "Path"], field: "\(place)/\(name)")
  }

  private static func lastName(of field: String) -> String {
    field.split(separator: "/").last.map(String.init) ?? field
  }

  private mutating func request(_ node: SyntaxNode, of place: String) -> UInt32 {
    if let parameters = node["Parameters"], language == .jsonPath {
      return template(parameters, field: "\(place)/Parameters")
    }
    if let arguments = node["Arguments"], language == .jsonata {
      return template(arguments, field: "\(place)/Arguments")
    }
    return 0
  }

  private mutating func reader(_ node: SyntaxNode) -> DistributedMap.Reader {
    let action = node["Resource"]?.text?.split(separator: ":").last.map(String.init) ?? ""
    var reader = DistributedMap.Reader(
      action: action, request: request(node, of: "ItemReader"), config: MapReaderConfig())
    guard let config = node["ReaderConfig"] else { return reader }
    reader.itemsMax = bound("MaxItems", in: config, of: "ItemReader/ReaderConfig")
    reader.config.inputType = config["InputType"]?.text.flatMap { .init(rawValue: $0) }
    reader.config.manifestType = config["ManifestType"]?.text.flatMap { .init(rawValue: $0) }
    reader.config.loadsObjects = config["Transformation"]?.text == "LOAD_AND_FLATTEN"
    if config["CSVHeaderLocation"]?.text == "GIVEN" {
      reader.config.csvHeaders = config["CSVHeaders"]?.elements?.compactMap(\.text)
    }
    reader.config.csvDelimiter = config["CSVDelimiter"]?.text ?? "COMMA"
    reader.config.itemsPointer = config["ItemsPointer"]?.text ?? ""
    return reader
  }

  private mutating func batcher(_ node: SyntaxNode) -> DistributedMap.Batcher {
    var batcher = DistributedMap.Batcher()
    batcher.itemsMax = bound("MaxItemsPerBatch", in: node, of: "ItemBatcher")
    batcher.bytesMax = bound("MaxInputBytesPerBatch", in: node, of: "ItemBatcher")
    if let input = node["BatchInput"] { batcher.input = template(input, field: "ItemBatcher/BatchInput") }
    return batcher
  }

  private mutating func writer(_ node: SyntaxNode) -> DistributedMap.Writer {
    var config = MapWriterConfig()
    let request = request(node, of: "ResultWriter")
    if let written = node["WriterConfig"] {
      config.transformation = written["Transformation"]?.text.flatMap { .init(rawValue: $0) } ?? .none
      config.isLines = written["OutputType"]?.text == "JSONL"
    }
    return DistributedMap.Writer(request: request, config: config)
  }
}
