import Synchronization
import Testing

@testable import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that nodes of many producers all arrive, once, in each producer's order, and that
/// no loop sleeps while there is mail.
@Suite struct LoopInboxTests {
  struct Node {
    var next: UnsafeMutableRawPointer?
    var producer: Int
    var number: Int
  }

  static func node(_ producer: Int, _ number: Int) -> UnsafeMutablePointer<Node> {
    let node = UnsafeMutablePointer<Node>.allocate(capacity: 1)
    node.initialize(to: Node(producer: producer, number: number))
    return node
  }

  static func take(_ raw: UnsafeMutableRawPointer) -> Node {
    let node = raw.assumingMemoryBound(to: Node.self)
    defer { node.deallocate() }
    return node.pointee
  }

  @Test func nodesComeInTheOrderOfPushing() {
    let inbox = Inbox()
    #expect(inbox.isEmpty == true)
    #expect(inbox.push(Self.node(0, 0)) == true)
    for number in 1..<5 { #expect(inbox.push(Self.node(0, number)) == false) }
    // A chain is linked from its last to its first.
    let first = Self.node(0, 5)
    let last = Self.node(0, 6)
    last.pointee.next = UnsafeMutableRawPointer(first)
    #expect(inbox.pushChain(first: last, last: first) == false)
    var numbers: [Int] = []
    var next = inbox.takeAll()
    while let raw = next {
      next = Inbox.next(raw)
      numbers.append(Self.take(raw).number)
    }
    #expect(numbers == Array(0...6))
    #expect(inbox.takeAll() == nil)
  }

  @Test func everyNodeOfEveryProducerArrivesOnce() async throws {
    try await TestLoop.run { loop in
      let producers = 4
      let each = 20_000
      var expected = Array(repeating: 0, count: producers)
      var inOrder = true
      var total = 0
      loop.received = { raw in
        let node = Self.take(raw)
        inOrder = inOrder && node.number == expected[node.producer]
        expected[node.producer] += 1
        total += 1
      }
      let shared = SharedPointer(loop.shared)
      let helper = try Thread(name: "producers") {
        try! onThreads(producers) { producer in
          for number in 0..<each {
            shared.pointer.pointee.submit(UnsafeMutableRawPointer(Self.node(producer, number)))
          }
        }
      }
      loop.run { total == producers * each }
      helper.join()
      #expect(inOrder)
    }
  }

  /// One node at a time, each after the answer to the last: the loop goes to sleep, or is
  /// about to, for every one of them. A lost wake-up would hang here.
  @Test func noWakeUpIsLost() async throws {
    try await TestLoop.run { loop in
      let rounds = 20_000
      let answers = SharedCounter()
      var received = 0
      loop.received = { raw in
        received = Self.take(raw).number + 1
        answers.value.store(received, ordering: .releasing)
      }
      let shared = SharedPointer(loop.shared)
      let producer = try Thread(name: "producer") {
        for round in 0..<rounds {
          shared.pointer.pointee.submit(UnsafeMutableRawPointer(Self.node(0, round)))
          // Different pauses hit different points of the loop's way to sleep.
          var spins = round & 255
          while answers.value.load(ordering: .acquiring) <= round {
            spins += 1
            if spins > 300 { sched_yield() }
          }
          for _ in 0..<(round & 63) { _ = answers.value.load(ordering: .acquiring) }
        }
      }
      loop.run { received == rounds }
      producer.join()
    }
  }

  @Test func aLoopIsWokenOnceAndOnlyWhenItSleeps() {
    let wakes = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    wakes.initialize(to: 0)
    defer { wakes.deallocate() }
    let waker = Waker(
      function: { $0.assumingMemoryBound(to: Int.self).pointee += 1 }, context: UnsafeMutableRawPointer(wakes)
    )
    let shared = LoopShared(waker: waker)
    func takeAll() {
      for inbox in [shared.submissions.takeAll(), shared.jobs.takeAll()] {
        var next = inbox
        while let raw = next {
          next = Inbox.next(raw)
          _ = Self.take(raw)
        }
      }
    }
    func node() -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(Self.node(0, 0)) }
    shared.submit(node())
    #expect(wakes.pointee == 0)
    #expect(shared.announceSleep() == false)
    takeAll()
    #expect(shared.announceSleep() == true)
    shared.submit(node())
    shared.submit(node())
    shared.enqueueJob(node())
    #expect(wakes.pointee == 1)
    shared.endSleep()
    #expect(shared.announceSleep() == false)
    takeAll()
    shared.enqueueJob(node())
    #expect(shared.announceSleep() == false)
    takeAll()
    #expect(shared.announceSleep() == true)
    shared.endSleep()
    shared.submit(node())
    #expect(wakes.pointee == 1)
    takeAll()
  }
}

/// What tests hand to producer threads: the part of the loop that is made for them.
struct SharedPointer: @unchecked Sendable {
  let pointer: UnsafePointer<LoopShared>
  init(_ pointer: UnsafeMutablePointer<LoopShared>) { self.pointer = UnsafePointer(pointer) }
}

final class SharedCounter: Sendable {
  let value = Atomic<Int>(0)
}
