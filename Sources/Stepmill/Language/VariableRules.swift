// What `Assign` may assign: names, and the scopes they live in.

/// The variables of one `States` object.
struct VariableScope {
  /// The scope outside, as an index; nil for the whole machine.
  var parent: Int?
  /// The children of a distributed Map run on their own and see nothing of the scopes outside.
  var isIsolated: Bool
  /// The names that scopes inside may not assign.
  var names: Set<String> = []
  /// Every assignment, with its place.
  var assignments: [Located<String>] = []
  /// Who assigns a name: places among the container's states.
  var assigners: [String: [Int]] = [:]
  /// Every name that is read, with the place the service names and the state it is read in.
  var reads: [VariableRead] = []
  /// The container of the scope, as an index into `containers`.
  var container = 0
  /// The state that the scope stands in, in the scope outside.
  var stateOutside = 0
}

struct VariableRead {
  var name: String
  var node: SyntaxNode
  /// What exactly reads it.
  var target: SyntaxNode
  var state: Int
}

extension DefinitionReader {
  private static var variableNameMax: Int { 80 }

  /// What a catcher assigns may be assigned inside the state it guards: AWS runs such definitions.
  func checkAssign(_ node: SyntaxNode, _ language: QueryLanguage, _ available: StatesMembers = []) {
    guard let members = node.members else {
      expect("[OBJECT]", at: node)
      return
    }
    switch language {
    case .jsonPath: checkTemplate(node)
    case .jsonata: checkExpressions(in: node, available)
    }
    for member in members {
      var name = member.name
      if language == .jsonPath, name.hasSuffix(".$") { name.removeLast(2) }
      if checkVariableName(name, member), let scope {
        if !available.contains(.errorOutput) { scopes[scope].names.insert(name) }
        scopes[scope].assignments.append(Located(value: name, node: member.value))
        scopes[scope].assigners[name, default: []].append(stateIndex)
      }
    }
  }

  private func checkVariableName(_ name: String, _ member: SyntaxMember) -> Bool {
    if name == "states" {
      error(
        "Cannot assign to reserved variable '$states'.", code: DiagnosticCode.reservedVariableName,
        at: member.value, member: member)
      return false
    }
    let scalars = name.unicodeScalars
    let isIdentifier =
      scalars.first?.properties.isIDStart == true
      && scalars.dropFirst().allSatisfy { $0.properties.isIDContinue }
    if !isIdentifier {
      error(
        "Invalid variable name '\(name.prefix(200))': the variable name contains invalid characters.",
        code: DiagnosticCode.invalidVariableName, at: member.value, member: member,
        hint: "a name is a letter, then letters, digits and underscores")
      return false
    }
    if scalars.count > Self.variableNameMax {
      error(
        "Invalid variable name '\(name.prefix(200))': the variable name exceeds 80 characters.",
        code: DiagnosticCode.invalidVariableName, at: member.value, member: member)
      return false
    }
    return true
  }

  // MARK: Reads

  /// Notes the variables that a path or an intrinsic call reads. `place` is what the service names.
  func noteReads(_ text: String, in target: SyntaxNode, place: SyntaxNode) {
    guard mayNameVariable(text) else { return }
    var names: [String] = []
    func add(_ path: String) {
      if let path = try? JSONPath.parse(path), case .variable(let name) = path.root, !names.contains(name) {
        names.append(name)
      }
    }
    if text.utf8.first == UInt8(ascii: "$") {
      add(text)
    } else if let call = try? IntrinsicCall.parse(text) {
      for path in call.paths { add(path) }
    }
    for name in names { noteRead(of: name, in: target, place: place) }
  }

  func noteRead(of name: String, in target: SyntaxNode, place: SyntaxNode) {
    guard let scope, scopes[scope].reads.count < Self.readsMax else { return }
    scopes[scope].reads.append(VariableRead(name: name, node: place, target: target, state: stateIndex))
  }

  private static var readsMax: Int { 100_000 }

  /// A `$` with the beginning of a name behind it.
  private func mayNameVariable(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var isBehindDollar = false
      var offset = 0
      while offset < bytes.count {
        let byte = bytes[offset]
        offset &+= 1
        if isBehindDollar {
          let letter = byte | 0x20
          if letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || byte >= 0x80
            || byte == UInt8(ascii: "_")
          {
            return true
          }
        }
        isBehindDollar = byte == UInt8(ascii: "$")
      }
      return false
    }
  }

  /// Steps that following the ways of variables may take; a definition that costs more is left alone.
  private static var variableStepsMax: Int { 5_000_000 }

  /// Warns of reads that no assignment can have come before: the variable lives in no scope around the state,
  /// or no way leads from its assignments to here.
  func checkReads() {
    var steps = 0
    var reached: [String: [Bool]] = [:]
    for index in scopes.indices {
      for read in scopes[index].reads {
        var inner: Int? = index
        var state = read.state
        var isPossible = false
        while let scope = inner {
          if let assigners = scopes[scope].assigners[read.name] {
            let key = "\(scope) \(read.name)"
            if reached[key] == nil {
              steps += containers[scopes[scope].container].states.count
              if steps > Self.variableStepsMax { return }
              reached[key] = containers[scopes[scope].container].reached(from: assigners)
            }
            if reached[key]?[state] ?? true {
              isPossible = true
              break
            }
          }
          state = scopes[scope].stateOutside
          inner = scopes[scope].isIsolated ? nil : scopes[scope].parent
        }
        if isPossible { continue }
        warning(
          "Variable '\(read.name)' is possibly not defined.", code: DiagnosticCode.possiblyUndefinedVariable,
          at: read.node, pointing: read.target, hint: variableHint(read.name, index))
      }
    }
  }

  private func variableHint(_ name: String, _ index: Int) -> String? {
    var names: Set<String> = []
    var inner: Int? = index
    while let scope = inner {
      names.formUnion(scopes[scope].assigners.keys)
      inner = scopes[scope].isIsolated ? nil : scopes[scope].parent
    }
    if names.contains(name) { return "it is assigned later only" }
    if scopes.contains(where: { $0.assigners[name] != nil }) {
      return "it is assigned in another branch, whose variables end with it"
    }
    return didYouMean(name, names)
  }

  /// No scope assigns a name that one outside assigns, wherever in it.
  func checkVariables() {
    for scope in scopes {
      for assignment in scope.assignments where isAssigned(assignment.value, outside: scope) {
        error(
          "The variable name '\(assignment.value)' was already defined in a parent scope.",
          code: DiagnosticCode.duplicateVariableName, at: assignment.node, in: .names)
      }
    }
  }

  private func isAssigned(_ name: String, outside scope: VariableScope) -> Bool {
    var scope = scope
    while !scope.isIsolated, let parent = scope.parent {
      scope = scopes[parent]
      if scope.names.contains(name) { return true }
    }
    return false
  }
}
