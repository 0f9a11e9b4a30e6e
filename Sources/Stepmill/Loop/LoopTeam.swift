import Synchronization

/// The loops of a runtime, as far as they help one another: which of them have nothing to do.
///
/// A loop raises its flag while it looks for mail or sleeps; whoever has work to give away
/// claims the loop by taking the flag down, and writes to it. A claim is no promise: a loop
/// that got other work meanwhile does both.
///
/// Who may touch what: a place is filled in before its loop starts and read by those only who
/// saw its flag. A loop lowers its flag for good before it ends, and is kept until then by
/// its runtime, so a claimed loop exists.
final class LoopTeam: @unchecked Sendable {
  let capacity: Int
  private let members: UnsafeMutablePointer<Unmanaged<Loop>>
  private let flags: UnsafeMutablePointer<IdleFlag>

  init(capacity: Int) {
    self.capacity = capacity
    members = .allocate(capacity: max(capacity, 1))
    flags = .allocate(capacity: max(capacity, 1))
    for place in 0..<capacity { (flags + place).initialize(to: IdleFlag()) }
  }

  deinit {
    flags.deinitialize(count: capacity)
    flags.deallocate()
    members.deallocate()
  }

  func setMember(_ place: Int, _ loop: Loop) { members[place] = Unmanaged.passUnretained(loop) }

  /// On the loop's own thread.
  func setIdle(_ place: Int, _ isIdle: Bool) { flags[place].isIdle.store(isIdle, ordering: .releasing) }

  /// A loop that has nothing to do, other than the one at this place; from any thread of the team.
  func claimIdle(after own: Int) -> Loop? {
    var place = own
    for _ in 0..<capacity {
      place = place + 1 < capacity ? place + 1 : 0
      if place != own, flags[place].isIdle.load(ordering: .relaxed),
        flags[place].isIdle.exchange(false, ordering: .acquiring)
      {
        return members[place].takeUnretainedValue()
      }
    }
    return nil
  }
}

/// A flag on a pair of cache lines of its own.
private struct IdleFlag: ~Copyable {
  let isIdle = Atomic<Bool>(false)
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) =
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}
