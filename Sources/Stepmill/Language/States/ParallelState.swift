extension StateKind {
  static let parallelFields = FieldTable(
    ["Type", "Comment", "QueryLanguage", "Next", "End", "Assign", "Retry", "Catch", "Branches"],
    jsonPath: ["InputPath", "OutputPath", "Parameters", "ResultSelector", "ResultPath"],
    jsonata: ["Arguments", "Output"], required: ["Branches"])
}

extension DefinitionReader {
  static let branchFields = FieldTable(["StartAt", "States", "Comment"], required: machineRequired)

  func readParallel(_ fields: ObjectFields) -> [Machine]? {
    requireFields(in: fields)
    guard let branches = fields["Branches"].flatMap(nonEmptyArray) else { return nil }
    var machines: [Machine] = []
    for branch in branches {
      guard let branchFields = self.fields(of: branch, Self.branchFields, fields.language) else { continue }
      _ = text("Comment", in: branchFields)
      if let machine = readMachine(branchFields) { machines.append(machine) }
    }
    return machines.count == branches.count ? machines : nil
  }
}
