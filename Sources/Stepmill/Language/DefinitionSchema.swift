// The language as a JSON Schema, for editors: completion, help on hover, and red lines while one types.
//
// It is made of the tables that the checks go by (`FieldTable`), so a field that is added to one
// is known here, too; what a field is *for* stands in `SchemaTexts.swift`, and a field without a
// word there fails a test. What no schema can say (targets that exist, states that are reached,
// the grammar of paths and expressions) stays with `stepmill validate`.
//
// It is draft-07, since that is what the language servers of JSON and YAML know best: `$ref`
// stands alone, and what depends on another field is told by `if`, so that an editor complains of
// the branch that is meant and not of all.
//
// A state is described by its type and its query language. Machines differ, too: inside one
// whose language is JSONata no state can be JSONPath. Definitions are therefore named like
// `Map.JSONata`, and `Map.JSONata.inJSONata` where the machines within matter.

package enum DefinitionSchema {
  /// The whole schema.
  package static var json: JSON {
    var schema = SchemaBuilder()
    return schema.document()
  }
}

struct SchemaBuilder {
  private var definitions: [(key: String, value: JSON)] = []
  private var defined: Set<String> = []

  static let dialect = "http://json-schema.org/draft-07/schema#"

  mutating func document() -> JSON {
    let table = DefinitionReader.definitionFields
    var members: [(key: String, value: JSON)] = [
      ("$schema", JSON(Self.dialect)), ("title", "Amazon States Language"),
      ("description", "A state machine of AWS Step Functions, as Stepmill reads it."),
    ]
    // The states of both languages are of one shape from outside, which `if` tells apart below.
    members += object(
      .machine, table, .jsonPath, in: .jsonPath, leavingOut: ["States"],
      more: [
        ("States", ["type": "object", "description": JSON(SchemaTexts.text(of: "States", in: .machine))])
      ])
    members.append(
      (
        "allOf",
        [
          [
            "if": Self.isJSONata,
            "then": ["properties": ["States": reference(states(in: .jsonata))]],
            "else": ["properties": ["States": reference(states(in: .jsonPath))]],
          ]
        ]
      ))
    addShared()
    members.append(("definitions", JSON(members: definitions)))
    return JSON(members: members)
  }

  // MARK: Parts that are named

  private func reference(_ name: String) -> JSON { ["$ref": JSON("#/definitions/" + name)] }

  /// Defines a part unless it is there; returns its name.
  private mutating func define(_ name: String, _ make: (inout SchemaBuilder) -> JSON) -> String {
    guard defined.insert(name).inserted else { return name }
    // Before its content is known, since a machine holds states that hold machines.
    let place = definitions.count
    definitions.append((name, .null))
    definitions[place].value = make(&self)
    return name
  }

  private static let isJSONata: JSON = [
    "properties": ["QueryLanguage": ["const": "JSONata"]], "required": ["QueryLanguage"],
  ]

  /// The `States` of a machine.
  private mutating func states(in machine: QueryLanguage) -> String {
    define("States.in" + machine.word) { schema in
      [
        "type": "object", "minProperties": 1,
        "propertyNames": ["minLength": 1, "maxLength": JSON(DefinitionReader.stateNameMax)],
        "additionalProperties": schema.reference(schema.state(in: machine)),
      ]
    }
  }

  /// Any state of a machine: its type, and by that the rest.
  private mutating func state(in machine: QueryLanguage) -> String {
    define("State.in" + machine.word) { schema in
      var properties: [(key: String, value: JSON)] = [("Type", Self.stateType)]
      let plain = schema.reference(schema.state(.jsonPath, in: machine))
      let jsonata = schema.reference(schema.state(.jsonata, in: machine))
      var rules: [JSON]
      switch machine {
      case .jsonPath:
        properties.append(("QueryLanguage", Self.queryLanguage))
        rules = [["if": Self.isJSONata, "then": jsonata, "else": plain]]
      case .jsonata:
        properties.append(
          ("QueryLanguage", ["const": "JSONata", "description": JSON(SchemaTexts.queryLanguageOfState)]))
        rules = [jsonata]
      }
      return [
        "type": "object", "required": ["Type"], "properties": JSON(members: properties), "allOf": JSON(rules),
      ]
    }
  }

  private static let stateType: JSON = [
    "description": "What the state does.",
    "enum": JSON(StateTypeName.allCases.map { JSON($0.rawValue) }),
    "enumDescriptions": JSON(StateTypeName.allCases.map { JSON(SchemaTexts.text(of: $0)) }),
  ]

  private static let queryLanguage: JSON = [
    "description": JSON(SchemaTexts.queryLanguageOfState), "enum": ["JSONPath", "JSONata"],
  ]

  /// A state by its type, in one query language.
  private mutating func state(_ language: QueryLanguage, in machine: QueryLanguage) -> String {
    let name = "State.\(language.word).in\(machine.word)"
    // In a machine of JSONata the other language has been refused.
    if language == .jsonPath, machine == .jsonata { return state(.jsonata, in: machine) }
    return define(name) { schema in
      let rules = StateTypeName.allCases.map { type -> JSON in
        [
          "if": ["properties": ["Type": ["const": JSON(type.rawValue)]], "required": ["Type"]],
          "then": schema.reference(schema.state(type, language, in: machine)),
        ]
      }
      return ["allOf": JSON(rules)]
    }
  }

  private mutating func state(_ type: StateTypeName, _ language: QueryLanguage, in machine: QueryLanguage)
    -> String
  {
    let holdsMachines = type == .map || type == .parallel
    let name = "\(type.rawValue).\(language.word)" + (holdsMachines ? ".in\(machine.word)" : "")
    return define(name) { schema in
      var more: [(key: String, value: JSON)] = [
        ("Type", ["const": JSON(type.rawValue), "description": JSON(SchemaTexts.text(of: type))]),
        ("QueryLanguage", Self.queryLanguage),
      ]
      if type == .map || type == .parallel { more += schema.machines(in: machine) }
      var members = schema.object(
        .state(type), type.fields, language, in: machine, leavingOut: more.map(\.key), more: more)
      var rules: [JSON] = []
      if type.hasTransition { rules.append(Self.transition) }
      switch type {
      case .wait:
        let moments = WaitDefinition.moments.filter {
          type.fields.use(of: $0).map { $0.isAllowed(in: language) } ?? false
        }
        rules.append(["oneOf": JSON(moments.map { ["required": [JSON($0)]] })])
      case .map:
        rules.append(["oneOf": [["required": ["ItemProcessor"]], ["required": ["Iterator"]]]])
        rules.append(["not": ["required": ["ItemSelector", "Parameters"]]])
      case .task, .pass, .succeed, .fail, .choice, .parallel: break
      }
      if !rules.isEmpty { members.append(("allOf", JSON(rules))) }
      return JSON(members: members)
    }
  }

  /// A state ends, or names the next one.
  private static let transition: JSON = [
    "if": ["properties": ["End": ["const": true]], "required": ["End"]],
    "then": ["not": ["required": ["Next"]]],
    "else": ["required": ["Next"]],
  ]

  private mutating func nestedStates(in machine: QueryLanguage) -> (key: String, value: JSON) {
    ("States", described(reference(states(in: machine)), SchemaTexts.text(of: "States", in: .branch)))
  }

  /// The fields in which machines lie.
  private mutating func machines(in machine: QueryLanguage) -> [(key: String, value: JSON)] {
    let branch = define("Branch.in" + machine.word) { schema in
      JSON(
        members: schema.object(
          .branch, DefinitionReader.branchFields, .jsonPath, in: machine, leavingOut: ["States"],
          more: [schema.nestedStates(in: machine)]))
    }
    let processor = define("ItemProcessor.in" + machine.word) { schema in
      JSON(
        members: schema.object(
          .processor, DefinitionReader.processorFields, .jsonPath, in: machine, leavingOut: ["States"],
          more: [schema.nestedStates(in: machine)]))
    }
    func described(_ name: String, _ type: StateTypeName, _ reference: JSON) -> JSON {
      ["description": JSON(SchemaTexts.text(of: name, in: .state(type))), "allOf": [reference]]
    }
    return [
      (
        "Branches",
        [
          "description": JSON(SchemaTexts.text(of: "Branches", in: .state(.parallel))), "type": "array",
          "minItems": 1, "items": reference(branch),
        ]
      ),
      ("ItemProcessor", described("ItemProcessor", .map, reference(processor))),
      ("Iterator", described("Iterator", .map, reference(processor))),
    ]
  }

  // MARK: Objects

  /// What a table says of an object: its members, which of them must be there, and which exclude each other.
  private mutating func object(
    _ kind: SchemaObject, _ table: FieldTable, _ language: QueryLanguage, in machine: QueryLanguage,
    leavingOut: [String] = [], more: [(key: String, value: JSON)] = []
  ) -> [(key: String, value: JSON)] {
    var properties: [(key: String, value: JSON)] = []
    var exclusive: [(key: String, value: JSON)] = []
    let names = Array(table.names(for: language))
    for name in names {
      if let value = more.first(where: { $0.key == name }) {
        properties.append(value)
      } else if !leavingOut.contains(name) {
        let value = value(of: name, kind, table, language)
        properties.append((name, described(value, SchemaTexts.text(of: name, in: kind))))
      }
      // Not so `Result` and `ResultPath`, which are no twins.
      if names.contains(name + "Path"), table.range(of: name) != nil || kind == .state(.fail) {
        exclusive.append((name, ["not": ["required": [JSON(name + "Path")]]]))
      }
    }
    var members: [(key: String, value: JSON)] = [("type", "object")]
    if !table.required.isEmpty { members.append(("required", JSON(table.required.map { JSON($0) }))) }
    members.append(("properties", JSON(members: properties)))
    members.append(("additionalProperties", false))
    if !exclusive.isEmpty { members.append(("dependencies", JSON(members: exclusive))) }
    return members
  }

  /// In draft-07 nothing beside a `$ref` counts.
  private func described(_ value: JSON, _ text: String) -> JSON {
    if value["$ref"] != nil { return ["description": JSON(text), "allOf": [value]] }
    var members: [(key: String, value: JSON)] = [("description", JSON(text))]
    members += value.object.map(Array.init) ?? []
    return JSON(members: members)
  }

  // MARK: Values

  private mutating func value(
    of name: String, _ kind: SchemaObject, _ table: FieldTable, _ language: QueryLanguage
  ) -> JSON {
    if let choices = table.choices(of: name) { return ["enum": JSON(choices.map { JSON($0) })] }
    if let range = table.range(of: name) { return number(name, range, kind, language) }
    switch name {
    case "QueryLanguage": return ["enum": ["JSONPath", "JSONata"]]
    case "End": return ["type": "boolean"]
    case "Variable", "ItemsPath": return reference("ReferencePath")
    case "InputPath", "OutputPath", "ResultPath": return reference("PathOrNull")
    case "ErrorPath", "CausePath": return reference("PathOrIntrinsic")
    case "Assign": return reference("Assign." + language.word)
    case "Parameters", "ResultSelector", "ItemSelector", "BatchInput":
      return reference("Template." + language.word)
    case "Arguments", "Output": return reference("Template.JSONata")
    case "Items":
      return ["anyOf": [reference("Expression"), ["type": ["array", "object"]]]]
    case "Result": return [:]
    case "Credentials": return credentials(language)
    case "Retry": return ["type": "array", "items": reference(retrier())]
    case "Catch": return ["type": "array", "items": reference(catcher(language))]
    case "Choices": return ["type": "array", "minItems": 1, "items": reference(rule(language))]
    case "ErrorEquals":
      return [
        "type": "array", "minItems": 1, "items": reference("ErrorName"),
        "if": ["contains": ["const": "States.ALL"]], "then": ["maxItems": 1],
      ]
    case "Timestamp":
      return language == .jsonata ? ["anyOf": [reference("Expression"), Self.timestamp]] : Self.timestamp
    case "Error", "Cause":
      return language == .jsonata ? reference("Template.JSONata.Text") : ["type": "string"]
    case "Condition": return ["anyOf": [["type": "boolean"], reference("Expression")]]
    case "Label":
      return ["type": "string", "minLength": 1, "maxLength": JSON(DefinitionReader.labelMax)]
    case "CSVHeaders": return ["type": "array", "minItems": 1, "items": ["type": "string"]]
    case "ItemsPointer": return ["type": "string", "pattern": "^(/|$)"]
    default: break
    }
    if let part = part(name, language) { return reference(part) }
    if name.hasSuffix("Path"), table.range(of: String(name.dropLast(4))) != nil || name == "TimestampPath" {
      return reference("ReferencePath")
    }
    if case .rule = kind, let comparison = comparison(name) { return comparison }
    return ["type": "string"]
  }

  /// In JSONata states a number may be an expression, but for those of retriers and of the whole machine.
  private func number(_ name: String, _ range: FieldRange, _ kind: SchemaObject, _ language: QueryLanguage)
    -> JSON
  {
    let isFraction = name == "BackoffRate" || name == "ToleratedFailurePercentage"
    var members: [(key: String, value: JSON)] = [
      ("type", isFraction ? "number" : "integer"), ("minimum", JSON(range.minimum)),
    ]
    if let maximum = range.maximum { members.append(("maximum", JSON(maximum))) }
    let number = JSON(members: members)
    if language == .jsonPath || kind == .machine || kind == .retrier { return number }
    return ["anyOf": [number, reference("Expression")]]
  }

  private static let timestamp: JSON = [
    "type": "string",
    "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$",
  ]

  private func credentials(_ language: QueryLanguage) -> JSON {
    switch language {
    case .jsonPath:
      [
        "type": "object", "anyOf": [["required": ["RoleArn"]], ["required": ["RoleArn.$"]]],
        "properties": ["RoleArn": ["type": "string"], "RoleArn.$": reference("PathOrIntrinsic")],
      ]
    case .jsonata:
      [
        "anyOf": [
          reference("Expression"),
          [
            "type": "object", "required": ["RoleArn"],
            "properties": ["RoleArn": reference("Template.JSONata.Text")],
          ],
        ]
      ]
    }
  }

  private mutating func retrier() -> String {
    define("Retrier") { schema in
      JSON(members: schema.object(.retrier, RetrierDefinition.fields, .jsonPath, in: .jsonPath))
    }
  }

  private mutating func catcher(_ language: QueryLanguage) -> String {
    define("Catcher." + language.word) { schema in
      JSON(members: schema.object(.catcher, CatcherDefinition.fields, language, in: language))
    }
  }

  /// The parts that only some Maps have.
  private mutating func part(_ name: String, _ language: QueryLanguage) -> String? {
    let kind: SchemaObject
    let table: FieldTable
    var rules: [JSON] = []
    switch name {
    case "ProcessorConfig":
      (kind, table) = (.processorConfig, DefinitionReader.configFields)
      rules = [
        [
          "if": ["properties": ["Mode": ["const": "DISTRIBUTED"]], "required": ["Mode"]],
          "then": ["required": ["ExecutionType"]],
          "else": ["not": ["required": ["ExecutionType"]]],
        ]
      ]
    case "ItemReader": (kind, table) = (.itemReader, DefinitionReader.readerFields)
    case "ReaderConfig": (kind, table) = (.readerConfig, DefinitionReader.readerConfigFields)
    case "ItemBatcher":
      (kind, table) = (.itemBatcher, DefinitionReader.batcherFields)
      let limits = Array(table.names(for: language)).filter { $0.hasPrefix("Max") }
      rules = [["anyOf": JSON(limits.map { ["required": [JSON($0)]] })]]
    case "ResultWriter":
      (kind, table) = (.resultWriter, DefinitionReader.writerFields)
      let request = language == .jsonPath ? "Parameters" : "Arguments"
      rules = [["anyOf": [["required": ["Resource", JSON(request)]], ["required": ["WriterConfig"]]]]]
    case "WriterConfig":
      (kind, table) = (.writerConfig, DefinitionReader.writerConfigFields)
      rules = [["anyOf": [["required": ["Transformation"]], ["required": ["OutputType"]]]]]
    default: return nil
    }
    // The configuration of a processor belongs to no state, and so to no language.
    let word = name == "ProcessorConfig" ? "" : "." + language.word
    return define(name + word) { schema in
      var members = schema.object(kind, table, language, in: language)
      if !rules.isEmpty { members.append(("allOf", JSON(rules))) }
      return JSON(members: members)
    }
  }

  // MARK: Choice

  private mutating func rule(_ language: QueryLanguage) -> String {
    define("Rule." + language.word) { schema in
      schema.rule(.rule(isNested: false), ChoiceRuleDefinition.fields, language)
    }
  }

  private mutating func nestedRule() -> String {
    define("Rule.nested") { schema in
      schema.rule(.rule(isNested: true), ChoiceRuleDefinition.nestedFields, .jsonPath)
    }
  }

  private mutating func rule(_ kind: SchemaObject, _ table: FieldTable, _ language: QueryLanguage) -> JSON {
    var members = object(kind, table, language, in: language)
    switch language {
    case .jsonata:
      members.append(("allOf", [["required": ["Condition"]]]))
    case .jsonPath:
      let conditions = ChoiceRuleDefinition.conditions.filter { $0 != "Condition" }
      members.append(("oneOf", JSON(conditions.map { ["required": [JSON($0)]] })))
      // With a variable just one comparison, without one none.
      let comparisons = Comparator.fieldNames.map { name -> JSON in ["required": [JSON(name)]] }
      members.append(
        (
          "allOf",
          [
            [
              "if": ["required": ["Variable"]], "then": ["oneOf": JSON(comparisons)],
              "else": ["not": ["anyOf": JSON(comparisons)]],
            ]
          ]
        ))
    }
    return JSON(members: members)
  }

  /// What a comparison compares with.
  private mutating func comparison(_ name: String) -> JSON? {
    switch name {
    case "And", "Or": return ["type": "array", "minItems": 1, "items": reference(nestedRule())]
    case "Not": return reference(nestedRule())
    default: break
    }
    guard let comparator = Comparator(rawValue: name) else {
      return Comparator.fieldNames.contains(name) ? reference("ReferencePath") : nil
    }
    switch comparator.operand {
    case .string: return ["type": "string"]
    case .number: return ["type": "number"]
    case .boolean: return ["type": "boolean"]
    case .timestamp: return Self.timestamp
    // A backslash stands before an asterisk or another backslash.
    case .pattern: return ["type": "string", "pattern": "^([^\\\\]|\\\\[\\\\*])*$"]
    }
  }

  // MARK: What many fields are

  private mutating func addShared() {
    // Letters, digits and underscores, and whatever is beyond ASCII; a letter first.
    let variable = "[^\\x00-@\\[-`{-\\x7F][^\\x00-/:-@\\[-^`{-\\x7F]*"
    func variables(_ suffix: String, _ values: String) -> JSON {
      [
        "type": "object",
        "propertyNames": [
          "pattern": JSON("^\(variable)\(suffix)$"), "not": ["enum": ["states", "states.$"]], "maxLength": 82,
        ],
        "allOf": [reference(values)],
      ]
    }
    let shared: [(String, JSON)] = [
      ("ReferencePath", ["type": "string", "pattern": "^\\$"]),
      ("PathOrNull", ["type": ["string", "null"], "pattern": "^\\$"]),
      ("PathOrIntrinsic", ["type": "string", "pattern": "^(\\$|States\\.)"]),
      ("Expression", ["type": "string", "pattern": "^\\{%[\\s\\S]*%\\}$"]),
      (
        "Template.JSONPath",
        [
          "if": ["type": "object"],
          "then": [
            "patternProperties": ["\\.\\$$": reference("PathOrIntrinsic")],
            "additionalProperties": reference("Template.JSONPath"),
          ],
          "else": ["items": reference("Template.JSONPath")],
        ]
      ),
      // An expression that is begun is also ended, and the other way round.
      (
        "Template.JSONata.Text",
        [
          "type": "string",
          "pattern": "^(\\{%[\\s\\S]*%\\}$|(?!\\{%)((?=[\\s\\S]*\\{%)|(?![\\s\\S]*%\\}$)))",
        ]
      ),
      (
        "Template.JSONata",
        [
          "if": ["type": "string"], "then": reference("Template.JSONata.Text"),
          "else": [
            "additionalProperties": reference("Template.JSONata"), "items": reference("Template.JSONata"),
          ],
        ]
      ),
      ("Assign.JSONPath", variables("(\\.\\$)?", "Template.JSONPath")),
      ("Assign.JSONata", variables("", "Template.JSONata")),
      (
        "ErrorName",
        ["anyOf": [["enum": JSON(SchemaTexts.errorNames.map { JSON($0) })], ["type": "string"]]]
      ),
    ]
    for (name, value) in shared { _ = define(name) { _ in value } }
  }
}

/// The kinds of objects whose fields are described.
enum SchemaObject: Equatable {
  case machine, branch, processor, processorConfig, retrier, catcher
  case state(StateTypeName)
  case rule(isNested: Bool)
  case itemReader, readerConfig, itemBatcher, resultWriter, writerConfig
}

extension QueryLanguage {
  fileprivate var word: String { self == .jsonPath ? "JSONPath" : "JSONata" }
}

extension FieldUse {
  func isAllowed(in language: QueryLanguage) -> Bool {
    self == .both || (self == .jsonPath) == (language == .jsonPath)
  }
}
