#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The timers of one loop: a hierarchical wheel of 6 levels by 64 slots with ticks of 1 ms.
//
// The idea. A deadline lies on the level of the highest 6-bit digit in which it differs
// from the wheel's position, in the slot which that digit names. When the position enters
// a slot of level 1 or above, its timers move to the levels below; when it enters a slot of
// level 0, its timers are due.
//
// The order is total, and it is what a replay counts on: timers fire by deadline, and
// timers of one deadline in the order in which they were scheduled. It holds because
//  1. the slot of a deadline depends on the deadline and the position alone, so all timers
//     of one deadline are in one slot at any time;
//  2. a slot is a first-in-first-out list, and is emptied from its front;
//  3. when a slot empties into the levels below, these are empty: what was there was due
//     before the position could get here.
// A deadline that has passed counts as one at the position: it fires next, behind what is
// due already.
//
// Entries. A slot is a list of 128-byte chunks: 8 bytes of link, 120 bytes of entries. An
// entry is a `u32` that means something to the owner, and as much of the deadline as the
// slot does not say: nothing on level 0 (30 entries a chunk), 16 bits on levels 1 and 2
// (20 entries), 32 bits above (15 entries). So no record is touched before its timer fires.
// The other design keeps entries of 4 bytes and reads deadlines from the owner's records when
// they change level. With one million timers over 60 s it took 4.3 instead of 6.5 bytes and
// 13 instead of 16 ns to schedule a timer, but 61 instead of 27 ns to fire it; when the owner
// then used the (96-byte) record, which the other design has in the cache by then, it was 64
// against 57 ns. What decided: a record that is reused while its stale entry waits would drag
// that entry to another deadline, and with it the order of what fires.
//
// Cancelling is lazy: the owner compares the record with what it expects (a generation, a
// deadline) when the timer fires. It counts what it has cancelled, and sweeps the wheel when that
// is more than what is left: so a cancelled timer costs one more look, and memory stays in
// proportion to the timers that matter.
//
// A slot holds chunks in a first-in-first-out list and knows by itself how full its last
// chunk is; all others are full. Chunks come from slabs of 64 KiB which go back to the
// system when no chunk of theirs is in use (one empty slab is kept).
struct TimerWheel: ~Copyable {
  static let levels = 6
  static let slotsPerLevel = 64
  /// Deadlines at least this far away wait outside of the wheel.
  static let reachBits: UInt64 = 36

  /// Everything before this time has fired, and so has what was due at it unless it is in `due`.
  private(set) var position: UInt64
  /// Timers that were scheduled and have not been popped, cancelled ones included.
  private(set) var count = 0

  /// Timers that are due now, as entries of level 0.
  private var due = Slot(capacity: Slot.capacity(level: 0))
  /// Entries of the first chunk of `due` that were popped before.
  private var dueRead = 0
  private let slots: UnsafeMutablePointer<Slot>
  /// For each level, the slots that hold timers. All are ahead of the position.
  private let occupied: UnsafeMutablePointer<UInt64>
  /// Timers beyond the wheel's reach, in the order in which they were scheduled.
  private var far: [FarTimer] = []
  private var farEarliest = UInt64.max
  private var chunks = TimerChunks()

  private struct FarTimer {
    var deadline: UInt64
    var handle: UInt32
  }

  private struct Slot {
    var head: UnsafeMutableRawPointer?
    var tail: UnsafeMutableRawPointer?
    /// Entries in the last chunk; `capacity` when there is no chunk, so that both reasons
    /// for taking a new chunk are one comparison.
    var used: Int32
    let capacity: Int32

    init(capacity: Int) {
      used = Int32(capacity)
      self.capacity = Int32(capacity)
    }

    @inline(__always) static func capacity(level: Int) -> Int {
      level == 0 ? 30 : level < 3 ? 20 : 15
    }
  }

  /// A wheel whose time starts at `now`.
  init(now: UInt64) {
    position = now
    let total = Self.levels * Self.slotsPerLevel
    slots = .allocate(capacity: total)
    for level in 0..<Self.levels {
      (slots + level * Self.slotsPerLevel)
        .initialize(repeating: Slot(capacity: Slot.capacity(level: level)), count: Self.slotsPerLevel)
    }
    occupied = .allocate(capacity: Self.levels)
    occupied.initialize(repeating: 0, count: Self.levels)
  }

  deinit {
    slots.deallocate()
    occupied.deallocate()
  }

  // MARK: Scheduling

  /// Lets `handle` come due at `deadlineMilliseconds`, or at once if that has passed.
  @inline(__always)
  mutating func schedule(_ handle: UInt32, at deadlineMilliseconds: UInt64) {
    count &+= 1
    place(handle, deadlineMilliseconds)
  }

  @inline(__always)
  private mutating func place(_ handle: UInt32, _ deadline: UInt64) {
    let difference = deadline ^ position
    if _slowPath(deadline <= position) {
      appendDue(handle)
    } else if _slowPath(difference &>> Self.reachBits != 0) {
      appendFar(handle, deadline)
    } else {
      append(handle, deadline, highestBit: 63 &- difference.leadingZeroBitCount)
    }
  }

  /// Puts an entry into the slot that `highestBit`, the highest in which the deadline and
  /// the position differ, and the deadline name.
  @inline(__always)
  private mutating func append(_ handle: UInt32, _ deadline: UInt64, highestBit: Int) {
    let level = (highestBit &* 43) &>> 8  // A division by 6, for numbers below 64.
    let shift = UInt64(truncatingIfNeeded: level &* 6)
    let index = Int(truncatingIfNeeded: (deadline &>> shift) & 63)
    let slot = slots + (level &* Self.slotsPerLevel &+ index)
    if _slowPath(slot.pointee.used == slot.pointee.capacity) {
      if slot.pointee.tail == nil { mark(level: level, index: index) }
      let chunk = chunks.take(after: slot.pointee.tail)
      if slot.pointee.tail == nil { slot.pointee.head = chunk }
      slot.pointee.tail = chunk
      slot.pointee.used = 0
    }
    let used = Int(slot.pointee.used)
    let entries = slot.pointee.tail.unsafelyUnwrapped + TimerChunks.linkSize
    entries.storeBytes(of: handle, toByteOffset: used &* 4, as: UInt32.self)
    let remainders = entries + Int(slot.pointee.capacity) &* 4
    if level >= 3 {
      let low = UInt32(truncatingIfNeeded: deadline & ((1 &<< shift) &- 1))
      remainders.storeBytes(of: low, toByteOffset: used &* 4, as: UInt32.self)
    } else if level > 0 {
      let low = UInt16(truncatingIfNeeded: deadline & ((1 &<< shift) &- 1))
      remainders.storeBytes(of: low, toByteOffset: used &* 2, as: UInt16.self)
    }
    slot.pointee.used &+= 1
  }

  // The bitmaps are written through a pointer of their own: given `occupied[level] |= bit`, with
  // `occupied` a constant of a structure that cannot be copied, the 6.3 compiler crashes when it
  // instruments for the thread sanitizer.

  @inline(__always)
  private func mark(level: Int, index: Int) {
    let word = occupied + level
    word.pointee |= 1 &<< UInt64(truncatingIfNeeded: index)
  }

  @inline(__always)
  private func unmarkEarliest(level: Int) {
    let word = occupied + level
    word.pointee &= word.pointee &- 1
  }

  private mutating func appendDue(_ handle: UInt32) {
    if due.used == due.capacity {
      let chunk = chunks.take(after: due.tail)
      if due.tail == nil { due.head = chunk }
      due.tail = chunk
      due.used = 0
    }
    let entries = due.tail.unsafelyUnwrapped + TimerChunks.linkSize
    entries.storeBytes(of: handle, toByteOffset: Int(due.used) &* 4, as: UInt32.self)
    due.used &+= 1
  }

  private mutating func appendFar(_ handle: UInt32, _ deadline: UInt64) {
    far.append(FarTimer(deadline: deadline, handle: handle))
    farEarliest = min(farEarliest, deadline)
  }

  // MARK: Firing

  /// Moves the wheel up to `now` and writes what comes due, `limit` handles at most, to
  /// `buffer`. Returns how many; fewer than `limit` means that nothing else is due.
  ///
  /// The wheel stops at the last timer it popped, so what the caller schedules between two
  /// batches fires in its place. A clock that goes backwards moves nothing.
  mutating func popDue(_ now: UInt64, into buffer: UnsafeMutablePointer<UInt32>, limit: Int) -> Int {
    var taken = 0
    while true {
      while let head = due.head {
        let isLast = head == due.tail
        let end = Int(isLast ? due.used : due.capacity)
        let batch = min(end &- dueRead, limit &- taken)
        memcpy(buffer + taken, head + TimerChunks.linkSize + dueRead &* 4, batch &* 4)
        taken &+= batch
        dueRead &+= batch
        if dueRead == end {
          dueRead = 0
          due.head = chunks.next(head)
          if isLast { due = Slot(capacity: Int(due.capacity)) }
          chunks.giveBack(head)
        }
        if taken == limit {
          count &-= taken
          return taken
        }
      }
      if !step(to: now) { break }
    }
    count &-= taken
    return taken
  }

  /// Enters the earliest occupied slot that starts no later than `now`, or goes to `now`
  /// and returns false if there is none. `due` must be empty.
  private mutating func step(to now: UInt64) -> Bool {
    guard position < now else { return false }
    for level in 0..<Self.levels where occupied[level] != 0 {
      // Timers of a level come due before those of the levels above.
      let start = earliestStart(level: level)
      guard start <= now else {
        position = now
        return false
      }
      let index = occupied[level].trailingZeroBitCount
      let slot = slots + (level &* Self.slotsPerLevel &+ index)
      let entered = slot.pointee
      slot.pointee = Slot(capacity: Int(entered.capacity))
      unmarkEarliest(level: level)
      position = start
      if level == 0 { due = entered } else { cascade(entered, level: level) }
      return true
    }
    let window = (farEarliest &>> Self.reachBits) &<< Self.reachBits
    if !far.isEmpty && window <= now {
      position = window
      bringNear()
      return true
    }
    position = now
    return false
  }

  /// The first tick of the earliest occupied slot of a level.
  @inline(__always)
  private func earliestStart(level: Int) -> UInt64 {
    let shift = UInt64(truncatingIfNeeded: level &* 6)
    let index = UInt64(truncatingIfNeeded: occupied[level].trailingZeroBitCount)
    return ((position &>> (shift &+ 6)) &<< (shift &+ 6)) | (index &<< shift)
  }

  /// Spreads the timers of a slot which the position has just entered.
  private mutating func cascade(_ entered: Slot, level: Int) {
    let base = position
    var next = entered.head
    while let chunk = next {
      next = chunks.next(chunk)
      let entries = chunk + TimerChunks.linkSize
      let remainders = entries + Int(entered.capacity) &* 4
      let end = Int(chunk == entered.tail ? entered.used : entered.capacity)
      for index in 0..<end {
        let handle = entries.load(fromByteOffset: index &* 4, as: UInt32.self)
        let low =
          level < 3
          ? UInt64(remainders.load(fromByteOffset: index &* 2, as: UInt16.self))
          : UInt64(remainders.load(fromByteOffset: index &* 4, as: UInt32.self))
        if low == 0 {
          appendDue(handle)
        } else {
          append(handle, base | low, highestBit: 63 &- low.leadingZeroBitCount)
        }
      }
      chunks.giveBack(chunk)
    }
  }

  /// Takes what has come within reach into the wheel; the position was just moved to the
  /// start of a window of the reach's size.
  private mutating func bringNear() {
    let waiting = far
    far = []
    farEarliest = .max
    for timer in waiting { place(timer.handle, timer.deadline) }
  }

  // MARK: Sweeping

  /// Takes out the timers that are not `isCurrent`, given their handles and deadlines. The others
  /// keep their order. Those that are due at the position stay.
  mutating func sweep(_ isCurrent: (UInt32, UInt64) -> Bool) {
    for level in 0..<Self.levels {
      let shift = UInt64(truncatingIfNeeded: level &* 6)
      let window = (position &>> (shift &+ 6)) &<< (shift &+ 6)
      var left = occupied[level]
      while left != 0 {
        let index = left.trailingZeroBitCount
        left &= left &- 1
        sweep(level: level, index: index, start: window | UInt64(index) &<< shift, isCurrent)
      }
    }
    let before = far.count
    far.removeAll { !isCurrent($0.handle, $0.deadline) }
    count &-= before &- far.count
    farEarliest = far.reduce(.max) { min($0, $1.deadline) }
  }

  private mutating func sweep(
    level: Int, index: Int, start: UInt64, _ isCurrent: (UInt32, UInt64) -> Bool
  ) {
    let slot = slots + (level &* Self.slotsPerLevel &+ index)
    let entered = slot.pointee
    slot.pointee = Slot(capacity: Int(entered.capacity))
    let word = occupied + level
    word.pointee &= ~(1 &<< UInt64(truncatingIfNeeded: index))
    var next = entered.head
    while let chunk = next {
      next = chunks.next(chunk)
      let entries = chunk + TimerChunks.linkSize
      let remainders = entries + Int(entered.capacity) &* 4
      let end = Int(chunk == entered.tail ? entered.used : entered.capacity)
      for entry in 0..<end {
        let handle = entries.load(fromByteOffset: entry &* 4, as: UInt32.self)
        let low =
          level == 0
          ? 0
          : level < 3
            ? UInt64(remainders.load(fromByteOffset: entry &* 2, as: UInt16.self))
            : UInt64(remainders.load(fromByteOffset: entry &* 4, as: UInt32.self))
        if isCurrent(handle, start | low) {
          place(handle, start | low)
        } else {
          count &-= 1
        }
      }
      chunks.giveBack(chunk)
    }
  }

  // MARK: Sleeping

  /// No timer comes due before this time; nil without timers.
  ///
  /// Exact on level 0, beyond the reach, and wherever the earliest slot has one chunk, so
  /// a loop with few timers does not wake up in vain. Otherwise the start of that slot:
  /// a loop that sleeps until then wakes up at most five times for a timer.
  var nextDeadline: UInt64? {
    if due.head != nil { return position }
    for level in 0..<Self.levels where occupied[level] != 0 {
      let start = earliestStart(level: level)
      if level == 0 { return start }
      let slot = slots[level &* Self.slotsPerLevel &+ occupied[level].trailingZeroBitCount]
      return slot.head == slot.tail ? start | earliestRemainder(slot, level: level) : start
    }
    return far.isEmpty ? nil : farEarliest
  }

  private func earliestRemainder(_ slot: Slot, level: Int) -> UInt64 {
    let remainders = slot.head.unsafelyUnwrapped + (TimerChunks.linkSize &+ Int(slot.capacity) &* 4)
    var earliest = UInt64.max
    for index in 0..<Int(slot.used) {
      let low =
        level < 3
        ? UInt64(remainders.load(fromByteOffset: index &* 2, as: UInt16.self))
        : UInt64(remainders.load(fromByteOffset: index &* 4, as: UInt32.self))
      earliest = min(earliest, low)
    }
    return earliest
  }

  /// Bytes of all slabs.
  var bytesHeld: Int { chunks.bytesHeld }
}

/// The chunks of a wheel: 128 bytes each, the first 8 of them a link to the next one.
private struct TimerChunks: ~Copyable {
  static let linkSize = 8
  static let chunkSize = 128

  private var slabs = BlockSlabs(blockSize: TimerChunks.chunkSize)

  var bytesHeld: Int { slabs.bytesHeld }

  @inline(__always)
  func next(_ chunk: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    chunk.load(as: UnsafeMutableRawPointer?.self)
  }

  /// A new chunk, linked behind the last one of a list, if the list has one.
  @inline(never)
  mutating func take(after last: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer {
    let chunk = slabs.take()
    chunk.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
    last?.storeBytes(of: chunk, as: UnsafeMutableRawPointer?.self)
    return chunk
  }

  mutating func giveBack(_ chunk: UnsafeMutableRawPointer) { slabs.giveBack(chunk) }
}
