import Testing

@testable import Stepmill

// Proves that the schema for editors knows the fields that the checks know, and no others; that it
// is whole; and that it is plain ASCII, which every tool reads the same way.

struct SchemaTests {
  private let schema = DefinitionSchema.json

  private func definition(_ name: String) throws -> JSON {
    try #require(schema["definitions"]?[name], "\(name) is not defined")
  }

  private func properties(_ name: String) throws -> [String] {
    try #require(definition(name)["properties"]?.object).keys
  }

  private static let languages: [(language: QueryLanguage, word: String)] = [
    (.jsonPath, "JSONPath"), (.jsonata, "JSONata"),
  ]

  @Test(arguments: StateTypeName.allCases)
  func statesHaveTheFieldsOfTheChecks(_ type: StateTypeName) throws {
    for (language, word) in Self.languages {
      // In a machine of JSONata no state is JSONPath.
      let machines = language == .jsonata ? ["JSONPath", "JSONata"] : ["JSONPath"]
      let holdsMachines = type == .map || type == .parallel
      let name = "\(type.rawValue).\(word)"
      for name in holdsMachines ? machines.map({ "\(name).in\($0)" }) : [name] {
        #expect(try properties(name) == Array(type.fields.names(for: language)), "\(name)")
        #expect(try definition(name)["additionalProperties"]?.bool == false)
        #expect(try strings(definition(name)["required"]) == type.fields.required)
      }
    }
  }

  @Test func partsHaveTheFieldsOfTheChecks() throws {
    let parts: [(String, FieldTable)] = [
      ("Catcher", CatcherDefinition.fields), ("Rule", ChoiceRuleDefinition.fields),
      ("ItemReader", DefinitionReader.readerFields), ("ReaderConfig", DefinitionReader.readerConfigFields),
      ("ItemBatcher", DefinitionReader.batcherFields), ("ResultWriter", DefinitionReader.writerFields),
      ("WriterConfig", DefinitionReader.writerConfigFields),
    ]
    for (part, table) in parts {
      for (language, word) in Self.languages {
        #expect(try properties("\(part).\(word)") == Array(table.names(for: language)), "\(part).\(word)")
      }
    }
    let plain: [(String, FieldTable)] = [
      ("Retrier", RetrierDefinition.fields), ("Rule.nested", ChoiceRuleDefinition.nestedFields),
      ("ProcessorConfig", DefinitionReader.configFields),
      ("Branch.inJSONPath", DefinitionReader.branchFields),
      ("Branch.inJSONata", DefinitionReader.branchFields),
      ("ItemProcessor.inJSONPath", DefinitionReader.processorFields),
      ("ItemProcessor.inJSONata", DefinitionReader.processorFields),
    ]
    for (part, table) in plain {
      #expect(try properties(part) == Array(table.names(for: .jsonPath)), "\(part)")
    }
    #expect(
      try #require(schema["properties"]?.object).keys
        == Array(DefinitionReader.definitionFields.names(for: .jsonPath)))
  }

  @Test func everyFieldIsExplained() {
    walk(schema) { node, path in
      guard let properties = node["properties"]?.object, node["additionalProperties"]?.bool == false else {
        return
      }
      for (name, value) in properties {
        #expect(value["description"]?.string?.isEmpty == false, "\(path): \(name)")
      }
    }
  }

  @Test func wordsAndRangesAreThoseOfTheChecks() throws {
    let retrier = try definition("Retrier")
    #expect(strings(retrier["properties"]?["JitterStrategy"]?["enum"]) == ["NONE", "FULL"])
    #expect(retrier["properties"]?["MaxDelaySeconds"]?["maximum"]?.int == 31_622_400)
    let types = try definition("State.inJSONPath")["properties"]?["Type"]
    #expect(strings(types?["enum"]) == StateTypeName.allCases.map(\.rawValue))
    #expect(types?["enumDescriptions"]?.count == StateTypeName.allCases.count)
    let rule = try definition("Rule.JSONPath")["properties"]
    #expect(rule?["NumericEquals"]?["type"]?.string == "number")
    #expect(rule?["IsPresent"]?["type"]?.string == "boolean")
    #expect(rule?["StringEqualsPath"]?["allOf"]?[0]?["$ref"]?.string == "#/definitions/ReferencePath")
  }

  /// In draft-07 nothing beside a reference counts, so nothing may stand there.
  @Test func referencesLeadSomewhereAndStandAlone() throws {
    let names = try #require(schema["definitions"]?.object).keys
    var used: Set<String> = []
    walk(schema) { node, path in
      guard let target = node["$ref"]?.string else { return }
      #expect(node.count == 1, "\(path)")
      let name = target.replacing("#/definitions/", with: "")
      #expect(names.contains(name), "\(path): \(target)")
      used.insert(name)
    }
    #expect(Set(names) == used)
    #expect(Set(names).count == names.count)
  }

  @Test func textIsASCIIAndReadsBackTheSame() throws {
    let text = schema.text(indent: 2)
    #expect(text.utf8.allSatisfy { $0 < 0x80 })
    #expect(try JSON(parsing: text) == schema)
    #expect(schema["$schema"]?.string == "http://json-schema.org/draft-07/schema#")
  }

  private func strings(_ list: JSON?) -> [String] { list?.array?.compactMap(\.string) ?? [] }

  private func walk(_ node: JSON, _ path: String = "", _ visit: (JSON, String) -> Void) {
    visit(node, path)
    if let object = node.object {
      for (name, value) in object { walk(value, "\(path)/\(name)", visit) }
    }
    if let array = node.array {
      for (index, value) in array.enumerated() { walk(value, "\(path)/\(index)", visit) }
    }
  }
}
