// Where things are, and what they are called.

extension Scope {
  /// What every ARN of the service in this scope begins with, the last colon included.
  var prefix: String { "arn:\(partition):states:\(region):\(account):" }

  func machineARN(_ name: String) -> String { "\(prefix)stateMachine:\(name)" }
  func versionARN(_ name: String, _ version: Int) -> String { "\(prefix)stateMachine:\(name):\(version)" }
  func aliasARN(_ name: String, _ alias: String) -> String { "\(prefix)stateMachine:\(name):\(alias)" }
  func executionARN(_ machine: String, _ name: String, kind: String = "execution") -> String {
    "\(prefix)\(kind):\(machine):\(name)"
  }
  func expressARN(_ machine: String, _ name: String, _ identifier: String) -> String {
    "\(prefix)express:\(machine):\(name):\(identifier)"
  }
  func activityARN(_ name: String) -> String { "\(prefix)activity:\(name)" }
}

/// An ARN of the service, taken apart.
struct ServiceARN: Hashable, Sendable {
  enum Resource: Hashable, Sendable {
    /// `qualifier` is a version's number or an alias; `label` that of a Distributed Map.
    case machine(name: String, label: String?, qualifier: String?)
    case execution(machine: String, label: String?, name: String)
    case express(machine: String, label: String?, name: String, identifier: String)
    case activity(name: String)
    case mapRun(machine: String, label: String, identifier: String)
  }

  let text: String
  let scope: Scope
  let resource: Resource

  /// Reads an ARN whatever it names.
  init(_ text: String) throws(APIError) {
    let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "states"
    else { throw .invalidARNPrefix(text) }
    self.text = text
    scope = Scope(region: parts[3], account: parts[4])
    guard parts[1] == scope.partition else { throw .invalidARNPrefix(text) }
    let rest = parts[5].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let resource = Self.resource(rest) else { throw .wrongResource(rest[0]) }
    self.resource = resource
  }

  private static func resource(_ parts: [String]) -> Resource? {
    guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    func labeled(_ text: String) -> (name: String, label: String?) {
      guard let slash = text.firstIndex(of: "/") else { return (text, nil) }
      return (String(text[..<slash]), String(text[text.index(after: slash)...]))
    }
    switch (parts.first, parts.count) {
    case ("stateMachine", 2), ("stateMachine", 3):
      let (name, label) = labeled(parts[1])
      return .machine(name: name, label: label, qualifier: parts.count == 3 ? parts[2] : nil)
    case ("execution", 3):
      let (name, label) = labeled(parts[1])
      return .execution(machine: name, label: label, name: parts[2])
    case ("express", 4):
      let (name, label) = labeled(parts[1])
      return .express(machine: name, label: label, name: parts[2], identifier: parts[3])
    case ("activity", 2):
      return .activity(name: parts[1])
    case ("mapRun", 3):
      let (name, label) = labeled(parts[1])
      return label.map { .mapRun(machine: name, label: $0, identifier: parts[2]) }
    default:
      return nil
    }
  }

  /// The word that says what it names.
  var kind: String {
    switch resource {
    case .machine: "stateMachine"
    case .execution: "execution"
    case .express: "express"
    case .activity: "activity"
    case .mapRun: "mapRun"
    }
  }
}

/// A state machine, or a version or an alias of one.
struct MachineName: Hashable, Sendable {
  enum Qualifier: Hashable, Sendable {
    case version(Int)
    case alias(String)

    /// Digits alone are never an alias. What is not written as versions are is the number 0, which
    /// no version has.
    init(_ text: String) {
      guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        self = .alias(text)
        return
      }
      self = .version(text.hasPrefix("0") ? 0 : Int(text) ?? 0)
    }
  }

  let arn: String
  let scope: Scope
  let name: String
  let label: String?
  let qualifier: Qualifier?

  init(_ text: String) throws(APIError) {
    let name = try ServiceARN(text)
    guard case .machine(let machine, let label, let qualifier) = name.resource else {
      throw .wrongResource(name.kind)
    }
    arn = text
    scope = name.scope
    self.name = machine
    self.label = label
    self.qualifier = qualifier.map { Qualifier($0) }
  }

  /// The same for operations that do not take the machines of a Distributed Map's children.
  init(unlabeled text: String) throws(APIError) {
    try self.init(text)
    guard label == nil else {
      throw .validation("Labeled ARNs are not supported for this API: \(text)", reason: .labeledARN)
    }
  }

  /// Without a version or an alias.
  var machineARN: String { scope.machineARN(name) }
}

enum NameRule {
  /// Whether a state machine, an execution or an activity may be called so.
  static func isValid(_ name: String) -> Bool {
    !name.isEmpty && name.utf16.count <= 80 && name.unicodeScalars.allSatisfy(isAllowed)
  }

  private static let refused: Set<Unicode.Scalar> = [
    "<", ">", "{", "}", "[", "]", "?", "*", "\"", "#", "%", "\\", "^", "|", "~", "`", "$", "&", ",", ";",
    ":", "/",
  ]

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // U+FFFD stands where a surrogate had no partner.
    case 0x00...0x20, 0x7F...0x9F, 0xFFFD...0xFFFF, 0x10FFFF: false
    default: !refused.contains(scalar) && !scalar.properties.isWhitespace
    }
  }
}
