import Stepmill

// The sets of cases that are known here, and how one of their cases is run.
//
// A set turns a row of its file into an answer: what the engine really gave, and whether that
// is what the row expects. Nothing here knows a case by its name; what a row says is all there
// is to go by.

/// A published or recorded set of cases.
public enum ConformanceSet: String, CaseIterable, Sendable {
  case json, jayway, rfc9535, asl, service, scripts, validation, definitions, corpus, jsonata

  /// Where the set's cases lie in the folder of conformance data.
  public var file: String {
    switch self {
    case .json: "json/cases.jsonl"
    case .jayway: "jsonpath/jayway.jsonl"
    case .rfc9535: "jsonpath/rfc9535.jsonl"
    case .jsonata: "jsonata/cases.jsonl"
    case .asl: "asl/executions.jsonl"
    case .service: "asl/executions.jsonl"
    case .scripts: "asl/scripts.jsonl"
    case .validation: "validation/cases.jsonl"
    case .definitions: "asl/scripts.jsonl"
    case .corpus: "corpus/definitions-resolved.jsonl"
    }
  }

  /// What the set is about, in a few words.
  public var title: String {
    switch self {
    case .json: "JSON texts that a parser must accept or reject"
    case .jayway: "what the Jayway JsonPath library answers"
    case .rfc9535: "RFC 9535 paths, read as the Jayway dialect"
    case .jsonata: "expressions and what the JSONata reference answers"
    case .asl: "executions recorded from AWS, with their histories"
    case .service: "the same executions, by way of the service's API"
    case .scripts: "sequences of API calls recorded from AWS, with their answers"
    case .validation: "definitions that lint tools call valid or invalid"
    case .definitions: "what the service answered to definitions, word for word"
    case .corpus: "real workflows, all valid"
    }
  }

  /// Runs one case.
  public func run(_ row: JSON) -> CaseAnswer {
    switch self {
    case .json: JSONCases.run(row)
    case .jayway: PathCases.runLibraryCase(row)
    case .rfc9535: PathCases.runStandardCase(row)
    case .jsonata: ExpressionCases.run(row)
    case .asl: ExecutionCases.run(row)
    case .service: ServiceCases.run(row)
    case .scripts: ScriptCases.run(row)
    case .validation: DefinitionCases.runVerdict(row)
    case .definitions: ServiceDefinitionCases.run(row)
    case .corpus: DefinitionCases.runWorkflow(row)
    }
  }
}

/// What came of a case.
public struct CaseAnswer: Sendable {
  public var isOK: Bool
  public var got: JSON
  /// Why the case was not run.
  public var skipped: String?
  /// Where answer and expectation part, for people.
  public var difference: String?
  /// For executions: the outcome agrees, whatever the history looks like.
  public var outcomeIsOK: Bool?

  init(_ got: JSON, isOK: Bool, difference: String? = nil) {
    self.got = got
    self.isOK = isOK
    self.difference = difference
  }

  init(skipped why: String) {
    got = .null
    isOK = false
    skipped = why
  }

  /// The row of a results file.
  public func row(id: String) -> JSON {
    var members: [(key: String, value: JSON)] = [("id", JSON(id)), ("ok", JSON(isOK)), ("got", got)]
    if let outcomeIsOK { members.append(("outcome_ok", JSON(outcomeIsOK))) }
    if let skipped { members.append(("skipped", JSON(skipped))) }
    return JSON(members: members)
  }
}
