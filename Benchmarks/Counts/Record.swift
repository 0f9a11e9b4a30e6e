// The committed record and how a count is judged by it.

import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One figure; less is better.
struct Count {
  let name: String
  let value: Double
  /// By how much it may differ before that means something, as a share of the record; it
  /// covers what differs between machines.
  let slack: Double
}

struct Record {
  var counts: [Count]

  static func read(_ path: String) throws -> Record {
    let json = try JSON(parsing: try File.read(path))
    var counts: [Count] = []
    if let entries = json["counts"]?.array {
      for entry in entries {
        guard let name = entry["name"]?.string, let value = entry["value"]?.double,
          let slack = entry["slack"]?.double
        else { throw CountError("\(path): a count needs a name, a value and a slack, not \(entry)") }
        counts.append(Count(name: name, value: value, slack: slack))
      }
    }
    return Record(counts: counts)
  }

  /// Counts that could not be measured here keep what they had.
  func updated(with fresh: [Count]) -> Record {
    let names = Set(fresh.map(\.name))
    return Record(counts: fresh + counts.filter { !names.contains($0.name) })
  }

  func write(_ path: String) throws {
    let entries = counts.map {
      #"  {"name": "\#($0.name)", "value": \#(text($0.value)), "slack": \#($0.slack)}"#
    }
    try File.write("{\"counts\": [\n" + entries.joined(separator: ",\n") + "\n]}\n", to: path)
  }

  /// Prints the comparison; false when something has worsened or is not in the record.
  func compare(with fresh: [Count], path: String, isComplete: Bool) -> Bool {
    var worse: [String] = []
    var better: [String] = []
    let width = fresh.map(\.name.count).max() ?? 0
    for count in fresh {
      let name = count.name + String(repeating: " ", count: width - count.name.count)
      guard let old = counts.first(where: { $0.name == count.name }) else {
        worse.append("\(count.name) is not in the record")
        print("\(name)  \(text(count.value))  not in the record")
        continue
      }
      let verdict = old.judge(count.value)
      print("\(name)  \(text(count.value))  record \(text(old.value))  \(verdict.rawValue)")
      if verdict == .worse { worse.append("\(count.name): \(text(old.value)) is now \(text(count.value))") }
      if verdict == .better { better.append("\(count.name): \(text(old.value)) is now \(text(count.value))") }
    }
    if isComplete {
      for old in counts where !fresh.contains(where: { $0.name == old.name }) {
        worse.append("\(old.name) is in the record and was not measured")
      }
    }
    if !better.isEmpty {
      print("\nThese have improved; please record it, so that it stays:")
      for line in better { print("  \(line)") }
      print("  swift run -c release stepmill-counts --update")
    }
    if !worse.isEmpty {
      print("\nThese have worsened:")
      for line in worse { print("  \(line)") }
      print("If that is the price of something better, say so in the commit and record it (\(path)):")
      print("  swift run -c release stepmill-counts --update")
    }
    return worse.isEmpty
  }

  private func text(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : "\((value * 1000).rounded() / 1000)"
  }
}

extension Count {
  enum Verdict: String {
    case same = ""
    case worse = "WORSE"
    case better = "better"
  }

  /// What a fresh value is beside this one of the record.
  func judge(_ fresh: Double) -> Verdict {
    // Where nothing is recorded, anything is more.
    let margin = abs(value) * slack + 1e-9
    return fresh > value + margin ? .worse : fresh < value - margin ? .better : .same
  }
}

enum File {
  static func read(_ path: String) throws -> [UInt8] {
    guard let file = unsafe fopen(path, "rb") else {
      throw CountError("\(path) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  static func write(_ text: String, to path: String) throws {
    guard let file = unsafe fopen(path, "wb") else {
      throw CountError("\(path) cannot be written: \(unsafe String(cString: strerror(errno)))")
    }
    let bytes = Array(text.utf8)
    let written = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, written == bytes.count else {
      throw CountError("\(path) cannot be written in full")
    }
  }
}
