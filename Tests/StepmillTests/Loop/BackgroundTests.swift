import Testing

@testable import Stepmill

/// Executions of the background take what others leave of a loop's turns, and always something.
/// The turns are made one by one here, on the test's own thread: nothing is timed.
@Suite struct BackgroundTests {
  private static let passing = #"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#
  private static let calling =
    #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"slow","Next":"P"},"P":{"Type":"Pass","End":true}}}"#
  private static let waiting =
    #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"P"},"P":{"Type":"Pass","End":true}}}"#

  /// A loop that nobody drives but the test.
  private final class Bench {
    let loop: Loop
    let background = Counting(isBackground: true)
    let foreground = Counting(isBackground: false)
    private let runtime: Runtime

    init() throws {
      var configuration = Runtime.Configuration()
      configuration.loops = 0
      runtime = try Runtime(configuration)
      runtime.register("slow", .async { $0.input })
      loop = try Loop(number: 0x7777, seed: 1, spins: 0)
      loop.executor.adopt()
    }

    func workflow(_ text: String) throws -> WorkflowCore { try runtime.workflow(text).core }

    func submit(_ count: Int, _ workflow: WorkflowCore, to sink: Counting) {
      var left = count
      while left > 0 {
        let part = min(left, Loop.startsPerLetter)
        let lines = Array(String(repeating: "{}\n", count: part).utf8)
        lines.withUnsafeBytes {
          let text = $0
          Shard.Start.with(workflow, sink) { loop.submit($0, lines: text) }
        }
        left -= part
      }
    }

    func close() {
      loop.executor.abandon()
      loop.close()
    }
  }

  private final class Counting: CompletionSink, @unchecked Sendable {
    // Belongs to the test's thread.
    private(set) var ended = 0
    private(set) var refused = 0

    init(isBackground: Bool) {
      super.init()
      self.isBackground = isBackground
    }

    override func ended(
      _ status: ExecutionStatus, output: Value, error: Value, cause: Value, tag: UInt64, on shard: Shard
    ) { ended += 1 }
    override func turnedAway(tag: UInt64) { refused += 1 }
  }

  @Test func whoComesInDoesNotQueueBehindTheBackground() throws {
    let bench = try Bench()
    defer { bench.close() }
    let workflow = try bench.workflow(Self.passing)
    bench.submit(10_000, workflow, to: bench.background)
    _ = bench.loop.turn()
    let alone = bench.background.ended
    #expect(alone > 0)
    for round in 1...20 {
      bench.submit(1, workflow, to: bench.foreground)
      _ = bench.loop.turn()
      #expect(bench.foreground.ended == round)
    }
    // Nobody else waited at the end of those turns: the background had as much of each as before.
    #expect(bench.background.ended == alone * 21)
  }

  @Test func theBackgroundGetsASliceWhileOthersWait() throws {
    let bench = try Bench()
    defer { bench.close() }
    let workflow = try bench.workflow(Self.passing)
    bench.submit(10_000, workflow, to: bench.background)
    _ = bench.loop.turn()
    let alone = bench.background.ended
    // More than a turn takes, so that somebody always waits.
    bench.submit(10_000, workflow, to: bench.foreground)
    for _ in 0..<50 {
      let (before, others) = (bench.background.ended, bench.foreground.ended)
      _ = bench.loop.turn()
      let slice = bench.background.ended - before
      #expect(slice > 0 && slice * 4 <= alone)
      #expect(bench.foreground.ended - others >= slice * 4)
    }
    while bench.loop.turn() {}
    #expect(bench.foreground.ended == 10_000)
    #expect(bench.background.ended == 10_000)
  }

  /// The class of an execution outlasts a Wait state, during which it is nothing but a block.
  @Test func whoeverWakesUpIsOfTheBackgroundStill() throws {
    let bench = try Bench()
    defer { bench.close() }
    let workflow = try bench.workflow(Self.waiting)
    bench.submit(1000, workflow, to: bench.background)
    while bench.loop.turn(), bench.loop.shard.state.pointee.counters.pointee.waiting.value < 1000 {}
    // The clock moves by hand.
    bench.loop.shard.state.pointee.now += 2000
    bench.loop.shard.advance()
    let (background, others) = (
      bench.loop.shard.state.pointee.background.count, bench.loop.shard.state.pointee.ready.count
    )
    #expect(background == 1000 && others == 0)
    while bench.loop.turn() {}
    #expect(bench.background.ended == 1000)
  }

  @Test func callsOfHandlersDoNotQueueBehindTheBackground() throws {
    let bench = try Bench()
    defer { bench.close() }
    let workflow = try bench.workflow(Self.calling)
    bench.submit(1000, workflow, to: bench.background)
    _ = bench.loop.turn()
    bench.submit(1, workflow, to: bench.foreground)
    var turns = 0
    while bench.foreground.ended == 0, turns < 1000 {
      _ = bench.loop.turn()
      turns += 1
    }
    #expect(bench.foreground.ended == 1)
    #expect(turns < 10)
    #expect(bench.background.ended < 300)
    while bench.loop.turn() {}
    #expect(bench.background.ended == 1000)
  }

  @Test func whatHasNotBegunIsTurnedAway() throws {
    let bench = try Bench()
    let workflow = try bench.workflow(Self.passing)
    bench.submit(1000, workflow, to: bench.background)
    _ = bench.loop.turn()
    bench.loop.turnAwayBackground(of: bench.background)
    #expect(bench.background.ended + bench.background.refused == 1000)
    bench.submit(1000, workflow, to: bench.background)
    bench.close()
    #expect(bench.background.ended + bench.background.refused == 2000)
  }
}
