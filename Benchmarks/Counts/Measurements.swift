// What is counted and how. Everything here comes out the same in every run: one thread, a
// fixed seed, no clock that matters.

import AllocationCounter
import BenchmarkWorkloads
import CLibuv
import Stepmill
import WakeUpCounter

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

private let workloads = ["W1", "W2", "W3", "W4", "W5"]

func measureAll(countsInstructions: Bool) throws -> (counts: [Count], skipped: [String]) {
  var counts: [Count] = []
  var skipped: [String] = []
  if !countsInstructions {
    skipped.append("instructions: --without-instructions")
  } else if let missing = Callgrind.missing {
    skipped.append("instructions: \(missing)")
  } else {
    for name in workloads { counts.append(try instructions(name)) }
  }
  for name in workloads { counts += try allocations(name) }
  counts += try waiting()
  counts.append(try wakeUps())
  if let size = try librarySize() {
    counts.append(size)
  } else {
    skipped.append("size of the library: its object files are not beside this program")
  }
  return (counts, skipped)
}

// MARK: Instructions

private enum Callgrind {
  static var missing: String? {
    for program in ["valgrind", "strip"] where !has(program) {
      return "\(program) is missing (Debian: \(program == "strip" ? "binutils" : program))"
    }
    return nil
  }

  private static func has(_ program: String) -> Bool {
    unsafe system("command -v \(program) >/dev/null 2>&1") == 0
  }

  /// Instructions of a whole run. The C library chooses its copying by the processor, and
  /// Swift seeds its hashing: both are held still.
  static func count(_ program: String, _ workload: String, _ times: Int) throws -> Int {
    let command =
      "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM,-MOVBE "
      + "SWIFT_DETERMINISTIC_HASHING=1 LC_ALL=C valgrind --tool=callgrind --callgrind-out-file=/dev/null "
      + "'\(program)' --drive \(workload) \(times) 2>&1"
    let output = try shell(command)
    for line in output.split(separator: "\n") where line.contains("Collected :") {
      if let number = line.split(separator: " ").last.flatMap({ Int($0) }) { return number }
    }
    throw CountError("callgrind said nothing of \(workload):\n\(output)")
  }
}

/// Instructions per transition, from the difference between two runs, so that the start of the
/// program does not count.
private func instructions(_ name: String) throws -> Count {
  let program = try StrippedProgram.shared.get()
  let driver = try Driver(name)
  let few = max(4, 400 / driver.workload.transitions)
  let many = 3 * few
  let difference = try Callgrind.count(program.path, name, many) - Callgrind.count(program.path, name, few)
  let each = Double(difference) / Double((many - few) * driver.workload.transitions)
  return Count(name: "\(name): instructions per transition", value: (each * 10).rounded() / 10, slack: 0.04)
}

/// A copy of this very program without its debug information, which Debian's valgrind stumbles over.
private final class StrippedProgram: Sendable {
  static let shared = Result { try StrippedProgram() }
  let path: String

  private init() throws {
    path = "/tmp/stepmill-counts-\(getpid())"
    _ = try shell("strip -o '\(path)' '\(try ownPath())' 2>&1")
    let path = path
    unsafe StrippedProgram.leftover = path
    atexit { if let path = unsafe StrippedProgram.leftover { _ = unsafe unlink(path) } }
  }

  /// Written once, before the program's end reads it.
  nonisolated(unsafe) private static var leftover: String?
}

private func ownPath() throws -> String {
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = unsafe buffer.withUnsafeMutableBytes {
    unsafe readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
  }
  guard count > 0 else { throw CountError("this program does not find itself") }
  return String(decoding: buffer[..<count], as: UTF8.self)
}

private func shell(_ command: String) throws -> String {
  guard let pipe = unsafe popen(command, "r") else { throw CountError("no shell for: \(command)") }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = unsafe fread(&chunk, 1, chunk.count, pipe)
    if count == 0 { break }
    bytes += chunk[..<count]
  }
  let text = String(decoding: bytes, as: UTF8.self)
  guard unsafe pclose(pipe) == 0 else { throw CountError("failed: \(command)\n\(text)") }
  return text
}

// MARK: Allocations

/// Heap allocations in the steady state.
private func allocations(_ name: String) throws -> [Count] {
  let driver = try Driver(name)
  var output: [UInt8] = []
  try driver.run(times: 20, into: &output)
  let times = 100
  let before = allocation_counter_made()
  try driver.run(times: times, into: &output)
  let each = Double(allocation_counter_made() - before) / Double(times)
  return [
    Count(name: "\(name): heap allocations per execution", value: each, slack: 0.02),
    Count(
      name: "\(name): heap allocations per transition",
      value: (each / Double(driver.workload.transitions) * 1e4).rounded() / 1e4, slack: 0.02),
  ]
}

// MARK: Waiting, waking

/// A runtime inside a libuv loop of ours, so that everything happens on this thread.
@safe private final class HostedRuntime {
  let loop: UnsafeMutablePointer<uv_loop_t>
  let runtime: Runtime

  init() throws {
    unsafe loop = .allocate(capacity: 1)
    guard unsafe uv_loop_init(loop) == 0 else { throw CountError("libuv gives no loop") }
    var configuration = Runtime.Configuration()
    configuration.seed = 1
    unsafe runtime = try Runtime(attachedTo: loop, configuration: configuration)
  }

  func turn() { _ = unsafe uv_run(loop, UV_RUN_NOWAIT) }

  func turn(until isDone: () -> Bool) throws {
    for _ in 0..<1_000_000 {
      if isDone() { return }
      turn()
    }
    throw CountError("the loop does not get there: \(runtime.counters)")
  }
}

/// Heap of executions that wait, and what starting one allocates.
private func waiting() throws -> [Count] {
  let host = try HostedRuntime()
  let workload = Workload.waiting(seconds: 86_400)
  let workflow = try host.runtime.workflow(utf8: workload.definition)
  let input = try JSON(parsing: workload.input)
  func park(_ count: Int) throws {
    let before = host.runtime.counters.waiting
    for _ in 0..<count { _ = try workflow.start(input) }
    try host.turn { host.runtime.counters.waiting == before + count }
  }
  _ = allocation_counter_bytes()
  // Pools and tables grow in steps; from here on they grow with the executions.
  try park(1000)
  let count = 50_000
  let bytes = allocation_counter_bytes()
  let made = allocation_counter_made()
  for _ in 0..<(count / 1000) { try park(1000) }
  let held = Double(allocation_counter_bytes() - bytes) / Double(count)
  let allocated = Double(allocation_counter_made() - made) / Double(count)
  return [
    Count(name: "waiting: bytes of heap per execution", value: held.rounded(), slack: 0.03),
    Count(
      name: "waiting: heap allocations per execution started and parked",
      value: (allocated * 100).rounded() / 100, slack: 0.03),
  ]
}

/// Wake-ups for a thousand executions that come in bursts of ten to a loop that sleeps.
private func wakeUps() throws -> Count {
  let host = try HostedRuntime()
  let workload = Workload.passChain(states: 3)
  let workflow = try host.runtime.workflow(utf8: workload.definition)
  let input = try JSON(parsing: workload.input)
  func burst() throws {
    let before = host.runtime.counters.succeeded
    for _ in 0..<10 { _ = try workflow.start(input) }
    try host.turn { host.runtime.counters.succeeded == before + 10 }
    for _ in 0..<4 { host.turn() }
  }
  try burst()
  let before = wakeup_counter_sent()
  for _ in 0..<100 { try burst() }
  return Count(
    name: "wake-ups per thousand executions, in bursts of ten", value: Double(wakeup_counter_sent() - before),
    slack: 0.02)
}

// MARK: Size

/// Bytes of the library's code and data: what its object files would put into a program.
private func librarySize() throws -> Count? {
  let directory = try ownPath().split(separator: "/").dropLast().joined(separator: "/")
  let folder = "/\(directory)/Stepmill.build"
  guard let entries = unsafe opendir(folder) else { return nil }
  defer { unsafe closedir(entries) }
  var size = 0
  var files = 0
  while let entry = unsafe readdir(entries) {
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    guard name.hasSuffix(".o") else { continue }
    size += try loadedSize(ofObject: File.read("\(folder)/\(name)"))
    files += 1
  }
  guard files > 0 else { return nil }
  return Count(name: "size of the release library, bytes of code and data", value: Double(size), slack: 0.03)
}

/// The sections of a 64-bit ELF object that end up in memory.
private func loadedSize(ofObject bytes: [UInt8]) -> Int {
  func word(_ offset: Int, _ width: Int) -> Int {
    guard offset + width <= bytes.count else { return 0 }
    return (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << ($1 * 8) }
  }
  guard bytes.count > 64, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2]) else { return 0 }
  let (table, entrySize, count) = (word(40, 8), word(58, 2), word(60, 2))
  var size = 0
  for index in 0..<count {
    let header = table + index * entrySize
    let isLoaded = word(header + 8, 8) & 2 != 0
    if isLoaded { size += word(header + 32, 8) }
  }
  return size
}
