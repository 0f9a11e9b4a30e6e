import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where rows come from.
package struct BatchSource: Sendable, Equatable {
  package enum Content: Sendable, Equatable {
    case rows(RowFormat)
    /// The failures of a run, which run again.
    case failures
  }

  /// `-` stands for the standard input.
  package var path: String
  package var content: Content
  /// What is read instead of a file.
  package var object: SourceObject?

  package init(path: String, content: Content, object: SourceObject? = nil) {
    self.path = path
    self.content = content
    self.object = object
  }

  package var isStandardInput: Bool { path == "-" }
  package var name: String { isStandardInput ? "<stdin>" : path }

  /// Its size, where it is a file.
  package var size: Int? {
    if let object { return object.entry.size }
    var status = stat()
    guard !isStandardInput, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// What tells whether a file is the one that it was: its size, when it was changed, and what
  /// stands at its beginning and its end. To read all of it would take as long as to run it.
  package func fingerprint() throws(RowError) -> JSON {
    guard !isStandardInput else { return ["path": "-"] }
    if let entry = object?.entry {
      return ["path": JSON(path), "size": JSON(entry.size), "etag": JSON(entry.etag)]
    }
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw Self.unreadable(path, errno) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw Self.unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { return ["path": JSON(path)] }
    let size = Int(status.st_size)
    func digest(_ offset: Int, _ count: Int) -> JSON {
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        filled = max(0, pread(file, buffer.baseAddress, count, offset))
      }
      return JSON(bytes.withUnsafeBytes { ContentDigest.sha256($0) })
    }
    let part = min(size, 1 << 16)
    return [
      "path": JSON(path), "size": JSON(size),
      "changed": JSON("\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"), "head": digest(0, part),
      "tail": digest(size - part, part),
    ]
  }

  static func unreadable(_ path: String, _ code: Int32) -> RowError {
    RowError(.source, "'\(path)' cannot be read: \(SystemFailure.text(code))")
  }
}

/// A file that is being read, piece by piece.
final class SourceFile {
  private let source: BatchSource
  private let file: Int32
  private let pump: ObjectPump?
  private let size: Int?
  private(set) var offset = 0

  init(_ source: BatchSource) throws(RowError) {
    self.source = source
    pump = try source.object.map { (object) throws(RowError) in try ObjectPump(object) }
    if pump != nil {
      file = -1
      size = nil
      return
    }
    file = source.isStandardInput ? dup(STDIN_FILENO) : open(source.path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw BatchSource.unreadable(source.path, errno) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw BatchSource.unreadable(source.path, errno) }
    if status.st_mode & S_IFMT == S_IFDIR { throw BatchSource.unreadable(source.path, EISDIR) }
    size = status.st_mode & S_IFMT == S_IFREG && !source.isStandardInput ? Int(status.st_size) : nil
    posix_fadvise(file, 0, 0, Int32(POSIX_FADV_SEQUENTIAL))
  }

  deinit { if pump == nil { close(file) } }

  /// Whether a read would have to wait for somebody else.
  var mustWait: Bool {
    if let pump { return pump.mustWait }
    guard size == nil else { return false }
    var wait = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, 0) == 0
  }

  /// Waits for at most so long until there is something to read, or the end.
  func wait(milliseconds: Int32) {
    if let pump { return pump.wait(milliseconds: Int(milliseconds)) }
    var wait = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    _ = poll(&wait, 1, milliseconds)
  }

  /// Reads into `room`; 0 at the end. A file that is shorter than it was is not at its end.
  func read(into room: UnsafeMutableRawBufferPointer) throws(RowError) -> Int {
    if let pump {
      let count = try pump.read(into: room)
      offset += count
      return count
    }
    let count = readAgain(file, room.baseAddress.unsafelyUnwrapped, room.count)
    if count < 0 { throw BatchSource.unreadable(source.name, errno) }
    offset += count
    if count == 0, let size, offset < size {
      throw RowError(
        .source, "'\(source.name)' has become shorter while it was read: it had \(size) bytes, and ends",
        at: offset)
    }
    return count
  }
}
