import CIntrinsics

// Letters: what other threads tell a loop, and what it has to start for itself.
//
// A letter is a block of memory whose first word links it into the inbox; who sends it makes
// it, the loop frees it. A loop opens a bounded number per turn: what waits in a letter is
// small, while every execution that has begun takes a kilobyte until it ends or waits. So
// letters are kept, in their order, until there is room for what they start.

/// A message to a loop.
struct Letter {
  enum Kind: UInt8 {
    /// An execution whose input is a value.
    case start
    /// An execution whose input is JSON text.
    case startText
    /// Executions whose inputs are lines of JSON text.
    case startLines
    /// Executions whose inputs are values.
    case startValues
    case action
  }
  var link: UnsafeMutableRawPointer?
  var workflow: Unmanaged<WorkflowCore>?
  var sink: Unmanaged<CompletionSink>?
  var identity: Unmanaged<ExecutionIdentity>?
  var action: Unmanaged<LoopAction>?
  /// `start`: the input.
  var input = LetterInput(nil)
  /// The number by which the sink knows the execution, or the first that is left of several.
  var tag: UInt64 = 0
  /// Text and lines: bytes behind the header, and how many of them were read. Values: the same in elements.
  var count = 0
  var read = 0
  /// Lines that are not behind the header: whoever sent them keeps them until they have been read.
  var kept: UnsafeRawPointer?
  /// Where these end, where that is known, and where the first of them begins.
  var keptEnds: UnsafePointer<UInt32>?
  var keptStart = 0
  var kind: Kind

  static let headerSize = (MemoryLayout<Letter>.size + 15) & ~15

  /// Takes over what the caller holds of all that the start names.
  init(_ kind: Kind, owning start: Shard.Start, count: Int = 0) {
    self.kind = kind
    self.count = count
    workflow = start.workflow
    sink = start.sink
    identity = start.identity
    tag = start.tag
  }

  /// The execution that it started holds all now.
  mutating func hasGivenAway() {
    workflow = nil
    sink = nil
    identity = nil
  }

  /// It starts one execution.
  var isSingle: Bool { kind == .start || kind == .startText }

  /// It may be opened by any loop: nothing was read of it, and nobody counts on one of them.
  var mayMove: Bool { kind != .action && read == 0 && kept == nil && !isBackground }

  /// Its executions take what others leave.
  var isBackground: Bool {
    @inline(__always) get { sink.map { $0._withUnsafeGuaranteedRef { $0.isBackground } } ?? false }
  }

  init(_ action: LoopAction) {
    kind = .action
    self.action = Unmanaged.passRetained(action)
  }
}

/// A `JSON` on its way: its parts, the memory retained.
struct LetterInput: BitwiseCopyable {
  private let storage: Unmanaged<JSONStorage>?
  private let value: Value

  init(_ input: JSON?) {
    storage = input?.storage.map { Unmanaged.passRetained($0) }
    value = input?.value ?? .missing
  }

  /// The value; its memory is the caller's to release.
  func take() -> JSON { JSON(storage: storage?.takeRetainedValue(), value: value) }
}

/// Something that is to happen on the loop's thread.
final class LoopAction {
  let body: @Sendable (Loop) -> Void
  /// A loop that ends listens to it as well.
  let isHeardToTheEnd: Bool
  init(_ body: @escaping @Sendable (Loop) -> Void, isHeardToTheEnd: Bool) {
    self.body = body
    self.isHeardToTheEnd = isHeardToTheEnd
  }
}

/// Letters in the order in which they came, linked by their first words.
struct LetterQueue {
  private(set) var first: UnsafeMutableRawPointer?
  private var last: UnsafeMutableRawPointer?
  private(set) var count = 0

  mutating func append(_ letter: UnsafeMutableRawPointer) {
    letter.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
    if let last { last.storeBytes(of: letter, as: UnsafeMutableRawPointer?.self) } else { first = letter }
    last = letter
    count &+= 1
  }

  mutating func removeFirst() {
    first = first.flatMap { Inbox.next($0) }
    count &-= 1
    if first == nil { last = nil }
  }

  mutating func takeAll() -> UnsafeMutableRawPointer? {
    defer { self = LetterQueue() }
    return first
  }
}

// MARK: - Writing

extension Loop {
  /// What one letter may hold of executions, so that loops get their share and none is busy
  /// with a single letter for long.
  static var startsPerLetter: Int { 64 }

  /// Runs `body` on the loop's thread, soon. From any thread.
  func post(isHeardToTheEnd: Bool = false, _ body: @escaping @Sendable (Loop) -> Void) {
    send(Loop.letter(Letter(LoopAction(body, isHeardToTheEnd: isHeardToTheEnd))))
  }

  /// Sends a value to be started with. From any thread.
  func submit(_ start: Shard.Start, input: JSON) {
    let isOwn = isOwnThread
    var letter = Letter(.start, owning: held(start, isOwn))
    letter.input = LetterInput(input)
    sendStart(Loop.letter(letter), isOwn)
  }

  /// Sends JSON text to be started with. From any thread.
  func submit(_ start: Shard.Start, text: UnsafeRawBufferPointer) {
    submit(.startText, start, text)
  }

  /// Sends lines of JSON text to be started with: `text` ends with a line. A line that is not
  /// JSON is refused by the sink. From any thread.
  func submit(_ start: Shard.Start, lines text: UnsafeRawBufferPointer) {
    submit(.startLines, start, text)
  }

  /// The same without a copy: `text` must stay until the last of its executions has ended.
  ///
  /// - Parameter ends: For each line the offset behind its line end, counted from where the text
  ///   begins at `offset`; it stays as long. No line is blank.
  func submit(
    _ start: Shard.Start, keptLines text: UnsafeRawBufferPointer, ends: UnsafePointer<UInt32>,
    from offset: Int
  ) {
    let isOwn = isOwnThread
    var letter = Letter(.startLines, owning: held(start, isOwn), count: text.count)
    letter.kept = text.baseAddress
    letter.keptEnds = ends
    letter.keptStart = offset
    sendStart(Loop.letter(letter), isOwn)
  }

  private func submit(_ kind: Letter.Kind, _ start: Shard.Start, _ text: UnsafeRawBufferPointer) {
    let isOwn = isOwnThread
    let letter = Loop.letter(
      Letter(kind, owning: held(start, isOwn), count: text.count), extra: text.count)
    if let base = text.baseAddress {
      (letter + Letter.headerSize).copyMemory(from: base, byteCount: text.count)
    }
    sendStart(letter, isOwn)
  }

  /// Sends values to be started with. From any thread.
  func submit(_ start: Shard.Start, inputs: ArraySlice<JSON>) {
    let isOwn = isOwnThread
    let letter = Loop.letter(
      Letter(.startValues, owning: held(start, isOwn), count: inputs.count),
      extra: inputs.count * MemoryLayout<LetterInput>.stride)
    let memory = (letter + Letter.headerSize).bindMemory(to: LetterInput.self, capacity: inputs.count)
    for (index, input) in inputs.enumerated() { (memory + index).initialize(to: LetterInput(input)) }
    sendStart(letter, isOwn)
  }

  /// The caller is on this loop's own thread, and the loop goes on.
  @inline(__always)
  private var isOwnThread: Bool {
    stepmill_thread_loop() == Unmanaged.passUnretained(self).toOpaque() && !isEnding
  }

  /// Holds what a start names, for a letter.
  @inline(__always)
  private func held(_ start: Shard.Start, _ isOwn: Bool) -> Shard.Start {
    if isOwn {
      shard.keep(start.workflow, start.sink)
    } else {
      _ = start.workflow.retain()
      _ = start.sink.retain()
    }
    _ = start.identity?.retain()
    return start
  }

  private static func letter(_ letter: Letter, extra: Int = 0) -> UnsafeMutableRawPointer {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: Letter.headerSize + extra, alignment: 16)
    raw.initializeMemory(as: Letter.self, to: letter)
    return raw
  }

  /// What the loop's own thread starts stays here, where it is in the caches, and wakes nobody:
  /// see `shareOwnMail`.
  @inline(__always)
  private func sendStart(_ letter: UnsafeMutableRawPointer, _ isOwn: Bool) {
    if isOwn { return ownMail.append(letter) }
    // A host's loop that nothing keeps alive would not even look.
    if _slowPath(isAttached), executor.isOnLoop, !isClosed { uv.keepsHostAlive = true }
    send(letter)
  }

  @inline(__always)
  private func send(_ letter: UnsafeMutableRawPointer) {
    // The handle that wakes a host's loop is closed when that loop is left, not with this
    // object: only a visit keeps it.
    if _slowPath(isAttached) { shared.pointee.beginVisit() }
    let isOpen = shared.pointee.submit(letter)
    if _slowPath(isAttached) { shared.pointee.endVisit() }
    if _slowPath(!isOpen) { discard(shared.pointee.submissions.takeAll()) }
  }
}

// MARK: - Reading

extension Loop {
  /// Opens letters for `limit` executions and actions. Those that this loop has written to itself
  /// and those that came in do not keep each other waiting.
  func takeMail(limit: Int) {
    var left = limit
    if ownMail.first != nil { takeOwnMail(&left, downTo: limit / 2) }
    takeIncomingMail(&left)
    if ownMail.first != nil { takeOwnMail(&left, downTo: 0) }
  }

  private func takeOwnMail(_ left: inout Int, downTo floor: Int) {
    while left > floor, let raw = ownMail.first {
      let letter = raw.assumingMemoryBound(to: Letter.self)
      if _slowPath(letter.pointee.isBackground) {
        ownMail.removeFirst()
        backgroundMail.append(raw)
        continue
      }
      left &-= open(letter, limit: left)
      guard letter.pointee.read == letter.pointee.count else { return }
      ownMail.removeFirst()
      release(letter)
    }
  }

  /// Gives half of what is left of a loop's own letters to one that has nothing to do.
  func shareOwnMail() {
    guard ownMail.count >= Loop.lettersToShare, let other = claimIdleLoop() else { return }
    var chain: (first: UnsafeMutableRawPointer, last: UnsafeMutableRawPointer)?
    for _ in 0..<min(ownMail.count / 2, Loop.lettersSharedMax) {
      guard let raw = ownMail.first, raw.assumingMemoryBound(to: Letter.self).pointee.mayMove else {
        break
      }
      ownMail.removeFirst()
      raw.storeBytes(of: chain?.first, as: UnsafeMutableRawPointer?.self)
      chain = (raw, chain?.last ?? raw)
    }
    guard let chain else { return }
    if _slowPath(!other.shared.pointee.submitChain(first: chain.first, last: chain.last)) {
      other.discard(other.shared.pointee.submissions.takeAll())
    }
  }

  private func takeIncomingMail(_ left: inout Int) {
    while left > 0 {
      if mail == nil { mail = shared.pointee.submissions.takeAll() }
      guard let raw = mail else { return }
      let letter = raw.assumingMemoryBound(to: Letter.self)
      if _slowPath(letter.pointee.isBackground) {
        mail = letter.pointee.link
        backgroundMail.append(raw)
        continue
      }
      switch letter.pointee.kind {
      case .action:
        mail = letter.pointee.link
        let action = letter.pointee.action.unsafelyUnwrapped.takeRetainedValue()
        raw.deallocate()
        action.body(self)
        left &-= 1
      case .start, .startText, .startLines, .startValues:
        left &-= open(letter, limit: left)
        guard letter.pointee.read == letter.pointee.count else { return }
        mail = letter.pointee.link
        release(letter)
      }
    }
  }

  /// The same for letters that wait for what others leave.
  func takeBackgroundMail(limit: Int) {
    var left = limit
    while left > 0, let raw = backgroundMail.first {
      let letter = raw.assumingMemoryBound(to: Letter.self)
      left &-= open(letter, limit: left)
      guard letter.pointee.read == letter.pointee.count else { return }
      backgroundMail.removeFirst()
      release(letter)
    }
  }

  private func release(_ letter: UnsafeMutablePointer<Letter>) {
    letter.pointee.workflow?.release()
    letter.pointee.sink?.release()
    letter.pointee.identity?.release()
    UnsafeMutableRawPointer(letter).deallocate()
  }

  /// Starts what a letter holds, `limit` executions at most. Returns how many.
  private func open(_ letter: UnsafeMutablePointer<Letter>, limit: Int) -> Int {
    var start = Shard.Start(
      letter.pointee.workflow.unsafelyUnwrapped, letter.pointee.sink.unsafelyUnwrapped,
      letter.pointee.identity, tag: letter.pointee.tag, isOwned: letter.pointee.isSingle)
    let content = letter.pointee.kept ?? UnsafeRawPointer(letter) + Letter.headerSize
    var started = 0
    switch letter.pointee.kind {
    case .start:
      begin(start, letter.pointee.input.take())
      letter.pointee.hasGivenAway()
      return 1
    case .startText:
      letter.pointee.read = letter.pointee.count
      if begin(start, text: UnsafeRawBufferPointer(start: content, count: letter.pointee.count)) {
        letter.pointee.hasGivenAway()
      }
      return 1
    case .startValues:
      let inputs = content.assumingMemoryBound(to: LetterInput.self)
      while started < limit, letter.pointee.read < letter.pointee.count {
        let input = inputs[letter.pointee.read].take()
        letter.pointee.read &+= 1
        begin(start, input)
        start.tag &+= 1
        started &+= 1
      }
    case .startLines:
      shard.openCredit(
        letter.pointee.workflow.unsafelyUnwrapped, letter.pointee.sink.unsafelyUnwrapped,
        min(limit, Loop.startsPerLetter))
      while started < limit, letter.pointee.read < letter.pointee.count {
        if let ends = letter.pointee.keptEnds {
          let end = Int(ends.pointee) &- letter.pointee.keptStart
          let text = UnsafeRawBufferPointer(
            start: content + letter.pointee.read, count: end &- 1 &- letter.pointee.read)
          letter.pointee.keptEnds = ends + 1
          letter.pointee.read = end
          begin(start, text: text)
          start.tag &+= 1
          started &+= 1
          continue
        }
        let rest = UnsafeRawBufferPointer(
          start: content + letter.pointee.read, count: letter.pointee.count &- letter.pointee.read)
        let line = JSONLines.firstLine(of: rest)
        letter.pointee.read &+= line.end
        guard let text = line.text else { continue }
        begin(start, text: text)
        start.tag &+= 1
        started &+= 1
      }
    case .action:
      preconditionFailure("BUG in Stepmill (please report): an action was opened as a start")
    }
    letter.pointee.tag = start.tag
    return started
  }

  private func begin(_ start: Shard.Start, _ input: JSON) {
    hasBegun(start, input.withValue { shard.start(start, copying: $0) })
  }

  /// False if the text is not JSON, of which the sink was told.
  @discardableResult
  private func begin(_ start: Shard.Start, text: UnsafeRawBufferPointer) -> Bool {
    do {
      hasBegun(start, try shard.start(start, text: text))
      return true
    } catch {
      start.sink._withUnsafeGuaranteedRef { $0.refused(error, tag: start.tag) }
      return false
    }
  }

  @inline(__always)
  private func hasBegun(_ start: Shard.Start, _ fiber: UnsafeMutablePointer<Fiber>) {
    start.sink._withUnsafeGuaranteedRef {
      $0.started(shard.handle(of: fiber.pointee.execution), tag: start.tag, on: self)
    }
    shard.enqueue(fiber)
  }

  // MARK: - Turning away

  /// Turns away mail that came too late. On the loop's thread.
  func discardMail() {
    let unopened = [mail, ownMail.takeAll(), backgroundMail.takeAll()]
    mail = nil
    for letters in unopened { discard(letters) }
    discard(shared.pointee.submissions.takeAll())
  }

  /// Turns away what one sink waits for and has not begun. On the loop's thread.
  func turnAwayBackground(of sink: CompletionSink) {
    var next = backgroundMail.takeAll()
    while let raw = next {
      next = Inbox.next(raw)
      let letter = raw.assumingMemoryBound(to: Letter.self)
      if letter.pointee.sink?.toOpaque() == Unmanaged.passUnretained(sink).toOpaque() {
        turnAway(letter)
        release(letter)
      } else {
        backgroundMail.append(raw)
      }
    }
  }

  /// Turns letters away. Once the loop is closed, any thread may do so with what it took.
  private func discard(_ letters: UnsafeMutableRawPointer?) {
    var next = letters
    while let raw = next {
      next = Inbox.next(raw)
      let letter = raw.assumingMemoryBound(to: Letter.self)
      if let action = letter.pointee.action?.takeRetainedValue() {
        raw.deallocate()
        if action.isHeardToTheEnd, executor.isOnLoop, !isClosed { action.body(self) }
        continue
      }
      turnAway(letter)
      release(letter)
    }
  }

  private func turnAway(_ letter: UnsafeMutablePointer<Letter>) {
    let sink = letter.pointee.sink.unsafelyUnwrapped.takeUnretainedValue()
    let content = letter.pointee.kept ?? UnsafeRawPointer(letter) + Letter.headerSize
    var tag = letter.pointee.tag
    switch letter.pointee.kind {
    case .start:
      _ = letter.pointee.input.take()
      sink.turnedAway(tag: tag)
    case .startText:
      sink.turnedAway(tag: tag)
    case .startValues:
      let inputs = content.assumingMemoryBound(to: LetterInput.self)
      for index in letter.pointee.read..<letter.pointee.count {
        _ = inputs[index].take()
        sink.turnedAway(tag: tag)
        tag &+= 1
      }
    case .startLines:
      let rest = UnsafeRawBufferPointer(
        start: content + letter.pointee.read, count: letter.pointee.count &- letter.pointee.read)
      for _ in 0..<JSONLines.count(rest) {
        sink.turnedAway(tag: tag)
        tag &+= 1
      }
    case .action:
      break
    }
  }
}
