// From the syntax tree to a definition, with everything that is wrong with it.
//
// Reading and checking go together, since both need to know what a field means. A part
// that cannot be read is reported and left out; its neighbours are still read, so that one
// run shows all mistakes. Rules live in one function per family:
//
// - `Fields.swift`           which fields may stand where; types, ranges, paths
// - `States/`                one file per state type
// - `RetryRules.swift`       retriers and catchers
// - `TemplateRules.swift`    payload templates, and JSONata strings
// - `VariableRules.swift`    what `Assign` may assign
// - `ResourceRules.swift`    a task's `Resource`
// - `MapRules.swift`         the fields that make a Map distributed
// - `TransitionRules.swift`  targets, reachability, terminal states
//
// A new rule is a function in one of them (or a new file) that calls `error` or `warning`.

extension Definition {
  struct ReadingOptions {
    /// Handlers are registered under plain names, so any text that does not claim to be an ARN names one. The
    /// service takes only ARNs.
    var allowsPlainResources = true
    /// Such a name is worth a note.
    var notesPlainResources = false
    /// Findings that are Stepmill's own, and not the service's, are reported too.
    var reportsOwnFindings = true
    /// What the service refuses in an express workflow is refused. Off for running: a handler may wait for
    /// whatever it likes.
    var isExpress = false
    /// Objects and arrays inside one another. `SyntaxReader.nestingLimit` bounds this.
    var nestingMax = 200
    /// Diagnostics beyond this many are counted, not listed.
    var diagnosticsMax = 1000
  }

  /// Reads a definition, and reports everything that the service would report. The definition is there unless
  /// one of the diagnostics is an error.
  static func read(
    _ bytes: [UInt8], options: ReadingOptions = ReadingOptions()
  ) -> (definition: Definition?, diagnostics: [Diagnostic]) {
    let source = SourceText(bytes)
    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) {
      return (
        nil, [noObject(line: 1, column: 1, hint: bytes.isEmpty ? "the text is empty" : "the text is blank")]
      )
    }
    do throws(SyntaxError) {
      let document = try SyntaxReader.read(source, nestingMax: options.nestingMax)
      return read(document, source: source, options: options)
    } catch {
      return (nil, [error.diagnostic(in: source)])
    }
  }

  /// The same for a tree that was read already, from whatever notation.
  static func read(
    _ document: SyntaxReader.Document, source: SourceText, options: ReadingOptions = ReadingOptions()
  ) -> (definition: Definition?, diagnostics: [Diagnostic]) {
    guard document.root.members != nil else {
      let place = source.position(of: document.root.range.lowerBound)
      let hint = "a definition begins with { and has StartAt and States"
      return (nil, [noObject(line: place.line, column: place.column, hint: hint)])
    }
    let (reader, definition, diagnostics) = withExtendedLifetime(document.tree) {
      let reader = DefinitionReader(source: source, options: options)
      let definition = reader.read(document)
      return (reader, definition, reader.report.diagnostics(in: source))
    }
    if reader.report.hasErrors { return (nil, diagnostics) }
    precondition(definition != nil, "Stepmill left a part of a definition out without a word (please report)")
    return (definition, diagnostics)
  }

  /// Text that is empty, or JSON but no object: the service has one answer, and names no place.
  private static func noObject(line: Int, column: Int, hint: String) -> Diagnostic {
    Diagnostic(
      code: DiagnosticCode.schema, message: "Definition must be a valid JSON object", location: nil,
      pointer: "", line: line, column: column, hint: hint)
  }
}

extension SyntaxError {
  func diagnostic(in source: SourceText) -> Diagnostic {
    let place = source.position(of: offset)
    let location = source.parserLocation(consumed)
    return Diagnostic(
      code: DiagnosticCode.json, message: "\(message)\n at \(location)", location: location, pointer: "",
      line: place.line, column: place.column)
  }
}

final class DefinitionReader {
  let source: SourceText
  let options: Definition.ReadingOptions
  /// What the service refuses in an Express execution is refused: in an Express state machine, and in
  /// the Express children of a Distributed Map.
  private(set) var isExpress: Bool
  var report: DiagnosticReport
  /// The top level's language, which states without their own take.
  var machineLanguage = QueryLanguage.jsonPath
  /// Every state's name with the place where it first stood: they are unique across all containers.
  private var stateNames = NameIndex()
  private var stateNodes: [SyntaxNode] = []
  var labels: Set<String> = []
  /// Resources that have been checked and are fine.
  var goodResources = NameIndex()
  /// The `States` objects met so far, outer ones first.
  var containers: [StateContainer] = []
  /// The variables' scopes, one per container.
  var scopes: [VariableScope] = []
  /// The scope being read, as an index into `scopes`.
  var scope: Int?
  /// The state being read, as an index among those of its container.
  var stateIndex = 0
  /// What was made of the expressions met so far, by what stands between their delimiters.
  var expressions: [String: Result<JSONataProgram, JSONataError>] = [:]
  /// Names that may still be compared for a hint: a definition of 100,000 states with as many wrong targets
  /// must not take hours.
  private var comparisonsLeft = 1_000_000

  init(source: SourceText, options: Definition.ReadingOptions) {
    self.source = source
    self.options = options
    isExpress = options.isExpress
    report = DiagnosticReport(findingsMax: options.diagnosticsMax)
  }

  /// Reads what Express executions run.
  func asExpress<Result>(_ read: () -> Result) -> Result {
    let (wasExpress, good) = (isExpress, goodResources)
    defer { (isExpress, goodResources) = (wasExpress, good) }
    isExpress = true
    goodResources = NameIndex()
    return read()
  }

  // MARK: Reporting

  /// An error at a node. If `member` is given, the place in the text is that member, though the service names
  /// the object that holds it.
  func error(
    _ message: String, code: String = DiagnosticCode.schema, at node: SyntaxNode, member: SyntaxMember? = nil,
    in group: DiagnosticReport.Group = .schema, hint: @autoclosure () -> String? = nil
  ) {
    guard report.count(.error, in: group) else { return }
    let finding = DiagnosticReport.Finding(
      severity: .error, code: code, message: message, location: node.location,
      pointer: (member?.value ?? node).pointer, range: member?.nameRange ?? node.range,
      anchor: node.range.lowerBound, hint: hint())
    report.add(finding, in: group)
  }

  /// A warning that the service places at `node`; the text's place is `target`.
  func warning(
    _ message: String, code: String, at node: SyntaxNode, pointing target: SyntaxNode,
    hint: @autoclosure () -> String? = nil
  ) {
    guard report.count(.warning, in: .schema) else { return }
    report.add(
      DiagnosticReport.Finding(
        severity: .warning, code: code, message: message, location: node.location, pointer: target.pointer,
        range: target.range, hint: hint()), in: .schema)
  }

  /// What is fine here, and not on AWS.
  func note(_ message: String, code: String, at node: SyntaxNode, hint: @autoclosure () -> String? = nil) {
    guard report.count(.note, in: .schema) else { return }
    report.add(
      DiagnosticReport.Finding(
        severity: .note, code: code, message: message, location: node.location, pointer: node.pointer,
        range: node.range, hint: hint()), in: .schema)
  }

  /// A problem that the service reports without a place.
  func problem(
    _ message: String, _ severity: Diagnostic.Severity, code: String, range: Range<Int>,
    in group: DiagnosticReport.Group
  ) {
    guard report.count(severity, in: group) else { return }
    report.add(
      DiagnosticReport.Finding(
        severity: severity, code: code, message: message, location: nil, pointer: "", range: range,
        hint: nil),
      in: group)
  }

  func didYouMean(_ name: String, _ candidates: some Sequence<String>) -> String? {
    guard comparisonsLeft > 0 else { return nil }
    comparisonsLeft -= candidates.underestimatedCount + 1
    return Suggestion.nearest(to: name, in: candidates).map { "did you mean `\($0)`?" }
  }

  // MARK: The whole definition

  static let definitionFields = FieldTable(
    ["Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"],
    required: machineRequired, choices: [("Version", ["1.0"])], ranges: [("TimeoutSeconds", .seconds)])
  /// What the whole machine, branches and item processors have in common.
  static let machineRequired = ["States", "StartAt"]

  func read(_ document: SyntaxReader.Document) -> Definition? {
    let root = document.root
    if options.reportsOwnFindings {
      for range in document.replacedNames { duplicateName(range) }
    }
    readMachineLanguage(root["QueryLanguage"])
    guard let fields = fields(of: root, Self.definitionFields, machineLanguage) else { return nil }
    let comment = text("Comment", in: fields)
    if fields.has("Version") { _ = choice("Version", in: fields) }
    let timeout = integer("TimeoutSeconds", in: fields)
    let machine = readMachine(fields)
    checkVariables()
    checkTransitions()
    checkReads()
    return machine.map {
      Definition(
        source: source, tree: document.tree, node: root, comment: comment?.value,
        queryLanguage: machineLanguage,
        timeoutSeconds: timeout, machine: $0, expressions: programs)
    }
  }

  private func duplicateName(_ range: Range<Int>) {
    let name = String(decoding: source.bytes[range], as: UTF8.self)
    problem(
      "The field \(name) stands more than once in its object; the last one counts.", .warning,
      code: DiagnosticCode.duplicateField, range: range, in: .schema)
  }

  private func readMachineLanguage(_ node: SyntaxNode?) {
    guard let node else { return }
    machineLanguage = language(node)
  }

  /// What a `QueryLanguage` field says. Anything but `JSONPath` means JSONata, even what is an error.
  private func language(_ node: SyntaxNode) -> QueryLanguage {
    switch node.kind {
    case .string("JSONPath"): return .jsonPath
    case .string("JSONata"): break
    case .string(let other):
      let choices = ["JSONPath", "JSONata"]
      error(
        "Value should be one of the following: [JSONPath, JSONata]", at: node,
        hint: didYouMean(other, choices))
    default: expect("[STRING]", at: node)
    }
    return .jsonata
  }

  // MARK: Containers

  /// Reads `StartAt` and `States` of the whole machine, of a branch or of an item processor.
  ///
  /// `isIsolated` is true for the children of a distributed Map, which see no variables of the scopes outside.
  func readMachine(_ fields: ObjectFields, isIsolated: Bool = false) -> Machine? {
    requireFields(in: fields)
    let startAt = text("StartAt", in: fields)
    guard let statesNode = fields["States"] else { return nil }
    guard let members = statesNode.members else {
      expect("[OBJECT]", at: statesNode)
      return nil
    }
    if members.isEmpty {
      error("Value cannot be empty", at: statesNode)
      return nil
    }
    containers.append(
      StateContainer(node: fields.node, startAt: startAt, states: members, isTopLevel: containers.isEmpty))

    let outerScope = scope
    let outerState = stateIndex
    var own = VariableScope(parent: outerScope, isIsolated: isIsolated)
    own.container = containers.count - 1
    own.stateOutside = outerState
    scopes.append(own)
    scope = scopes.count - 1
    defer {
      scope = outerScope
      stateIndex = outerState
    }

    var states: [StateDefinition] = []
    states.reserveCapacity(members.count)
    for (index, member) in members.enumerated() {
      stateIndex = index
      if let state = readState(member) { states.append(state) }
    }
    guard let startAt, states.count == members.count else { return nil }
    return Machine(node: fields.node, startAt: startAt, states: states)
  }

  // MARK: States

  static let stateNameMax = 80

  private func readState(_ member: SyntaxMember) -> StateDefinition? {
    let node = member.value
    checkStateName(member)
    guard node.members != nil else {
      expect("[OBJECT]", at: node)
      return nil
    }
    guard let typeNode = node["Type"] else {
      error("These fields are required: [Type]", at: node)
      return nil
    }
    guard let typeName = typeNode.text, let type = StateTypeName.named(typeName) else {
      let names = StateTypeName.allCases.map(\.rawValue)
      error(
        "The field 'Type' should have one of these values: [\(names.joined(separator: ", "))]", at: typeNode,
        hint: typeNode.text.flatMap { didYouMean($0, names) })
      return nil
    }
    var language = machineLanguage
    var isDowngrade = false
    if let languageNode = node["QueryLanguage"] {
      language = self.language(languageNode)
      isDowngrade = machineLanguage == .jsonata && language == .jsonPath
    }
    if isDowngrade {
      error("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", at: node)
    }
    guard let fields = fields(of: node, type.fields, language, reportsMixing: !isDowngrade) else {
      return nil
    }
    return readState(named: member.name, type, fields)
  }

  private func checkStateName(_ member: SyntaxMember) {
    let name = member.name
    if name.isEmpty {
      error(
        "State name must not be empty", code: DiagnosticCode.invalidStateName, at: member.value, in: .names)
    } else if name.utf8.count > Self.stateNameMax, name.unicodeScalars.count > Self.stateNameMax {
      error(
        "State name '\(name.prefix(200))' exceeds the 80-character limit allowed by the service",
        code: DiagnosticCode.invalidStateName, at: member.value, member: member, in: .names)
    }
    if let first = stateNames.insert(name, UInt32(stateNodes.count)).map({ stateNodes[Int($0)] }) {
      error(
        "Duplicate State name: \(name)", code: DiagnosticCode.duplicateStateName, at: member.value,
        member: member,
        in: .names, hint: "a state of that name stands at \(first.location)")
    } else {
      stateNodes.append(member.value)
    }
  }

  func stateNode(named name: String) -> SyntaxNode? { stateNames[name].map { stateNodes[Int($0)] } }

  private func readState(named name: String, _ type: StateTypeName, _ fields: ObjectFields)
    -> StateDefinition?
  {
    let comment = text("Comment", in: fields)
    let inputPath = path("InputPath", in: fields)
    let kind = readKind(type, fields)
    let transition = type.hasTransition ? readTransition(fields) : Transition.none
    let outputPath = path("OutputPath", in: fields)
    let assign = fields["Assign"]
    // `$states.result` is there for states that have one.
    let members: StatesMembers = type.hasCatch ? .result : []
    if let assign { checkAssign(assign, fields.language, members) }
    // `null` is no template: the service takes it for a field that was left out.
    let parameters = type == .map ? nil : template("Parameters", in: fields)
    if type == .task, let request = fields["Parameters"] ?? fields["Arguments"],
      let resource = fields["Resource"], let text = resource.text
    {
      checkRequest(request, of: Located(value: text, node: resource), fields.language)
    }
    let resultSelector = template("ResultSelector", in: fields)
    let resultPath = resultPath(in: fields)
    if let arguments = fields["Arguments"] { checkExpressions(in: arguments) }
    if let output = fields["Output"] { checkExpressions(in: output, members) }
    let retriers = fields["Retry"].map(readRetriers) ?? []
    let catchers = fields["Catch"].map { readCatchers($0, fields.language) } ?? []
    guard let kind, let transition else { return nil }
    return StateDefinition(
      name: name, node: fields.node, comment: comment?.value, queryLanguage: fields.language, kind: kind,
      transition: transition, inputPath: inputPath, outputPath: outputPath, parameters: parameters,
      resultSelector: resultSelector, resultPath: resultPath, assign: assign, arguments: fields["Arguments"],
      output: fields["Output"], retriers: retriers, catchers: catchers)
  }

  private func readKind(_ type: StateTypeName, _ fields: ObjectFields) -> StateKind? {
    switch type {
    case .task: readTask(fields).map { .task($0) }
    case .wait: readWait(fields).map { .wait($0) }
    case .pass: .pass(readPass(fields))
    case .succeed: .succeed
    case .fail: .fail(readFail(fields))
    case .choice: readChoice(fields).map { .choice($0) }
    case .parallel: readParallel(fields).map { .parallel($0) }
    case .map: readMap(fields).map { .map($0) }
    }
  }

  private func readTransition(_ fields: ObjectFields) -> Transition? {
    let next = text("Next", in: fields)
    var isEnd = false
    if let end = fields["End"] {
      guard let value = end.boolean else {
        expect("[BOOLEAN]", at: end)
        return nil
      }
      isEnd = value
    }
    if isEnd {
      exclude(["Next", "End"], in: fields)
      return .end
    }
    if !fields.has("Next") {
      error("This object should have only one of the following fields: [Next, End]", at: fields.node)
    }
    return next.map { .next($0) }
  }
}

/// The state types, in the order in which the service lists them.
enum StateTypeName: String, CaseIterable {
  case task = "Task"
  case wait = "Wait"
  case pass = "Pass"
  case succeed = "Succeed"
  case fail = "Fail"
  case choice = "Choice"
  case parallel = "Parallel"
  case map = "Map"

  private static let names = allCases.map { (name: $0.rawValue, type: $0) }

  /// What `init(rawValue:)` gives, in a tenth of its time.
  static func named(_ name: String) -> StateTypeName? {
    for index in names.indices where names[index].name.isWord(name) { return names[index].type }
    return nil
  }

  /// Choice leads elsewhere by its rules, Succeed and Fail lead nowhere.
  var hasTransition: Bool {
    switch self {
    case .task, .wait, .pass, .parallel, .map: true
    case .succeed, .fail, .choice: false
    }
  }

  var hasCatch: Bool {
    switch self {
    case .task, .parallel, .map: true
    case .wait, .pass, .succeed, .fail, .choice: false
    }
  }

  var fields: FieldTable {
    switch self {
    case .task: TaskDefinition.fields
    case .wait: WaitDefinition.fields
    case .pass: PassDefinition.fields
    case .succeed: StateKind.succeedFields
    case .fail: FailDefinition.fields
    case .choice: ChoiceDefinition.fields
    case .parallel: StateKind.parallelFields
    case .map: MapDefinition.fields
    }
  }
}
