import Stepmill

@testable import StepmillBatch

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A disk whose power fails at a chosen operation. What was synced is there afterwards; of what
/// was only written any part may be, and of the changes to names any first ones: a file system's
/// journal keeps them in order, and each of them whole.
final class CrashingDisk: FileStore {
  struct Node: Sendable {
    var bytes: [UInt8] = []
    var durable: [UInt8] = []
  }

  struct State: Sendable {
    var nodes: [Int: Node] = [:]
    var names: [String: Int] = [:] {
      didSet { history.append(names) }
    }
    /// What the names were since they were synced last.
    var history: [[String: Int]] = [[:]]
    var nextNode = 0
    /// Operations until the power fails.
    var left: Int?
    var isOff = false
    var operations = 0
    /// Bytes until the disk is full.
    var room: Int?
  }

  let state = Lock(State())

  /// Notes an operation; throws when the power is off.
  private func step(_ path: String) throws(FileFailure) {
    let isOff = state.withLock { state in
      state.operations += 1
      if let left = state.left {
        if left == 0 { state.isOff = true }
        state.left = left - 1
      }
      return state.isOff
    }
    if isOff { throw FileFailure(path: path, code: EIO) }
  }

  /// The power comes back.
  func restart(_ random: inout BatchRandom, failingAfter: Int?) {
    var generator = random
    state.withLock { state in
      if state.isOff {
        state.names = state.history.randomElement(using: &generator)!
        state.history = [state.names]
        for (node, content) in state.nodes {
          var content = content
          if content.bytes.starts(with: content.durable) {
            let more = content.bytes.count - content.durable.count
            content.bytes = Array(
              content.bytes.prefix(content.durable.count + Int.random(in: 0...more, using: &generator)))
          } else if Bool.random(using: &generator) {
            content.bytes = content.durable
          }
          content.durable = content.bytes
          state.nodes[node] = content
        }
      }
      state.isOff = false
      state.left = failingAfter
    }
    random = generator
  }

  var operations: Int { state.withLock { $0.operations } }

  func text(_ path: String) -> String? {
    state.withLock { state in
      state.names[path].flatMap { state.nodes[$0] }.map { String(decoding: $0.bytes, as: UTF8.self) }
    }
  }

  // MARK: FileStore

  func open(_ path: String) throws(FileFailure) -> any StoredFile {
    try step(path)
    let node = state.withLock { state in
      if let node = state.names[path] { return node }
      state.nextNode += 1
      state.nodes[state.nextNode] = Node()
      state.names[path] = state.nextNode
      return state.nextNode
    }
    return File(self, node, path)
  }

  func size(of path: String) -> Int? {
    state.withLock { state in state.names[path].flatMap { state.nodes[$0]?.bytes.count } }
  }

  func read(_ path: String) throws(FileFailure) -> [UInt8]? {
    try step(path)
    return state.withLock { state in state.names[path].flatMap { state.nodes[$0]?.bytes } }
  }

  func rename(_ path: String, to target: String) throws(FileFailure) {
    try step(path)
    state.withLock { state in
      var names = state.names
      names[target] = names.removeValue(forKey: path)
      state.names = names
    }
  }

  func remove(_ path: String) throws(FileFailure) {
    try step(path)
    state.withLock { $0.names[path] = nil }
  }

  func syncDirectory(of path: String) throws(FileFailure) {
    try step(path)
    state.withLock { $0.history = [$0.names] }
  }

  private final class File: StoredFile {
    private let disk: CrashingDisk
    private let node: Int
    private let path: String

    init(_ disk: CrashingDisk, _ node: Int, _ path: String) {
      self.disk = disk
      self.node = node
      self.path = path
    }

    var size: Int { disk.state.withLock { $0.nodes[node]?.bytes.count ?? 0 } }

    func append(_ bytes: Span<UInt8>) throws(FileFailure) {
      let copy = bytes.array
      let isFull = disk.state.withLock { state in
        guard let room = state.room else { return false }
        guard room >= copy.count else { return true }
        state.room = room - copy.count
        return false
      }
      if isFull { throw FileFailure(path: path, code: ENOSPC) }
      // What is being written when the power fails may be there in part.
      let isLast = disk.state.withLock { $0.left == 0 }
      if isLast { disk.state.withLock { $0.nodes[node]?.bytes += copy.prefix(copy.count / 2) } }
      try disk.step(path)
      disk.state.withLock { $0.nodes[node]?.bytes += copy }
    }

    func read(at offset: Int, count: Int) throws(FileFailure) -> [UInt8] {
      try disk.step(path)
      return disk.state.withLock { Array(($0.nodes[node]?.bytes ?? []).dropFirst(offset).prefix(count)) }
    }

    func truncate(to size: Int) throws(FileFailure) {
      try disk.step(path)
      disk.state.withLock { state in
        let bytes = state.nodes[node]?.bytes ?? []
        state.nodes[node]?.bytes = Array(bytes.prefix(size))
      }
    }

    func sync() throws(FileFailure) {
      try disk.step(path)
      disk.state.withLock { state in
        let bytes = state.nodes[node]?.bytes ?? []
        state.nodes[node]?.durable = bytes
      }
    }

    func close() {}
  }
}
