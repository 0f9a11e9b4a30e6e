import CLibuv
import Testing

@testable import Stepmill

/// Proves that a runtime lives in a libuv loop that somebody else owns, and leaves it clean.
@Suite struct AttachedRuntimeTests {
  /// A loop with a host's own timer on it.
  final class Host {
    let loop = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)

    init() { uv_loop_init(loop) }

    func run(_ mode: uv_run_mode = UV_RUN_DEFAULT) { uv_run(loop, mode) }

    /// Closes the loop, which must have nothing left on it.
    func close() -> Int32 {
      let code = uv_loop_close(loop)
      if code == 0 { loop.deallocate() }
      return code
    }
  }

  @Test func executionsKeepTheHostsLoopAliveUntilTheyEnd() throws {
    let host = Host()
    var runtime: Runtime? = try Runtime(attachedTo: host.loop)
    runtime!.register(
      "work",
      .async { request in
        await Task.yield()
        return request.input
      })
    runtime!.register("pool", .concurrent { $0.input })
    let at = JSON.timestamp(in: 2)
    let executions = [
      try runtime!.workflow(Definitions.count).start(["n": 0]),
      try runtime!.workflow(Definitions.task("work")).start(7),
      try runtime!.workflow(Definitions.task("pool")).start(8),
      try runtime!.workflow(Definitions.waitUntil()).start(["at": at]),
    ]
    host.run()
    #expect(
      executions.map(\.outcomeIfEnded) == [
        .succeeded(["n": 100]), .succeeded(7), .succeeded(8), .succeeded(["at": at]),
      ])
    runtime = nil
    host.run()
    #expect(host.close() == 0)
  }

  @Test func theHostsOwnHandlesGoOn() throws {
    let host = Host()
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    defer { timer.deallocate() }
    uv_timer_init(host.loop, timer)
    final class Ticks { var count = 0 }
    let ticks = Ticks()
    timer.pointee.data = Unmanaged.passUnretained(ticks).toOpaque()
    uv_timer_start(
      timer,
      { timer in
        let ticks = Unmanaged<Ticks>.fromOpaque(timer!.pointee.data).takeUnretainedValue()
        ticks.count += 1
        if ticks.count == 5 {
          uv_close(UnsafeMutableRawPointer(timer!).assumingMemoryBound(to: uv_handle_t.self), nil)
        }
      }, 1, 1)
    var runtime: Runtime? = try Runtime(attachedTo: host.loop)
    let execution = try runtime!.workflow(Definitions.count).start(["n": 0])
    host.run()
    #expect(ticks.count == 5)
    #expect(execution.outcomeIfEnded == .succeeded(["n": 100]))
    runtime = nil
    host.run()
    #expect(host.close() == 0)
  }

  @Test func otherThreadsSubmitWhileTheHostRuns() throws {
    let host = Host()
    var runtime: Runtime? = try Runtime(attachedTo: host.loop)
    let token = Log<String>()
    runtime!.register("hold", .token { token.append($0.token) })
    // Keeps the host's loop running until the other thread has brought all its work.
    let hold = try runtime!.workflow(Definitions.task("hold")).start([:])
    let workflow = try runtime!.workflow(Definitions.count)
    host.run(UV_RUN_NOWAIT)
    let submitted = Log<Execution>()
    let client = try Thread(name: "client") { [runtime = runtime!] in
      for number in 0..<200 {
        if let execution = try? workflow.start(["n": JSON(number % 100)]) { submitted.append(execution) }
      }
      for token in token.entries { runtime.complete(token, with: .success("released")) }
    }
    host.run()
    client.join()
    host.run()
    #expect(hold.outcomeIfEnded == .succeeded("released"))
    #expect(submitted.entries.count == 200)
    #expect(submitted.entries.allSatisfy { $0.outcomeIfEnded == .succeeded(["n": 100]) })
    runtime = nil
    _ = consume workflow
    host.run()
    #expect(host.close() == 0)
  }

  @Test func aRuntimeLeavesTheHostsLoopWithWorkInFlight() throws {
    let host = Host()
    let execution: Execution
    do {
      let runtime = try Runtime(attachedTo: host.loop)
      runtime.register(
        "work",
        .async { _ in
          try await Gate().waitOrCancel()
          return [:]
        })
      execution = try runtime.workflow(Definitions.task("work")).start([:])
      host.run(UV_RUN_NOWAIT)
      host.run(UV_RUN_NOWAIT)
    }
    host.run()
    #expect(execution.outcomeIfEnded?.status == "ABORTED")
    #expect(host.close() == 0)
  }

  @Test(arguments: [true, false])
  func aRuntimeIsDroppedInsideAHandlerOnTheHostsLoop(isSynchronous: Bool) throws {
    let host = Host()
    let holder = Lock<Runtime?>(try Runtime(attachedTo: host.loop))
    let execution = try holder.withLock { runtime in
      if isSynchronous {
        runtime!.register(
          "work",
          .synchronous { call in
            holder.withLock { $0 = nil }
            call.succeed(1)
          })
      } else {
        runtime!.register(
          "work",
          .async { _ in
            holder.withLock { $0 = nil }
            return 1
          })
      }
      return try runtime!.workflow(Definitions.task("work")).start([:])
    }
    host.run()
    #expect(execution.outcomeIfEnded != nil)
    #expect(host.close() == 0)
  }
}
