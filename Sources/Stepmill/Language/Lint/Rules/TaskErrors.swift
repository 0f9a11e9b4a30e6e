extension LintRule {
  static let taskWithoutErrorHandling = LintRule(
    "task-without-error-handling", "A Task has neither Retry nor Catch, and nothing around it has.",
    isOnByDefault: false,
    explanation: """
      A call to the outside fails sooner or later: throttling, a network, a deployment. Without `Retry` and without \
      `Catch`, on the state or on a Parallel or Map around it, one such moment ends the whole execution.

      Add a retrier for transient errors, such as \
      {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2}, or a \
      catcher that leads to a state that cleans up.

      The rule waits to be asked for (`--enable task-without-error-handling`): in most workflows that are well as they \
      are, some Task is meant to end the execution when it fails, and no definition says which. It spoke of 81 of 100 \
      published ones, six times as often as all other rules together.
      """
  ) { context in
    context.forEachState { state, machine in
      guard let resource = state.resource, state.retriers.isEmpty, state.catchers.isEmpty else { return }
      let isGuarded = context.enclosingStates(of: machine).contains {
        !$0.retriers.isEmpty || !$0.catchers.isEmpty
      }
      if isGuarded { return }
      context.warn(
        "The Task '\(state.name)' has neither Retry nor Catch: one failed call ends the execution.",
        at: resource.node)
    }
  }

  static let callbackWithoutTimeout = LintRule(
    "callback-without-timeout", "A Task that waits for a token or a worker has no timeout.",
    explanation: """
      A `.waitForTaskToken` task and an activity wait until somebody answers. If the message is lost or the worker \
      dies, nobody does, and the execution waits for a year.

      Give the task `TimeoutSeconds`, or `HeartbeatSeconds` if whoever works on it can report that it is alive.
      """
  ) { context in
    context.forEachState { state, _ in
      guard case .task(let task) = state.kind, task.timeout == nil, task.heartbeat == nil else { return }
      let isCallback = task.resource.value.hasSuffix(".waitForTaskToken")
      guard isCallback || ResourceName(task.resource.value).isActivity else { return }
      let what = isCallback ? "for its token" : "for a worker"
      context.warn(
        "The Task '\(state.name)' waits \(what) with no TimeoutSeconds: if no answer comes, it waits for a year.",
        at: task.resource.node)
    }
  }
}
