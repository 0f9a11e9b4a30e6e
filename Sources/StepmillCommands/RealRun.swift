import Stepmill
import StepmillBatch
import StepmillIntegrations

/// Runs an execution in real time, on the engine's own loops.
struct RealRun {
  let session: Session
  let runner: TaskRunner
  let buckets: BucketPlaces

  func run(
    _ definition: CompiledDefinition, input: [UInt8], name: String?, limits: Limits, loops: Int,
    observer: HistoryObserver?
  ) throws(CommandError) -> Outcome {
    do throws(StepmillError) {
      var configuration = Runtime.Configuration()
      configuration.loops = loops
      configuration.limits = limits
      let runtime = try Runtime(configuration)
      let store = S3Buckets(buckets.configuration, on: runtime)
      defer { store?.close() }
      runtime.mapRunStorage = buckets.storage(store)
      register(definition, on: runtime)
      let workflow = try runtime.workflow(definition, observer: observer)
      guard let value = try? JSON(parsing: input) else {
        preconditionFailure("BUG in Stepmill (please report): an input that was read does not parse")
      }
      let execution = try workflow.start(value, name: name)
      session.onAbort = { execution.abort(cause: $0) }
      // A signal may have come before there was anything to abort.
      if session.signal != nil { execution.abort() }
      let outcome = wait(for: execution)
      runner.close()
      return outcome
    } catch {
      throw CommandError("\(error)", isAboutUsage: false, status: .failure)
    }
  }

  private func wait(for execution: Execution) -> Outcome {
    let loop = session.loop
    let box = OutcomeBox()
    Task.detached {
      let outcome = await execution.outcome
      loop.post { _ in box.outcome = outcome }
    }
    loop.run { box.outcome != nil }
    return box.outcome!
  }

  func register(_ definition: CompiledDefinition, on runtime: Runtime) {
    let waiting = Set(definition.tasks.filter(\.waitsForToken).map(\.resource))
    let runner = runner
    runtime.registerFallback { [weak runtime] resource in
      guard waiting.contains(resource) else {
        return .async { request in try await runner.answer(request).get() }
      }
      // Nobody outside could send the token, so the answer completes the task.
      return .token { [weak runtime] request in
        guard let runtime else { return }
        Task.detached { [weak runtime] in
          guard let answer = try? await runner.answer(request) else { return }
          runtime?.complete(request.token, with: answer)
        }
      }
    }
  }
}

/// Belongs to the thread of the command's loop, and is only carried by others.
private final class OutcomeBox: @unchecked Sendable {
  var outcome: Outcome?
}

extension TaskRunner {
  /// Answers a call of a handler. From any thread; throws when the call is cancelled.
  func answer(_ request: TaskRequest) async throws -> Result<JSON, TaskFailure> {
    switch sources[request.state] {
    case .mock(let key)?:
      guard let answer = sources.mocks?.next(key, state: request.state) else { throw CancellationError() }
      if answer.delayMilliseconds > 0 { try await Task.sleep(for: .milliseconds(answer.delayMilliseconds)) }
      return answer.result
    case .command(let line)?:
      return try await run(line, request)
    case nil:
      preconditionFailure("BUG in Stepmill (please report): the task '\(request.state)' has no source")
    }
  }

  private func run(_ line: String, _ request: TaskRequest) async throws -> Result<JSON, TaskFailure> {
    let slot = JobSlot()
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<CommandJob.Answer, Never>) in
        let job = CommandJob(
          line, input: request.input, state: request.state, resource: request.resource,
          retryCount: request.retryCount, onAnswer: { continuation.resume(returning: $0) })
        loop.post { [self] _ in
          slot.job = job
          if slot.isCancelled { cancel(job) } else { submit(job) }
        }
      }
    } onCancel: {
      loop.post { [self] _ in
        slot.isCancelled = true
        if let job = slot.job { cancel(job) }
      }
    }
    guard case .answered(let result) = answer else { throw CancellationError() }
    return result
  }
}

/// Where a cancellation finds its job, or leaves word for it. Touched by the loop's thread only.
private final class JobSlot: @unchecked Sendable {
  var job: CommandJob?
  var isCancelled = false
}
