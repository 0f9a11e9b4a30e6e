import Stepmill
import StepmillServer
import StepmillStore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Starts executions from the loops themselves, as a server's connections do: each chain sends a
/// handful at once, and the next when all of them are answered.
final class Starter: Sendable {
  private let world: World
  private let total: Int
  private let chains: Int
  private static let handful = 16
  private let begun = Atomic<Int>(0)
  private let answered = Atomic<Int>(0)
  private let gate = Gate()
  private let body: [UInt8]

  init(_ world: World, total: Int, chains: Int) {
    self.world = world
    self.total = total
    self.chains = chains
    let order: JSON = [
      "stateMachineArn": JSON(World.prefix + "stateMachine:quick"),
      "input": JSON(
        #"{"order":"4711","amount":12.5,"items":["a","b","c"],"customer":{"name":"Ada","city":"Lund"}}"#),
    ]
    body = order.utf8
  }

  /// Executions per second, all of them at their end.
  func run() -> Double {
    let start = Clock.seconds
    for _ in 0..<chains { world.runtime.after(milliseconds: 0) { self.send() } }
    gate.wait()
    while world.service.hasRunning(World.scope) { usleep(200) }
    return Double(total) / (Clock.seconds - start)
  }

  private func send() {
    let first = begun.add(Self.handful, ordering: .relaxed).oldValue
    guard first < total else { return }
    let left = Countdown(Self.handful)
    for _ in 0..<Self.handful {
      world.service.handle("StartExecution", body: body, scope: World.scope) { [self] answer in
        precondition(answer.status == 200, String(decoding: answer.body, as: UTF8.self))
        if answered.add(1, ordering: .relaxed).newValue == total { gate.open() }
        if left.isOver() { world.runtime.after(milliseconds: 0) { self.send() } }
      }
    }
  }

  private final class Countdown: Sendable {
    private let left: Atomic<Int>
    init(_ count: Int) { left = Atomic(count) }
    func isOver() -> Bool { left.subtract(1, ordering: .relaxed).newValue == 0 }
  }
}

/// What the store costs: the same load on the one in memory and on disk, in turns.
struct StoreBench {
  let executions: Int
  let rounds: Int

  func run() throws {
    let total = (executions + 15) / 16 * 16
    print("\(total) executions of three Pass states, two loops, chains of 16 in flight; per second:")
    for chains in [2, 8, 32, 128] {
      var (memory, process, power): ([Double], [Double], [Double]) = ([], [], [])
      for _ in 0..<rounds {
        memory.append(try measure(MemoryStore(), total, chains))
        process.append(try disk(.process, total, chains))
        power.append(try disk(.power, total / 4 / 16 * 16, chains))
      }
      print(
        "  \(chains * 16) in flight: memory \(text(memory)), disk (process) \(text(process)), disk (power) \(text(power))"
      )
      print("    ratio process \(share(process, memory)), power \(share(power, memory))")
    }
  }

  private func disk(_ durability: Durability, _ total: Int, _ chains: Int) throws -> Double {
    let directory = TemporaryDirectory()
    let store = try SQLiteStore(directory: directory.path, durability: durability)
    let rate = try measure(store, total, chains)
    try store.close()
    if durability == .process, chains == 32 {
      let health = store.health
      print(
        "    \(health.rowsWritten) rows in \(health.transactions) transactions, \(health.bytes >> 20) MiB")
    }
    return rate
  }

  private func measure(_ store: any Store, _ total: Int, _ chains: Int) throws -> Double {
    let world = try World(store)
    world.create("quick", World.pass)
    let (before, writerBefore) = Self.processorSeconds
    let rate = Starter(world, total: total, chains: chains).run()
    let (after, writerAfter) = Self.processorSeconds
    world.shutDown()
    func microseconds(_ seconds: Double) -> Double { (seconds / Double(total) * 1e7).rounded() / 10 }
    print(
      "    \(store is MemoryStore ? "memory" : "disk"): \(microseconds(after - before)) µs on all threads but the writer's, "
        + "\(microseconds(writerAfter - writerBefore)) µs there, per execution")
    return rate
  }

  /// What this process has computed: on the writer's thread, and on all others. Steadier than
  /// rates where others use the machine.
  private static var processorSeconds: (others: Double, writer: Double) {
    var (others, writer) = (0.0, 0.0)
    guard let tasks = unsafe opendir("/proc/self/task") else { return (0, 0) }
    defer { unsafe closedir(tasks) }
    while let entry = unsafe readdir(tasks) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.first?.isNumber == true else { continue }
      let time = Double(line("/proc/self/task/\(name)/schedstat").split(separator: " ").first ?? "") ?? 0
      if line("/proc/self/task/\(name)/comm") == "stepmill-store" && name != "\(getpid())" {
        writer += time / 1e9
      } else {
        others += time / 1e9
      }
    }
    return (others, writer)
  }

  private static func line(_ path: String) -> String {
    guard let file = unsafe fopen(path, "r") else { return "" }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&line, 128, file) != nil else { return "" }
    return String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func text(_ rates: [Double]) -> String {
    let sorted = rates.sorted()
    return "\(Int(sorted[sorted.count / 2])) (\(Int(sorted.first!))…\(Int(sorted.last!)))"
  }

  private func share(_ left: [Double], _ right: [Double]) -> String {
    let ratios = zip(left, right).map { $0 / $1 }.sorted()
    func text(_ ratio: Double) -> String { "\(Int((ratio * 100).rounded())) %" }
    return "\(text(ratios[ratios.count / 2])) (\(text(ratios.first!))…\(text(ratios.last!)))"
  }
}

/// How long a store with so many executions takes to open, and in how much memory.
struct OpenBench {
  let executions: Int

  func run() throws {
    let directory = TemporaryDirectory()
    var retention = Retention()
    retention.executionsMax = .max
    let store = try SQLiteStore(directory: directory.path, retention: retention)
    let world = try World(store)
    world.create("quick", World.pass)
    _ = Starter(world, total: executions / 16 * 16, chains: 32).run()
    world.shutDown()
    try store.close()
    let before = Self.residentBytes
    let start = Clock.seconds
    let again = try SQLiteStore(directory: directory.path, retention: retention)
    let seconds = Clock.seconds - start
    print(
      "\(executions) executions, \(again.health.bytes >> 20) MiB: open in \(Int(seconds * 1000)) ms, "
        + "\((Self.residentBytes - before) / executions) bytes each (beside what the first one freed)")
    try again.close()
  }

  private static var residentBytes: Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&line, 128, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
  }
}
