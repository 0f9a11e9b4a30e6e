import Stepmill
import StepmillServer

// What is not asked for by its parts is kept as JSON: `sqlite3` can show it, and members can be
// added without a migration.

enum Documents {
  // MARK: Revisions

  static func settings(of revision: MachineRevision) -> JSON {
    [
      "level": JSON(revision.logging.level.rawValue),
      "includesExecutionData": JSON(revision.logging.includesExecutionData),
      "destinations": JSON(revision.logging.destinations.map { JSON($0) }),
      "isTraced": JSON(revision.isTraced), "encryption": document(of: revision.encryption),
    ]
  }

  static func revision(
    definition: String, role: String, type: String, settings: JSON, revisionID: String?, date: Int64
  ) -> MachineRevision? {
    guard let type = MachineType(rawValue: type) else { return nil }
    var logging = LoggingConfiguration()
    logging.level = settings["level"]?.string.flatMap { LoggingConfiguration.Level(rawValue: $0) } ?? .off
    logging.includesExecutionData = settings["includesExecutionData"]?.bool ?? false
    logging.destinations = settings["destinations"]?.array?.compactMap { $0.string } ?? []
    return MachineRevision(
      definition: definition, roleARN: role, type: type, logging: logging,
      isTraced: settings["isTraced"]?.bool ?? false, encryption: encryption(settings["encryption"]),
      revisionID: revisionID, date: date)
  }

  private static func document(of encryption: EncryptionConfiguration) -> JSON {
    object([
      ("key", encryption.keyID.map { JSON($0) }), ("reuseSeconds", encryption.reuseSeconds.map { JSON($0) }),
    ])
  }

  private static func encryption(_ json: JSON?) -> EncryptionConfiguration {
    EncryptionConfiguration(keyID: json?["key"]?.string, reuseSeconds: json?["reuseSeconds"]?.int)
  }

  // MARK: Machines

  /// - Parameter row: The number that a revision is kept under.
  static func document(of machine: StateMachine, row: (MachineRevision) -> Int64) -> JSON {
    object([
      ("isDeleting", machine.isDeleting ? true : nil),
      (
        "versions",
        JSON(
          machine.versions.map { version in
            object([
              ("number", JSON(version.number)), ("revision", JSON(row(version.revision))),
              ("description", version.description.map { JSON($0) }), ("created", JSON(version.creationDate)),
            ])
          })
      ),
      ("lastVersion", JSON(machine.lastVersion)),
      (
        "firstVersion",
        machine.firstVersion.map { object([("description", $0.description.map { JSON($0) })]) }
      ),
      (
        "aliases",
        JSON(
          machine.aliases.map { alias in
            object([
              ("name", JSON(alias.name)), ("description", alias.description.map { JSON($0) }),
              ("routes", JSON(alias.routes.map { [JSON($0.version), JSON($0.weight)] })),
              ("created", JSON(alias.creationDate)), ("updated", alias.updateDate.map { JSON($0) }),
            ])
          })
      ),
      ("tags", document(of: machine.tags)),
    ])
  }

  static func machine(
    name: String, created: Int64, revision: MachineRevision, _ json: JSON,
    revisions: [Int64: MachineRevision]
  ) -> StateMachine? {
    var machine = StateMachine(name: name, creationDate: created, revision: revision)
    machine.isDeleting = json["isDeleting"]?.bool ?? false
    for version in json["versions"]?.array ?? JSON([]).array! {
      guard let number = version["number"]?.int, let row = version["revision"]?.int,
        let revision = revisions[Int64(row)]
      else { return nil }
      machine.versions.append(
        MachineVersion(
          number: number, revision: revision, description: version["description"]?.string,
          creationDate: Int64(version["created"]?.int ?? 0)))
    }
    machine.lastVersion = json["lastVersion"]?.int ?? 0
    machine.firstVersion = json["firstVersion"].map {
      StateMachine.FirstVersion(description: $0["description"]?.string)
    }
    for alias in json["aliases"]?.array ?? JSON([]).array! {
      guard let name = alias["name"]?.string else { return nil }
      let routes =
        alias["routes"]?.array?.map {
          MachineAlias.Route(version: $0[0]?.int ?? 0, weight: $0[1]?.int ?? 0)
        } ?? []
      machine.aliases.append(
        MachineAlias(
          name: name, description: alias["description"]?.string, routes: routes,
          creationDate: Int64(alias["created"]?.int ?? 0), updateDate: alias["updated"]?.int.map { Int64($0) }
        ))
    }
    machine.tags = tags(json["tags"])
    return machine
  }

  // MARK: Activities

  static func document(of activity: Activity) -> JSON {
    ["encryption": document(of: activity.encryption), "tags": document(of: activity.tags)]
  }

  static func activity(name: String, created: Int64, _ json: JSON) -> Activity {
    Activity(
      name: name, creationDate: created, encryption: encryption(json["encryption"]), tags: tags(json["tags"]))
  }

  private static func document(of tags: [Tag]) -> JSON {
    JSON(tags.map { [JSON($0.key), JSON($0.value)] })
  }

  private static func tags(_ json: JSON?) -> [Tag] {
    json?.array?.map { Tag(key: $0[0]?.string ?? "", value: $0[1]?.string ?? "") } ?? []
  }

  // MARK: Runs of Distributed Maps

  static func document(of run: MapRunRecord) -> JSON {
    object([
      ("machine", JSON(run.machineARN)), ("status", JSON(run.status.rawValue)),
      ("started", JSON(run.startDate)),
      ("stopped", run.stopDate.map { JSON($0) }), ("concurrencyMax", JSON(run.concurrencyMax)),
      ("toleratedFailurePercentage", JSON(run.toleratedFailurePercentage)),
      ("toleratedFailureCount", JSON(run.toleratedFailureCount)), ("items", document(of: run.items)),
      ("executions", document(of: run.executions)), ("redrives", JSON(run.redriveCount)),
      ("redriven", run.redriveDate.map { JSON($0) }),
    ])
  }

  static func mapRun(arn: String, execution: String, _ json: JSON) -> MapRunRecord? {
    guard let machine = json["machine"]?.string,
      let status = json["status"]?.string.flatMap({ MapRunRecord.Status(rawValue: $0) })
    else { return nil }
    return MapRunRecord(
      arn: arn, executionARN: execution, machineARN: machine, status: status,
      startDate: Int64(json["started"]?.int ?? 0), stopDate: json["stopped"]?.int.map { Int64($0) },
      concurrencyMax: json["concurrencyMax"]?.int ?? 0,
      toleratedFailurePercentage: json["toleratedFailurePercentage"]?.double ?? 0,
      toleratedFailureCount: json["toleratedFailureCount"]?.int ?? 0, items: counts(json["items"]),
      executions: counts(json["executions"]), redriveCount: json["redrives"]?.int ?? 0,
      redriveDate: json["redriven"]?.int.map { Int64($0) })
  }

  private static let countFields: [(String, WritableKeyPath<MapRunRecord.Counts, Int> & Sendable)] = [
    ("pending", \.pending), ("running", \.running), ("succeeded", \.succeeded), ("failed", \.failed),
    ("timedOut", \.timedOut), ("aborted", \.aborted), ("resultsWritten", \.resultsWritten),
    ("failuresNotRedrivable", \.failuresNotRedrivable), ("pendingRedrive", \.pendingRedrive),
  ]

  private static func document(of counts: MapRunRecord.Counts) -> JSON {
    JSON(members: countFields.map { (key: $0.0, value: JSON(counts[keyPath: $0.1])) })
  }

  private static func counts(_ json: JSON?) -> MapRunRecord.Counts {
    var counts = MapRunRecord.Counts()
    for (name, path) in countFields { counts[keyPath: path] = json?[name]?.int ?? 0 }
    return counts
  }

  // MARK: Redrives

  static func text(of tokens: [(token: String, date: Int64)]) -> String? {
    tokens.isEmpty ? nil : JSON(tokens.map { [JSON($0.token), JSON($0.date)] }).text
  }

  static func tokens(_ text: String?) -> [(token: String, date: Int64)] {
    guard let text, let json = try? JSON(parsing: text) else { return [] }
    return json.array?.compactMap { pair in
      pair[0]?.string.map { (token: $0, date: Int64(pair[1]?.int ?? 0)) }
    } ?? []
  }

  private static func object(_ members: [(String, JSON?)]) -> JSON {
    JSON(members: members.compactMap { name, value in value.map { (key: name, value: $0) } })
  }
}
