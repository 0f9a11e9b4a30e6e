// Clocks and cores of the machine the suite runs on.

import LimitUV

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The clocks a benchmark can be timed by.
public enum Clock: Sendable {
  /// CPU time of the whole process: what a machine shared with others cannot distort much.
  case process
  /// CPU time of the calling thread.
  case thread
  /// Time on the wall, for what more than one thread does together.
  case wall

  public func nanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(id, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  public func seconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(id, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private var id: clockid_t {
    switch self {
    case .process: CLOCK_PROCESS_CPUTIME_ID
    case .thread: CLOCK_THREAD_CPUTIME_ID
    case .wall: CLOCK_MONOTONIC
    }
  }
}

/// Where the process may run. Threads started later inherit it.
public struct Affinity: Sendable {
  private var words = [UInt64](repeating: 0, count: Int(limit_uv_core_words))

  /// What the calling thread may use now.
  public static func current() -> Affinity? {
    var affinity = Affinity()
    return unsafe limit_uv_get_cores(&affinity.words) == 0 ? affinity : nil
  }

  public static func core(_ core: Int) -> Affinity {
    var affinity = Affinity()
    if affinity.words.indices.contains(core / 64) { affinity.words[core / 64] = 1 << UInt64(core % 64) }
    return affinity
  }

  public var cores: [Int] {
    (0..<words.count * 64).filter { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
  }

  /// Applies to every thread the process has: a pool started earlier must not stay behind.
  @discardableResult
  public func apply() -> Bool { unsafe limit_uv_set_cores(words) == 0 }

  /// Applies to the calling thread and to those that it starts while it lasts.
  func applyToThread() { _ = unsafe limit_uv_set_thread_cores(words) }
}

/// Where a loop and those who send to it run, so that both contestants cross the same way between
/// cores: left alone, the kernel puts a woken thread on its waker's core or on another one as it
/// likes, which is a factor of three between two runs of one program.
struct Crossing: Sendable {
  /// None where there is one core only.
  let loop: Int?
  let senders: [Int]

  static func current() -> Crossing {
    let cores = Affinity.current()?.cores ?? []
    guard cores.count > 1 else { return Crossing(loop: nil, senders: []) }
    return Crossing(loop: cores.last, senders: cores.dropLast().reversed())
  }

  /// Calls `body` with the calling thread on that core, and then lets it go where it could before.
  func on<Result>(_ core: Int?, _ body: () throws -> Result) rethrows -> Result {
    let before = core == nil ? nil : Affinity.current()
    if let core { Affinity.core(core).applyToThread() }
    defer { before?.applyToThread() }
    return try body()
  }
}

/// Resident memory of the process in bytes, from the kernel's own account.
public func residentBytes() -> Int {
  guard let statistics = readText("/proc/self/statm") else { return 0 }
  let fields = statistics.split(separator: " ")
  return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
}

/// The most that was resident since `resetPeakMemory`; what is resident now where the kernel
/// does not say.
func peakResidentBytes() -> Int {
  let line = readText("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  let kilobytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap {
    Int($0)
  }
  return kilobytes.map { $0 * 1024 } ?? residentBytes()
}

/// Lets the peak begin at what is resident now.
func resetPeakMemory() { _ = writeText("5", to: "/proc/self/clear_refs") }

/// The machine in one line, for the head of a report.
public func machineDescription() -> String {
  let model =
    readText("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
    .map { String($0.drop { $0 != ":" }.dropFirst(2)) }
  let load = readText("/proc/loadavg")?.split(separator: " ").first.map(String.init)
  let cores = Affinity.current()?.cores.count ?? 1
  return "\(model ?? "unknown processor"), \(cores) cores, load \(load ?? "unknown")"
}

/// A small text file; nil when it cannot be read.
public func readText(_ path: String) -> String? {
  readBytes(path).map { String(decoding: $0, as: UTF8.self) }
}

public func readBytes(_ path: String) -> [UInt8]? {
  guard let file = unsafe fopen(path, "rb") else { return nil }
  defer { unsafe fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe fread(&chunk, 1, chunk.count, file)
    if count == 0 { return bytes }
    bytes.append(contentsOf: chunk[..<count])
  }
}

/// False when the file cannot be written in full.
public func writeText(_ text: String, to path: String) -> Bool {
  guard let file = unsafe fopen(path, "wb") else { return false }
  let bytes = Array(text.utf8)
  let written = unsafe fwrite(bytes, 1, bytes.count, file)
  return unsafe fclose(file) == 0 && written == bytes.count
}
