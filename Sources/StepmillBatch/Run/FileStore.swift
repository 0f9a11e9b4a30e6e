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
  func size(of path: String) -> Int?
  /// The whole file; nil if there is none.
  func read(_ path: String) throws(FileFailure) -> [UInt8]?
  func rename(_ path: String, to target: String) throws(FileFailure)
  func remove(_ path: String) throws(FileFailure)
  /// Makes what was created, renamed or removed in the file's directory last.
  func syncDirectory(of path: String) throws(FileFailure)
}

package protocol StoredFile: AnyObject {
  var size: Int { get }
  func append(_ bytes: UnsafeRawBufferPointer) throws(FileFailure)
  /// At most so many bytes from a place on; none at the end.
  func read(at offset: Int, count: Int) throws(FileFailure) -> [UInt8]
  func truncate(to size: Int) throws(FileFailure)
  /// Makes the content last.
  func sync() throws(FileFailure)
  func close()
}

/// What a file system refuses.
package struct FileFailure: Error, Equatable, CustomStringConvertible {
  package let path: String
  /// As in `errno`.
  package let code: Int32

  package init(path: String, code: Int32) {
    self.path = path
    self.code = code
  }

  package var description: String {
    code == EWOULDBLOCK
      ? "'\(path)' is in use by another run" : "'\(path)' cannot be written: \(SystemFailure.text(code))"
  }
}

extension FileStore {
  /// Replaces a file at one stroke.
  func replace(_ path: String, with bytes: [UInt8]) throws(FileFailure) {
    let aside = path + ".new"
    let file = try open(aside)
    defer { file.close() }
    try file.truncate(to: 0)
    try file.add(bytes)
    try file.sync()
    try rename(aside, to: path)
    try syncDirectory(of: path)
  }
}

extension StoredFile {
  func add(_ bytes: [UInt8]) throws(FileFailure) {
    try bytes.span.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(FileFailure) in try append(bytes)
    }
  }
}

/// The system's files.
package struct SystemFileStore: FileStore {
  package init() {}

  package func open(_ path: String) throws(FileFailure) -> any StoredFile { try SystemFile(path) }

  package func size(of path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  package func read(_ path: String) throws(FileFailure) -> [UInt8]? {
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw FileFailure(path: path, code: errno)
    }
    defer { Glibc.close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = buffer.withUnsafeMutableBytes {
        readAgain(file, $0.baseAddress.unsafelyUnwrapped, $0.count)
      }
      if count < 0 { throw FileFailure(path: path, code: errno) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  package func rename(_ path: String, to target: String) throws(FileFailure) {
    if Glibc.rename(path, target) != 0 { throw FileFailure(path: target, code: errno) }
  }

  package func remove(_ path: String) throws(FileFailure) {
    if unlink(path) != 0, errno != ENOENT { throw FileFailure(path: path, code: errno) }
  }

  package func syncDirectory(of path: String) throws(FileFailure) {
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let file = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { throw FileFailure(path: directory, code: errno) }
    defer { Glibc.close(file) }
    // Some file systems know no such thing.
    if fsync(file) != 0, errno != EINVAL { throw FileFailure(path: directory, code: errno) }
  }
}

private final class SystemFile: StoredFile {
  private let path: String
  private let file: Int32
  private(set) var size: Int
  private var isOpen = true

  init(_ path: String) throws(FileFailure) {
    self.path = path
    file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw FileFailure(path: path, code: errno) }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      Glibc.close(file)
      throw FileFailure(path: path, code: code)
    }
    size = Int(lseek(file, 0, SEEK_END))
  }

  deinit { close() }

  func append(_ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
    let code = writeWhole(file, bytes)
    guard code == 0 else {
      // What was written of it is not wanted.
      ftruncate(file, size)
      lseek(file, size, SEEK_SET)
      throw FileFailure(path: path, code: code)
    }
    size += bytes.count
  }

  func read(at offset: Int, count: Int) throws(FileFailure) -> [UInt8] {
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let got = pread(file, buffer.baseAddress, count, offset)
      if got < 0 { code = errno }
      filled = max(0, got)
    }
    if code != 0 { throw FileFailure(path: path, code: code) }
    return bytes
  }

  func truncate(to size: Int) throws(FileFailure) {
    guard ftruncate(file, size) == 0 else { throw FileFailure(path: path, code: errno) }
    lseek(file, size, SEEK_SET)
    self.size = size
  }

  func sync() throws(FileFailure) {
    if fdatasync(file) != 0, errno != EINVAL, errno != EROFS { throw FileFailure(path: path, code: errno) }
  }

  func close() {
    if isOpen { Glibc.close(file) }
    isOpen = false
  }
}
