import Stepmill
import Synchronization

// What the service keeps. Everything here is a value, except for what several of them share.

/// STANDARD or EXPRESS.
package enum MachineType: String, Sendable, CaseIterable {
  case standard = "STANDARD"
  case express = "EXPRESS"
}

package struct Tag: Hashable, Sendable {
  package var key: String
  package var value: String

  package init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}

/// What of an execution goes to a log.
package struct LoggingConfiguration: Hashable, Sendable {
  package enum Level: String, Sendable, CaseIterable {
    case all = "ALL"
    case error = "ERROR"
    case fatal = "FATAL"
    case off = "OFF"
  }

  package var level = Level.off
  package var includesExecutionData = false
  /// ARNs of log groups; one at most.
  package var destinations: [String] = []

  package init() {}
}

package struct EncryptionConfiguration: Hashable, Sendable {
  /// Nil: the key of the service itself.
  package var keyID: String?
  package var reuseSeconds: Int?

  package init(keyID: String? = nil, reuseSeconds: Int? = nil) {
    self.keyID = keyID
    self.reuseSeconds = reuseSeconds
  }
}

/// What a state machine is at one time: what an update replaces, and what a version and a
/// running execution keep.
package final class MachineRevision: Sendable {
  package let definition: String
  package let roleARN: String
  package let type: MachineType
  package let logging: LoggingConfiguration
  package let isTraced: Bool
  package let encryption: EncryptionConfiguration
  /// Nil for the first one.
  package let revisionID: String?
  package let date: Int64
  /// The compiled form, made when it is first asked for.
  let workflow = WorkflowSlot()
  /// The number that a store on disk keeps it under; 0: it does not yet.
  package let row = Atomic<Int64>(0)

  package init(
    definition: String, roleARN: String, type: MachineType, logging: LoggingConfiguration, isTraced: Bool,
    encryption: EncryptionConfiguration, revisionID: String?, date: Int64
  ) {
    self.definition = definition
    self.roleARN = roleARN
    self.type = type
    self.logging = logging
    self.isTraced = isTraced
    self.encryption = encryption
    self.revisionID = revisionID
    self.date = date
  }
}

package struct MachineVersion: Sendable {
  package var number: Int
  package var revision: MachineRevision
  package var description: String?
  package var creationDate: Int64

  package init(number: Int, revision: MachineRevision, description: String?, creationDate: Int64) {
    self.number = number
    self.revision = revision
    self.description = description
    self.creationDate = creationDate
  }
}

package struct MachineAlias: Sendable {
  package struct Route: Hashable, Sendable {
    package var version: Int
    package var weight: Int

    package init(version: Int, weight: Int) {
      self.version = version
      self.weight = weight
    }
  }

  package var name: String
  package var description: String?
  package var routes: [Route]
  package var creationDate: Int64
  package var updateDate: Int64?

  package init(
    name: String, description: String?, routes: [Route], creationDate: Int64, updateDate: Int64? = nil
  ) {
    self.name = name
    self.description = description
    self.routes = routes
    self.creationDate = creationDate
    self.updateDate = updateDate
  }
}

package struct StateMachine: Sendable {
  package var name: String
  package var creationDate: Int64
  package var revision: MachineRevision
  package var isDeleting = false
  /// Oldest first.
  package var versions: [MachineVersion] = []
  /// Numbers are not used twice.
  package var lastVersion = 0
  /// How the first version was described, for those who create the machine once more. Nil: it
  /// was not published when it was created.
  package var firstVersion: FirstVersion?
  /// In the order of their making.
  package var aliases: [MachineAlias] = []
  package var tags: [Tag] = []

  package init(name: String, creationDate: Int64, revision: MachineRevision) {
    self.name = name
    self.creationDate = creationDate
    self.revision = revision
  }

  package struct FirstVersion: Hashable, Sendable {
    package var description: String?

    package init(description: String?) { self.description = description }
  }

  func version(_ number: Int) -> MachineVersion? {
    // Numbers rise, with gaps where versions were deleted.
    versions.last { $0.number == number }
  }

  func alias(_ name: String) -> MachineAlias? { aliases.first { $0.name == name } }
}

package struct Activity: Sendable {
  package var name: String
  package var creationDate: Int64
  package var encryption: EncryptionConfiguration
  package var tags: [Tag]

  package init(name: String, creationDate: Int64, encryption: EncryptionConfiguration, tags: [Tag]) {
    self.name = name
    self.creationDate = creationDate
    self.encryption = encryption
    self.tags = tags
  }
}

/// All child executions of one visit of a Distributed Map.
package struct MapRunRecord: Sendable {
  package enum Status: String, Sendable {
    case running = "RUNNING"
    case succeeded = "SUCCEEDED"
    case failed = "FAILED"
    case aborted = "ABORTED"
  }

  /// How many items, or executions, are where.
  package typealias Counts = MapRunCounts

  package var arn: String
  package var executionARN: String
  /// The machine of its children, with the label.
  package var machineARN: String
  package var status: Status
  package var startDate: Int64
  package var stopDate: Int64?
  package var concurrencyMax: Int
  package var toleratedFailurePercentage: Double
  package var toleratedFailureCount: Int
  package var items = Counts()
  package var executions = Counts()
  package var redriveCount = 0
  package var redriveDate: Int64?

  package init(
    arn: String, executionARN: String, machineARN: String, status: Status, startDate: Int64,
    stopDate: Int64? = nil, concurrencyMax: Int, toleratedFailurePercentage: Double,
    toleratedFailureCount: Int, items: Counts = Counts(), executions: Counts = Counts(),
    redriveCount: Int = 0, redriveDate: Int64? = nil
  ) {
    self.arn = arn
    self.executionARN = executionARN
    self.machineARN = machineARN
    self.status = status
    self.startDate = startDate
    self.stopDate = stopDate
    self.concurrencyMax = concurrencyMax
    self.toleratedFailurePercentage = toleratedFailurePercentage
    self.toleratedFailureCount = toleratedFailureCount
    self.items = items
    self.executions = executions
    self.redriveCount = redriveCount
    self.redriveDate = redriveDate
  }
}
