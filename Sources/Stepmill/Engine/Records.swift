// The records of running work.
//
//   ExecutionSlot     one per execution: what a handle to it names
//   ExecutionRecord   one per execution that is awake: what its fibers share
//   Fiber             one thread of control: the execution itself, a branch, an iteration
//   Frame             what a fiber needs while its data is alive; a parked fiber has none
//   Join              a Parallel or Map on its way: what it still has to start, what it waits for
//
// All of them belong to one shard and are touched by its loop only. They refer to each
// other by address, which is stable for as long as the record is in use; the outside
// refers to executions and fibers by handle (index and generation), so that a stale
// reference is noticed and not followed.

/// What an execution's fibers share.
struct ExecutionRecord: BitwiseCopyable, PooledRecord {
  var workflow: Unmanaged<WorkflowCore>
  /// Who wants to know the outcome, and the number it knows this execution by.
  var sink: Unmanaged<CompletionSink>
  var tag: UInt64
  /// Name and ARNs where the caller gave some; nil means they follow from `serial`.
  var identity: Unmanaged<ExecutionIdentity>?
  /// Milliseconds since 1970.
  var startedAt: Int64
  /// When the execution's own timeout strikes, in the loop's milliseconds; 0: never.
  var deadline: UInt64
  var serial: UInt64
  /// The number of the shard on which it began, which its names are made of.
  var origin: UInt32
  /// The number of the last history event, whether or not anybody records it.
  var events: UInt32
  var root: UInt32
  /// Where the outside finds it.
  var slot: UInt32
  var index: UInt32
  var generation: UInt32
  var nextFree: UInt32
  /// Its variables take no more than this when written; exact after `measureVariables`.
  var variableBound: Int
  var isLive: Bool
  /// Somebody watches the history: the interpreter takes the time to tell.
  var isRecorded: Bool
  /// It is no execution, but a part of a Map of one that belongs to another loop; its sink
  /// is the `Grant`.
  var isGuest = false
  /// Its state machine was deleted: it fails at its next transition.
  var isDoomed = false
  /// Parts of its Maps that other loops have and have not answered for.
  var guestsOut: UInt32 = 0
}

/// What an `ExecutionHandle` names for as long as the execution lasts: where its record is, or
/// the block that it is while it is dormant (see `DormantExecution`).
struct ExecutionSlot: BitwiseCopyable, PooledRecord {
  /// An address, with what it is the address of in the two lowest bits.
  private var word: UInt
  var index: UInt32
  var generation: UInt32

  private static var dormantMark: UInt { 1 }
  private static var freeMark: UInt { 2 }

  /// The record, unless the execution is dormant. For slots that are in use.
  var record: UnsafeMutablePointer<ExecutionRecord>? {
    @inline(__always)
    get { word & 3 == 0 ? UnsafeMutablePointer(bitPattern: word) : nil }
    @inline(__always)
    set { word = UInt(bitPattern: newValue) }
  }

  /// The block, if the execution is dormant.
  var block: UnsafeMutableRawPointer? {
    @inline(__always)
    get {
      word & Self.dormantMark != 0 ? UnsafeMutableRawPointer(bitPattern: word & ~Self.dormantMark) : nil
    }
    @inline(__always)
    set { word = UInt(bitPattern: newValue) | Self.dormantMark }
  }

  var isInUse: Bool { word != 0 && word & Self.freeMark == 0 }

  var nextFree: UInt32 {
    @inline(__always) get { UInt32(truncatingIfNeeded: word &>> 2) }
    @inline(__always) set { word = UInt(newValue) &<< 2 | Self.freeMark }
  }
}

/// Where a fiber is in its life.
enum Phase: UInt8 {
  case free
  /// In the ring, or being run.
  case ready
  /// Parked until `deadline`: a Wait state.
  case waiting
  /// Parked until `deadline`: the pause before a retry.
  case backingOff
  /// A handler has the task.
  case handling
  /// A Parallel or Map below this fiber is on its way.
  case joining
  /// The token of a task is out.
  case awaitingToken
  /// The children of a Distributed Map are on their way.
  case mapRunning
}

/// What happens first when a ready fiber is run.
enum Resumption: UInt8 {
  /// Enter the state at `pc`.
  case enter
  /// Run the state at `pc` again without entering it.
  case retry
  /// The Wait is over.
  case waited
  /// The task's result lies in the frame.
  case result
  /// The task failed; the fault lies in the frame.
  case fault
  /// All children are done.
  case joined
  /// A child failed; the fault lies in the shard.
  case joinFailed
  /// A child failed and all that was stopped with it has ended; the fault lies in the frame.
  case joinStopped
  /// The fiber could not be given its input; the fault lies in the frame.
  case bornFailed
  /// The run of a Distributed Map has something to do.
  case mapRun
}

struct Fiber: BitwiseCopyable, PooledRecord {
  var execution: UnsafeMutablePointer<ExecutionRecord>
  var frame: UnsafeMutablePointer<Frame>?
  /// The join this fiber is a child of.
  var parent: UnsafeMutablePointer<Join>?
  /// Frozen state (`waiting`, `backingOff`, `awaitingToken`), a join (`joining`).
  var suspended: UnsafeMutableRawPointer?
  /// Attempts by retrier, where the state has more than one; else nil.
  var attempts: UnsafeMutablePointer<UInt32>?
  /// What a handler is busy with.
  var call: Unmanaged<TaskInvocation>?
  /// The earliest of the timers that matter to this phase; 0: none.
  var deadline: UInt64
  /// When the state was entered, in milliseconds since 1970.
  var enteredAt: Int64
  var pc: UInt32
  /// Which branch or iteration of `parent`.
  var childIndex: UInt32
  var index: UInt32
  /// Counts the uses of this record; a part of every handle to it.
  var generation: UInt32
  /// The last event on this thread of control, and the one that entered the state.
  var previousEvent: UInt32
  var enteredEvent: UInt32
  var retryCount: UInt32
  /// Which call of a handler the fiber waits for; late answers carry another number.
  var callSerial: UInt32
  /// Neighbours among the blocked children of `parent`; 0: none.
  var nextSibling: UInt32
  var previousSibling: UInt32
  var phase: Phase
  var resumption: Resumption
  var nextFree: UInt32
  /// The heartbeat is what `deadline` stands for.
  var heartbeatIsNext: Bool
  /// The task's clocks stand still until a worker leases it.
  var awaitsLease = false
  var isRoot: Bool
}

/// The working set of a fiber whose data is alive.
struct Frame {
  var arena: Arena
  /// The raw input of the state at `pc`; between states, the data.
  var data: Value
  /// The result of a task, or the error of a fault, on its way into the interpreter.
  var result: Value
  var cause: Value
  /// The variables of the machine this fiber runs.
  var slots: UnsafeMutablePointer<Value>?
  var slotCount: UInt32
  var faultKind: Fault.Kind
  /// What the item of a Map iteration was before ItemSelector.
  var item: Value
  var itemIndex: UInt32
  /// The execution's input, where the program reads it.
  var input: Value
  /// What the last Assign set, while a history is recorded.
  var assigned: Value
  /// No serialised form of `data` is longer than this.
  var bound: Int
  /// Compaction is due when the arena holds more.
  var compactAt: Int
  /// When the task's time is up; while it waits for a lease, how long it will have.
  var timeoutAt: UInt64
  var heartbeatMilliseconds: UInt64
  var nextFree: UnsafeMutablePointer<Frame>?
}

/// A Parallel or Map between its start and its end.
struct Join {
  var fiber: UnsafeMutablePointer<Fiber>
  /// What a branch starts with; the effective input of a Map.
  var base: Value
  /// No serialised form of `base` or of an item is longer than this.
  var baseBound: Int
  /// The items of a Map.
  var items: UnsafePointer<Value>
  var results: UnsafeMutablePointer<Value>
  /// The next child to start, and how many there are.
  var next: UInt32
  var count: UInt32
  /// Where `next` ends: what follows belongs to other loops.
  var limit: UInt32
  /// Children that were started and are not done.
  var live: UInt32
  var liveMax: UInt32
  /// The first of the children that are blocked or ready, as a list of siblings.
  var firstChild: UInt32
  /// In `machines`: the first branch, or the item processor.
  var machine: UInt32
  var isMap: Bool
  /// Loops that have nothing to do may be given a part of it.
  var isShareable: Bool
  /// A child failed; the parent waits for the answers of `guests`.
  var isFailing = false
  /// Other loops' parts of it, or of what failed with it, that are not answered for.
  var guests: UInt32 = 0
  var startedEvent: UInt32
  /// The last event inside the child that ended last: what a child that had to wait for its
  /// turn follows from.
  var lastInnerEvent: UInt32
  /// The last event of that child, in a Map its `MapIterationSucceeded`: what the end follows
  /// from.
  var lastEvent: UInt32
  /// Bytes that the results take when written, at most.
  var resultBound: Int
  var nextFree: UnsafeMutablePointer<Join>?
}

/// A fiber as the outside names it.
struct FiberHandle: Hashable, Sendable {
  var index: UInt32
  var generation: UInt32
}

/// An execution as the outside names it.
struct ExecutionHandle: Hashable, Sendable {
  var index: UInt32
  var generation: UInt32
}
