import Testing

@testable import Stepmill

/// Proves that the wheel fires what a sorted array would, in the same order, whatever the
/// distances, batch sizes and jumps of the clock are.
@Suite struct LoopTimerWheelTests {

  /// What the wheel promises, in its most obvious form.
  struct Model {
    var position: UInt64
    /// By deadline, and then by the order of scheduling.
    var timers: [(deadline: UInt64, handle: UInt32)] = []

    mutating func schedule(_ handle: UInt32, at deadline: UInt64) {
      let effective = max(deadline, position)
      var low = 0
      var high = timers.count
      while low < high {
        let middle = (low + high) / 2
        if timers[middle].deadline <= effective { low = middle + 1 } else { high = middle }
      }
      timers.insert((effective, handle), at: low)
    }

    mutating func popDue(_ now: UInt64, limit: Int) -> [UInt32] {
      let due = timers.prefix { $0.deadline <= max(now, position) }.prefix(limit)
      if due.count == limit {
        position = due.last.map { max(position, $0.deadline) } ?? position
      } else {
        position = max(position, now)
      }
      timers.removeFirst(due.count)
      return due.map(\.handle)
    }

    var earliest: UInt64? { timers.first?.deadline }
  }

  @Test(arguments: LoopRandom.seeds) func agreesWithTheModel(seed: UInt64) {
    print("timer wheel seed \(seed)")
    var random = LoopRandom(seed: seed)
    let start = random.chance(1, in: 2) ? 0 : random.next() >> random.below(30)
    var wheel = TimerWheel(now: start)
    var model = Model(position: start)
    var now = start
    // The seed decides how far deadlines and jumps may be: short ones make many equal ones.
    let farthestBits = 1 + random.below(43)
    let longestJumpBits = 1 + random.below(43)
    let schedules = 1 + random.below(200)
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: 1000)
    defer { buffer.deallocate() }
    var handle: UInt32 = 0
    func schedule(_ deadline: UInt64) {
      wheel.schedule(handle, at: deadline)
      model.schedule(handle, at: deadline)
      handle += 1
    }
    for round in 0..<200 {
      for _ in 0..<random.below(schedules) {
        let distance = random.next() >> (64 - random.below(farthestBits + 1))
        if random.chance(1, in: 20) {
          schedule(now > distance ? now - distance : 0)
        } else {
          schedule(now &+ distance)
        }
      }
      if random.chance(1, in: 8) {
        // Two of three are forgotten, with what is due staying as it is.
        let deadlines = Dictionary(uniqueKeysWithValues: model.timers.map { ($0.handle, $0.deadline) })
        let position = model.position
        model.timers.removeAll { $0.handle % 3 != 0 && $0.deadline > position }
        wheel.sweep { handle, deadline in
          #expect(deadlines[handle] == deadline)
          return handle % 3 == 0
        }
      }
      if !random.chance(1, in: 10) { now &+= random.next() >> (64 - random.below(longestJumpBits + 1)) }
      let limit = random.chance(1, in: 3) ? Int(1 + random.below(30)) : 1000
      for _ in 0..<(1 + random.below(4)) {
        let expected = model.popDue(now, limit: limit)
        let popped = wheel.popDue(now, into: buffer, limit: limit)
        guard Array(UnsafeBufferPointer(start: buffer, count: popped)) == expected else {
          Issue.record("seed \(seed), round \(round): wrong timers")
          return
        }
        // What fires may schedule something: at once, soon, or for the past.
        if random.chance(1, in: 2) { schedule(model.position &+ random.below(3)) }
        if random.chance(1, in: 8) { schedule(model.position &- min(model.position, 5)) }
      }
      #expect(wheel.count == model.timers.count)
      #expect(wheel.position == model.position)
      guard let next = wheel.nextDeadline, let earliest = model.earliest else {
        #expect(wheel.nextDeadline == nil && model.earliest == nil)
        continue
      }
      #expect(next <= earliest && next >= wheel.position, "seed \(seed), round \(round)")
    }
  }

  /// Follows `nextDeadline` from one wake-up to the next: none may be late, and none may
  /// take more wake-ups than the wheel has levels.
  @Test(arguments: LoopRandom.seeds) func sleepingUntilTheNextDeadlineIsNeverLate(seed: UInt64) {
    print("timer wheel seed \(seed)")
    var random = LoopRandom(seed: seed)
    let count = 300
    let deadlines = (0..<count).map { _ in random.next() >> (20 + random.below(40)) }
    var wheel = TimerWheel(now: 0)
    for (index, deadline) in deadlines.enumerated() { wheel.schedule(UInt32(index), at: deadline) }
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    defer { buffer.deallocate() }
    var wakeUps = 0
    while let next = wheel.nextDeadline {
      wakeUps += 1
      let popped = wheel.popDue(next, into: buffer, limit: count)
      for index in 0..<popped { #expect(deadlines[Int(buffer[index])] == next) }
    }
    #expect(wheel.count == 0)
    #expect(wakeUps <= count * TimerWheel.levels)
  }

  @Test func aLoneTimerIsKnownExactly() {
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    defer { buffer.deallocate() }
    for bit in UInt64(0)..<60 {
      var wheel = TimerWheel(now: 12345)
      wheel.schedule(7, at: 12345 + (1 << bit) + bit)
      #expect(wheel.nextDeadline == 12345 + (1 << bit) + bit)
      #expect(wheel.popDue(12345 + (1 << bit) + bit - 1, into: buffer, limit: 1) == 0)
      #expect(wheel.popDue(12345 + (1 << bit) + bit, into: buffer, limit: 1) == 1)
      #expect(buffer[0] == 7)
      #expect(wheel.nextDeadline == nil)
    }
  }

  /// One deadline, scheduled from ever nearer: first on the highest level, last on the
  /// lowest, with others around it.
  @Test func equalDeadlinesKeepTheirOrderAcrossLevels() {
    let deadline: UInt64 = (5 << 36) + (3 << 30) + (9 << 24) + (1 << 18) + (2 << 12) + (3 << 6) + 4
    var wheel = TimerWheel(now: 0)
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: 4096)
    defer { buffer.deallocate() }
    var expected: [UInt32] = []
    var handle: UInt32 = 0
    for bit in stride(from: UInt64(40), through: 0, by: -1) {
      let now = deadline - min(deadline, 1 << bit)
      #expect(wheel.popDue(now, into: buffer, limit: 4096) == 0)
      for _ in 0..<50 {
        wheel.schedule(handle, at: deadline)
        expected.append(handle)
        handle += 1
      }
    }
    #expect(wheel.popDue(deadline - 1, into: buffer, limit: 4096) == 0)
    let popped = wheel.popDue(deadline + 1, into: buffer, limit: 4096)
    #expect(Array(UnsafeBufferPointer(start: buffer, count: popped)) == expected)
  }

  /// Ten billion years of clock in one step, and the last millisecond there is.
  @Test func jumpsAcrossAgesAtOnce() {
    var wheel = TimerWheel(now: 0)
    let deadlines: [UInt64] = [1, 63, 64, 1 << 20, 1 << 35, 1 << 36, (1 << 36) + 1, 1 << 50, .max - 1, .max]
    for (index, deadline) in deadlines.enumerated().reversed() { wheel.schedule(UInt32(index), at: deadline) }
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: 16)
    defer { buffer.deallocate() }
    #expect(wheel.popDue(.max, into: buffer, limit: 16) == deadlines.count)
    #expect(
      Array(UnsafeBufferPointer(start: buffer, count: deadlines.count)) == Array(0..<UInt32(deadlines.count)))
    wheel.schedule(99, at: .max)
    #expect(wheel.popDue(.max, into: buffer, limit: 16) == 1)
  }

  @Test func memoryGoesBack() {
    var wheel = TimerWheel(now: 0)
    let total = 200_000
    var random = LoopRandom(seed: 11)
    for index in 0..<total { wheel.schedule(UInt32(index), at: 1 + random.below(60_000)) }
    #expect(wheel.bytesHeld <= total * 8)
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: 256)
    defer { buffer.deallocate() }
    var fired = 0
    while case let popped = wheel.popDue(60_000, into: buffer, limit: 256), popped > 0 { fired += popped }
    #expect(fired == total)
    #expect(wheel.bytesHeld <= 2 * 65536)
  }
}
