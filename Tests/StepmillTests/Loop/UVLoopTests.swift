import CLibuv
import Testing

@testable import Stepmill

/// Proves that a loop can be woken, bounded by a deadline, shared with a host, and left.
@Suite struct LoopUVTests {

  @Test func aWakeUpEndsTheWait() throws {
    let loop = try UVLoop()
    // Sent before the wait: it must not be lost.
    loop.waker.wake()
    loop.wait(until: nil)
    let waker = loop.waker
    let thread = try Thread(name: "waker") { waker.wake() }
    loop.wait(until: nil)
    thread.join()
    loop.poll()
    try loop.close()
  }

  @Test func aDeadlineEndsTheWait() throws {
    let loop = try UVLoop()
    loop.updateTime()
    let deadline = loop.milliseconds + 1
    loop.wait(until: deadline)
    #expect(loop.milliseconds >= deadline)
    loop.wait(until: 0)
    // A deadline that is taken back no longer counts; the wake-up does.
    loop.waker.wake()
    loop.wait(until: .max - 1)
    loop.waker.wake()
    loop.wait(until: nil)
    try loop.close()
  }

  /// A callback that runs ahead of the poll makes work on the loop's own thread.
  @Test func aCallbackCanKeepTheLoopFromBlocking() throws {
    let loop = try UVLoop()
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    uv_timer_init(loop.loop, timer)
    timer.pointee.data = Unmanaged.passUnretained(loop).toOpaque()
    let interrupt: uv_timer_cb = {
      Unmanaged<UVLoop>.fromOpaque($0!.pointee.data).takeUnretainedValue().interrupt()
    }
    uv_timer_start(timer, interrupt, 0, 0)
    loop.wait(until: nil)
    UnsafeMutableRawPointer(timer).withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
      uv_close(handle) { UnsafeMutableRawPointer($0!).deallocate() }
    }
    loop.poll()
    try loop.close()
  }

  @Test func clocksAgree() throws {
    let loop = try UVLoop()
    let before = UVLoop.monotonicNanoseconds / 1_000_000
    loop.updateTime()
    #expect(loop.milliseconds >= before)
    #expect(loop.milliseconds <= UVLoop.monotonicNanoseconds / 1_000_000)
    // 2020 and 2200: a sane wall clock, in the right unit.
    #expect((1_577_836_800_000..<7_258_118_400_000).contains(WallTime.now.milliseconds))
    try loop.close()
  }

  @Test func somethingElseOnTheLoopMustBeClosedFirst() throws {
    let loop = try UVLoop()
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    uv_timer_init(loop.loop, timer)
    #expect(throws: UVError(code: UV_EBUSY.rawValue)) { try loop.close() }
    #expect(UVError(code: UV_EBUSY.rawValue).name == "EBUSY")
    #expect(!UVError(code: UV_EBUSY.rawValue).message.isEmpty)
    UnsafeMutableRawPointer(timer).withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
      uv_close(handle) { UnsafeMutableRawPointer($0!).deallocate() }
    }
    uv_run(loop.loop, UV_RUN_DEFAULT)
    try loop.close()
  }

  /// An engine's part in a host's loop: some turns of work, then a wait for a deadline, then
  /// a wait for a wake-up, and then it leaves.
  final class Guest {
    var uv: UVLoop!
    var work = 3
    var turns = 0
    var afterPolls = 0
    var deadline: UInt64?
    var log: [String] = []
    var isDetached = false

    var hooks: UVLoop.Hooks {
      UVLoop.Hooks(
        context: Unmanaged.passUnretained(self).toOpaque(),
        beforePoll: { Unmanaged<Guest>.fromOpaque($0).takeUnretainedValue().beforePoll() },
        afterPoll: { Unmanaged<Guest>.fromOpaque($0).takeUnretainedValue().afterPolls += 1 })
    }

    func beforePoll() {
      turns += 1
      if work > 0 {
        work -= 1
        log.append("work")
        return uv.rest(ready: true, until: nil)
      }
      guard let deadline else {
        deadline = uv.milliseconds + 2
        log.append("wait")
        return uv.rest(ready: false, until: deadline)
      }
      if uv.milliseconds < deadline { return uv.rest(ready: false, until: deadline) }
      if log.last == "wait" {
        log.append("due")
        // The host goes on by itself only while it is kept alive; this wakes it at once.
        uv.waker.wake()
        return uv.rest(ready: false, until: nil)
      }
      log.append("woken")
      uv.keepsHostAlive = false
      uv.detach(context: Unmanaged.passUnretained(self).toOpaque()) {
        Unmanaged<Guest>.fromOpaque($0).takeUnretainedValue().isDetached = true
      }
    }
  }

  @Test func aGuestRunsInAHostsLoop() throws {
    var host = uv_loop_t()
    #expect(uv_loop_init(&host) == 0)
    let guest = Guest()
    guest.uv = try UVLoop(attachedTo: &host, hooks: guest.hooks)
    guest.uv.keepsHostAlive = true
    // Returns only when nothing keeps the host's loop alive, that is after the guest left.
    #expect(uv_run(&host, UV_RUN_DEFAULT) == 0)
    #expect(guest.log == ["work", "work", "work", "wait", "due", "woken"])
    #expect(guest.afterPolls >= 5)
    #expect(guest.isDetached)
    #expect(uv_loop_close(&host) == 0)
  }

  @Test func anIdleGuestDoesNotKeepTheHostAlive() throws {
    var host = uv_loop_t()
    #expect(uv_loop_init(&host) == 0)
    let guest = Guest()
    guest.work = 0
    guest.deadline = 0
    guest.uv = try UVLoop(attachedTo: &host, hooks: guest.hooks)
    #expect(uv_run(&host, UV_RUN_DEFAULT) == 0)
    #expect(guest.turns == 0)
    guest.uv.detach(context: Unmanaged.passUnretained(guest).toOpaque()) {
      Unmanaged<Guest>.fromOpaque($0).takeUnretainedValue().isDetached = true
    }
    #expect(uv_run(&host, UV_RUN_DEFAULT) == 0)
    #expect(guest.isDetached)
    #expect(uv_loop_close(&host) == 0)
  }
}
