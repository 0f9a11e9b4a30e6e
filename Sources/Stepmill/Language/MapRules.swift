// The fields that make a Map distributed: where items come from, how they are grouped,
// where results go.

extension DefinitionReader {
  static let readerFields = FieldTable(
    ["Resource", "ReaderConfig"], jsonPath: ["Parameters"], jsonata: ["Arguments"], required: ["Resource"])
  static let readerConfigFields = FieldTable(
    [
      "InputType", "Transformation", "ManifestType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter",
      "ItemsPointer", "MaxItems",
    ], jsonPath: ["MaxItemsPath"],
    choices: [
      ("InputType", ["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]),
      ("Transformation", ["NONE", "LOAD_AND_FLATTEN"]), ("ManifestType", ["ATHENA_DATA", "S3_INVENTORY"]),
      ("CSVDelimiter", ["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]),
      ("CSVHeaderLocation", ["FIRST_ROW", "GIVEN"]),
    ], ranges: [("MaxItems", FieldRange(0, 100_000_000))])
  static let batcherFields = FieldTable(
    ["MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput"],
    jsonPath: ["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"],
    ranges: [
      ("MaxItemsPerBatch", FieldRange(1)), ("MaxInputBytesPerBatch", FieldRange(1, 262_144)),
    ])
  static let writerFields = FieldTable(
    ["Resource", "WriterConfig"], jsonPath: ["Parameters"], jsonata: ["Arguments"])
  static let writerConfigFields = FieldTable(
    ["Transformation", "OutputType"],
    choices: [("Transformation", ["NONE", "COMPACT", "FLATTEN"]), ("OutputType", ["JSON", "JSONL"])])

  // MARK: Label

  static var labelMax: Int { 40 }

  func readLabel(_ fields: ObjectFields) -> String? {
    guard let label = text("Label", in: fields) else { return nil }
    if label.value.unicodeScalars.count > Self.labelMax {
      error(
        "Label '\(label.value.prefix(200))' exceeds the 40-character limit allowed by the service",
        code: DiagnosticCode.invalidLabelName, at: label.node)
    } else if label.value.isEmpty {
      error("Value cannot be empty", code: DiagnosticCode.invalidLabelName, at: label.node)
    } else if let bad = label.value.unicodeScalars.first(where: isForbiddenInLabel) {
      error(
        "Label contains invalid character: '\(bad.escaped(asASCII: false))'",
        code: DiagnosticCode.invalidLabelName,
        at: label.node)
    }
    if !labels.insert(label.value).inserted {
      error(
        "Duplicate Label name: \(label.value)", code: DiagnosticCode.duplicateLabelName, at: label.node,
        in: .names)
    }
    return label.value
  }

  private func isForbiddenInLabel(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      || "?*<>{}[]:;,\\|^~$#%&`\"".unicodeScalars.contains(scalar)
  }

  // MARK: ItemReader

  func checkItemReader(_ node: SyntaxNode, _ language: QueryLanguage) {
    guard let fields = fields(of: node, Self.readerFields, language) else { return }
    requireFields(in: fields)
    _ = template("Parameters", in: fields)
    if let arguments = fields["Arguments"] { checkExpressions(in: arguments) }
    let resource = storageAction("Resource", in: fields, of: ["s3:getObject", "s3:listObjectsV2"])
    if let config = fields["ReaderConfig"] { checkReaderConfig(config, language, resource) }
  }

  /// The `service:action` of a resource that must be one of `actions`, in whatever partition.
  private func storageAction(_ name: String, in fields: ObjectFields, of actions: [String]) -> String? {
    guard let resource = text(name, in: fields) else { return nil }
    let parts = resource.value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    if parts.count == 6, parts[0] == "arn", ["aws", "aws-cn", "aws-us-gov"].contains(parts[1]),
      parts[2] == "states", let action = actions.first(where: { $0 == parts[5] })
    {
      return action
    }
    error("The field 'Resource' does not match any of the allowed values", at: resource.node)
    return nil
  }

  private func checkReaderConfig(_ node: SyntaxNode, _ language: QueryLanguage, _ action: String?) {
    guard let fields = fields(of: node, Self.readerConfigFields, language) else { return }
    let inputType = choice("InputType", in: fields)
    let transformation = choice("Transformation", in: fields)
    let manifest = choice("ManifestType", in: fields)
    _ = number("MaxItems", in: fields)
    if let pointer = text("ItemsPointer", in: fields), !pointer.value.isEmpty, !pointer.value.hasPrefix("/") {
      error("Value is not a valid JSON Pointer", at: pointer.node)
    }
    checkInputType(fields, inputType, transformation, manifest, action)
    checkCSV(fields, inputType)
    if inputType != "JSON" {
      refuse(["ItemsPointer"], fields, unless: inputType == nil && fields.has("InputType"))
    }
  }

  private func checkInputType(
    _ fields: ObjectFields, _ inputType: String?, _ transformation: String?, _ manifest: String?,
    _ action: String?
  ) {
    switch action {
    case "s3:getObject":
      refuse(["Transformation"], fields, unless: transformation == "NONE")
      if manifest == "S3_INVENTORY" {
        refuse(["InputType"], fields, unless: false)
      } else {
        require(["InputType"], in: fields)
      }
    case "s3:listObjectsV2":
      refuse(["ManifestType"], fields, unless: false)
      if transformation == "LOAD_AND_FLATTEN" {
        require(["InputType"], in: fields)
      } else {
        refuse(["InputType"], fields, unless: fields.has("Transformation") && transformation == nil)
      }
    default: break
    }
  }

  private func checkCSV(_ fields: ObjectFields, _ inputType: String?) {
    let isUnknown = inputType == nil && fields.has("InputType")
    guard inputType == "CSV" else {
      refuse(["CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"], fields, unless: isUnknown)
      return
    }
    _ = choice("CSVDelimiter", in: fields)
    if !fields.has("CSVHeaderLocation") {
      error("The field 'CSVHeaderLocation' is required", at: fields.node)
    }
    switch choice("CSVHeaderLocation", in: fields) {
    case "GIVEN": require(["CSVHeaders"], in: fields)
    case "FIRST_ROW": refuse(["CSVHeaders"], fields, unless: false)
    default: break
    }
    guard let headers = fields["CSVHeaders"], let elements = nonEmptyArray(headers) else { return }
    for element in elements where element.text == nil { expect("[STRING]", at: element) }
  }

  /// ObjectFields that do not go with the others.
  private func refuse(_ names: [String], _ fields: ObjectFields, unless isFine: Bool) {
    if isFine { return }
    for member in fields.node.members ?? .none where names.contains(member.name) && fields[member.name] != nil
    {
      error("Field '\(member.name)' is not supported", at: fields.node, member: member)
    }
  }

  // MARK: ItemBatcher

  func checkItemBatcher(_ node: SyntaxNode, _ language: QueryLanguage) {
    guard let fields = fields(of: node, Self.batcherFields, language) else { return }
    _ = number("MaxItemsPerBatch", in: fields)
    _ = number("MaxInputBytesPerBatch", in: fields)
    _ = template("BatchInput", in: fields)
    let limits = [
      "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath",
    ]
    if !limits.contains(where: { fields.has($0) }) {
      error(
        "The object must have at least one of the following fields: [\(limits.joined(separator: ", "))]",
        at: node)
    }
  }

  // MARK: ResultWriter

  func checkResultWriter(_ node: SyntaxNode, _ language: QueryLanguage) {
    guard let fields = fields(of: node, Self.writerFields, language) else { return }
    let request = language == .jsonPath ? "Parameters" : "Arguments"
    _ = storageAction("Resource", in: fields, of: ["s3:putObject"])
    _ = template("Parameters", in: fields)
    if let arguments = fields["Arguments"] { checkExpressions(in: arguments) }
    if fields.has("Resource") || fields.has(request) || !fields.has("WriterConfig") {
      require(["Resource", request], in: fields)
    }
    guard let config = fields["WriterConfig"],
      let configFields = self.fields(of: config, Self.writerConfigFields, language)
    else { return }
    // The documentation wants both fields; the schema that AWS ships for editors is content with one.
    if !configFields.has("Transformation") { require(["OutputType"], in: configFields) }
    _ = choice("Transformation", in: configFields)
    _ = choice("OutputType", in: configFields)
  }
}
