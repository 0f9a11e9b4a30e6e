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
    guard !isStandardInput, let status = FileStatus(at: path), status.isFile else { return nil }
    return status.size
  }

  /// What tells whether a file is the one that it was: its size, when it was changed, and what
  /// stands at its beginning and its end. To read all of it would take as long as to run it.
  package func fingerprint() throws(RowError) -> JSON {
    guard !isStandardInput else { return ["path": "-"] }
    if let entry = object?.entry {
      return ["path": JSON(path), "size": JSON(entry.size), "etag": JSON(entry.etag)]
    }
    let file = try Self.open(path)
    defer { closeDescriptor(file) }
    guard let status = FileStatus(of: file) else { throw Self.unreadable(path, errno) }
    guard status.isFile else { return ["path": JSON(path)] }
    func digest(_ offset: Int, _ count: Int) throws(RowError) -> JSON {
      do throws(SystemRefusal) {
        return JSON(ContentDigest.sha256(of: try readBytes(file, at: offset, count: count)))
      } catch {
        throw Self.unreadable(path, error.code)
      }
    }
    let part = min(status.size, 1 << 16)
    return [
      "path": JSON(path), "size": JSON(status.size),
      "changed": JSON("\(status.seconds).\(status.nanoseconds)"), "head": try digest(0, part),
      "tail": try digest(status.size - part, part),
    ]
  }

  static func open(_ path: String) throws(RowError) -> Int32 {
    do throws(SystemRefusal) {
      return try openFile(path, O_RDONLY)
    } catch {
      throw unreadable(path, error.code)
    }
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
    file = source.isStandardInput ? dup(STDIN_FILENO) : try BatchSource.open(source.path)
    guard file >= 0 else { throw BatchSource.unreadable(source.path, errno) }
    guard let status = FileStatus(of: file) else { throw BatchSource.unreadable(source.path, errno) }
    if status.isDirectory { throw BatchSource.unreadable(source.path, EISDIR) }
    size = status.isFile && !source.isStandardInput ? status.size : nil
    posix_fadvise(file, 0, 0, Int32(POSIX_FADV_SEQUENTIAL))
  }

  deinit { if pump == nil { closeDescriptor(file) } }

  /// Whether a read would have to wait for somebody else.
  var mustWait: Bool {
    if let pump { return pump.mustWait }
    guard size == nil else { return false }
    return !waitForInput(file, milliseconds: 0)
  }

  /// Waits for at most so long until there is something to read, or the end.
  func wait(milliseconds: Int32) {
    if let pump { return pump.wait(milliseconds: Int(milliseconds)) }
    waitForInput(file, milliseconds: milliseconds)
  }

  /// Gives a feed the next bytes, `most` at most, or tells it that there are none; says how many.
  @discardableResult
  func read(into feed: inout RowFeed, _ most: Int) throws(RowError) -> Int {
    let count = try feed.add(most) { (room) throws(RowError) in try read(into: &room) }
    if count == 0 { feed.finish() }
    return count
  }

  /// Reads into `room`; 0 at the end. A file that is shorter than it was is not at its end.
  private func read(into room: inout ByteRoom) throws(RowError) -> Int {
    if let pump {
      let count = try pump.read(into: &room)
      offset += count
      return count
    }
    let count: Int
    do throws(SystemRefusal) {
      count = try readBytes(file, into: &room)
    } catch {
      throw BatchSource.unreadable(source.name, error.code)
    }
    offset += count
    if count == 0, let size, offset < size {
      throw RowError(
        .source, "'\(source.name)' has become shorter while it was read: it had \(size) bytes, and ends",
        at: offset)
    }
    return count
  }
}
