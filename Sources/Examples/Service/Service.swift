// A service that already has a libuv loop: the runtime moves in, beside the service's own
// timer, and needs no thread of its own. Everything below happens on one thread.

import CLibuv
import Stepmill

@main struct ServiceExample {
  static func main() throws {
    var loop = unsafe uv_loop_t()
    unsafe try withUnsafeMutablePointer(to: &loop) { loop in
      guard unsafe uv_loop_init(loop) == 0 else { fatalError("libuv gave no loop") }
      try unsafe serve(loop)
      // The runtime is gone by now, and one more round closes the last of its handles.
      unsafe uv_run(loop, UV_RUN_DEFAULT)
      print(unsafe uv_loop_close(loop) == 0 ? "the loop is clean" : "something was left on the loop")
    }
  }

  static func serve(_ loop: UnsafeMutablePointer<uv_loop_t>) throws {
    let runtime = unsafe try Runtime(attachedTo: loop)
    runtime.register(
      "celsius",
      .synchronous { call in
        let fahrenheit = call.input["fahrenheit"].int ?? 32
        call.succeed(JSON((fahrenheit - 32) * 5 / 9))
      })
    let workflow = try runtime.workflow(utf8: PackageResources.Service_asl_json, name: "reading")

    let sensor = Sensor(workflow)
    unsafe try sensor.start(on: loop)
    unsafe uv_run(loop, UV_RUN_DEFAULT)
    for (reading, execution) in sensor.executions {
      print("\(reading): \(execution.outcomeIfEnded?.output?.text ?? "did not succeed")")
    }
    print("executions: \(runtime.counters.succeeded)")
  }
}

/// Reads a value every two milliseconds, by a timer of the service's own, and hands each to
/// the workflow.
@safe final class Sensor {
  private let workflow: Workflow
  private var readings = [68, 95, 71, 104]
  private(set) var executions: [(Int, Execution)] = []
  private let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)

  init(_ workflow: Workflow) { self.workflow = workflow }

  deinit { unsafe timer.deallocate() }

  func start(on loop: UnsafeMutablePointer<uv_loop_t>) throws {
    unsafe uv_timer_init(loop, timer)
    unsafe timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    unsafe uv_timer_start(
      timer, { unsafe Unmanaged<Sensor>.fromOpaque($0!.pointee.data).takeUnretainedValue().tick() }, 2, 2)
  }

  private func tick() {
    guard let reading = readings.first else {
      let handle = unsafe UnsafeMutableRawPointer(timer).assumingMemoryBound(to: uv_handle_t.self)
      return unsafe uv_close(handle, nil)
    }
    readings.removeFirst()
    do {
      executions.append((reading, try workflow.start(["fahrenheit": JSON(reading)])))
    } catch {
      print("\(reading): \(error)")
    }
  }
}
