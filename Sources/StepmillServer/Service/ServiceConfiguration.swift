import Stepmill

/// What can be chosen about a service. The defaults are AWS's own bounds.
package struct ServiceConfiguration: Sendable {
  /// Bounds of Standard and of Express executions.
  package var standardLimits = Limits.awsStandard
  package var expressLimits = Limits.awsExpress
  /// A year: how long a Standard execution may take.
  package var standardSecondsMax = 31_536_000
  package var machinesMax = 100_000
  package var activitiesMax = 100_000
  package var versionsMax = 1_000
  package var aliasesMax = 100
  package var openExecutionsMax = 1_000_000
  package var activityPollersMax = 1_000
  package var tagsMax = 50
  /// How long a worker's question for a task is held back.
  package var activityPollMilliseconds: UInt64 = 60_000
  /// After which an execution cannot be redriven.
  package var redriveSeconds = 14 * 86_400
  /// A task's `Resource` must be an ARN, as on AWS.
  package var requiresARNs = true

  package init() {
    standardLimits.executionSecondsMax = standardSecondsMax
  }
}
