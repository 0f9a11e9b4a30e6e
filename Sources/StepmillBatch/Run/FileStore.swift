import CIntrinsics
import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What a run does to files, behind a seam: the tests put a disk there that loses its power.

package protocol FileStore: Sendable {
  /// Opens a file for adding to it. Nobody else may have it open so at the same time.
  func open(_ path: String) throws(FileFailure) -> any StoredFile
  /// The size of a file; nil if there is none.
  func size(of path: String) throws(FileFailure) -> Int?
  /// The whole file; nil if there is none.
  func read(_ path: String) throws(FileFailure) -> [UInt8]?
  func rename(_ path: String, to target: String) throws(FileFailure)
  func remove(_ path: String) throws(FileFailure)
  /// Replaces a file at one stroke.
  func replace(_ path: String, with bytes: [UInt8]) throws(FileFailure)
  /// Makes what was created, renamed or removed in the file's directory last.
  func syncDirectory(of path: String) throws(FileFailure)
}

package protocol StoredFile: AnyObject {
  var size: Int { get }
  func append(_ bytes: Span<UInt8>) throws(FileFailure)
  /// At most so many bytes from a place on; none at the end.
  func read(at offset: Int, count: Int) throws(FileFailure) -> [UInt8]
  func truncate(to size: Int) throws(FileFailure)
  /// Makes the content last.
  func sync() throws(FileFailure)
  func close()
}

/// What a file system, or a bucket, refuses.
package struct FileFailure: Error, Equatable, CustomStringConvertible {
  package let path: String
  package let reason: String

  package init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  /// - Parameter code: As in `errno`.
  package init(path: String, code: Int32) {
    self.init(path: path, reason: code == EWOULDBLOCK ? "another run uses it" : SystemFailure.text(code))
  }

  package var description: String { "'\(path)' cannot be written: \(reason)" }
}

extension FileStore {
  package func replace(_ path: String, with bytes: [UInt8]) throws(FileFailure) {
    let aside = path + ".new"
    let file = try open(aside)
    defer { file.close() }
    try file.truncate(to: 0)
    try file.append(bytes.span)
    try file.sync()
    try rename(aside, to: path)
    try syncDirectory(of: path)
  }
}

/// The system's files.
package struct SystemFileStore: FileStore {
  package init() {}

  package func open(_ path: String) throws(FileFailure) -> any StoredFile { try SystemFile(path) }

  package func size(of path: String) -> Int? {
    FileStatus(at: path)?.size
  }

  package func read(_ path: String) throws(FileFailure) -> [UInt8]? {
    var bytes: [UInt8] = []
    do throws(SystemRefusal) {
      let file = try openFile(path, O_RDONLY)
      defer { Glibc.close(file) }
      while true {
        let piece = try readBytes(file, count: 1 << 16)
        if piece.isEmpty { return bytes }
        bytes += piece
      }
    } catch {
      if error.code == ENOENT { return nil }
      throw FileFailure(path: path, code: error.code)
    }
  }

  package func rename(_ path: String, to target: String) throws(FileFailure) {
    if unsafe Glibc.rename(path, target) != 0 { throw FileFailure(path: target, code: errno) }
  }

  package func remove(_ path: String) throws(FileFailure) {
    if unsafe unlink(path) != 0, errno != ENOENT { throw FileFailure(path: path, code: errno) }
  }

  package func syncDirectory(of path: String) throws(FileFailure) {
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    do throws(SystemRefusal) {
      let file = try openFile(directory, O_RDONLY | O_DIRECTORY)
      defer { Glibc.close(file) }
      // Some file systems know no such thing.
      if fsync(file) != 0, errno != EINVAL { throw SystemRefusal() }
    } catch {
      throw FileFailure(path: directory, code: error.code)
    }
  }
}

private final class SystemFile: StoredFile {
  private let path: String
  private let file: Int32
  private(set) var size: Int
  /// How far the system has been asked to write.
  private var handedOver: Int
  private var isOpen = true
  private static let pieceBytes = 1 << 22

  init(_ path: String) throws(FileFailure) {
    self.path = path
    do throws(SystemRefusal) {
      file = try openFile(path, O_RDWR | O_CREAT)
    } catch {
      throw FileFailure(path: path, code: error.code)
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      Glibc.close(file)
      throw FileFailure(path: path, code: code)
    }
    size = Int(lseek(file, 0, SEEK_END))
    handedOver = size & ~0xFFF
  }

  deinit { close() }

  func append(_ bytes: Span<UInt8>) throws(FileFailure) {
    do throws(SystemRefusal) {
      try writeWhole(file, bytes)
    } catch {
      // What was written of it is not wanted.
      ftruncate(file, size)
      lseek(file, size, SEEK_SET)
      throw FileFailure(path: path, code: error.code)
    }
    size += bytes.count
    if size - handedOver >= Self.pieceBytes { handOver() }
  }

  /// Has the system begin to write what has been added, and does not wait for that: otherwise a
  /// checkpoint would have to wait for all of it, and what runs soon for the checkpoint. Up to a
  /// whole page only, since a page that is being written cannot be added to.
  private func handOver() {
    let end = size & ~0xFFF
    // It is no more than a hint: whatever it says, `sync` will say the same.
    stepmill_write_back(file, Int64(handedOver), Int64(end - handedOver))
    handedOver = end
  }

  func read(at offset: Int, count: Int) throws(FileFailure) -> [UInt8] {
    do throws(SystemRefusal) {
      return try readBytes(file, at: offset, count: count)
    } catch {
      throw FileFailure(path: path, code: error.code)
    }
  }

  func truncate(to size: Int) throws(FileFailure) {
    guard ftruncate(file, size) == 0 else { throw FileFailure(path: path, code: errno) }
    lseek(file, size, SEEK_SET)
    self.size = size
    handedOver = min(handedOver, size & ~0xFFF)
  }

  func sync() throws(FileFailure) {
    if fdatasync(file) != 0, errno != EINVAL, errno != EROFS { throw FileFailure(path: path, code: errno) }
  }

  func close() {
    if isOpen { closeDescriptor(file) }
    isOpen = false
  }
}
