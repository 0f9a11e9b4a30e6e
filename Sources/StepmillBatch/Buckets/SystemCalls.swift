import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The system's calls with Swift's types: arrays and spans instead of addresses, results instead
// of codes beside them.

/// What the system says about its errors.
enum SystemFailure {
  static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}

/// The system's code for what it refuses.
struct SystemRefusal: Error {
  let code: Int32
  /// What the last call left.
  init() { code = errno }
  init(code: Int32) { self.code = code }
}

/// What is known of a file.
struct FileStatus {
  let size: Int
  let isFile: Bool
  let isDirectory: Bool
  let number: UInt
  let seconds: Int
  let nanoseconds: Int

  private init(_ status: stat) {
    size = Int(status.st_size)
    isFile = status.st_mode & S_IFMT == S_IFREG
    isDirectory = status.st_mode & S_IFMT == S_IFDIR
    number = UInt(status.st_ino)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }

  init?(of file: Int32) {
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { return nil }
    self.init(status)
  }

  init?(at path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// Of what has a name in a directory; of a link, not of what it leads to.
  init?(_ name: String, in directory: Int32) {
    var status = stat()
    guard unsafe fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    self.init(status)
  }

  var milliseconds: Int64 { Int64(seconds) * 1000 + Int64(nanoseconds) / 1_000_000 }
}

/// Opens a file by its path.
func openFile(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws(SystemRefusal) -> Int32 {
  let file = unsafe open(path, flags | O_CLOEXEC, mode)
  if file < 0 { throw SystemRefusal() }
  return file
}

/// Opens what has a name in a directory.
func openFile(
  _ name: String, in directory: Int32, _ flags: Int32, mode: mode_t = 0o644
) throws(SystemRefusal) -> Int32 {
  let file = unsafe openat(directory, name, flags | O_CLOEXEC, mode)
  if file < 0 { throw SystemRefusal() }
  return file
}

/// Reads at most so many bytes, once; none at the end. An interrupted call is begun again.
func readBytes(_ file: Int32, count: Int) throws(SystemRefusal) -> [UInt8] {
  var refusal: SystemRefusal?
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    do throws(SystemRefusal) {
      filled = unsafe try readOnce(file, UnsafeMutableRawBufferPointer(buffer))
    } catch {
      refusal = error
    }
  }
  if let refusal { throw refusal }
  return bytes
}

/// The same into a room; says how many.
func readBytes(_ file: Int32, into room: inout ByteRoom) throws(SystemRefusal) -> Int {
  let before = room.count
  unsafe try room.fill { (memory) throws(SystemRefusal) in unsafe try readOnce(file, memory) }
  return room.count - before
}

private func readOnce(_ file: Int32, _ room: UnsafeMutableRawBufferPointer) throws(SystemRefusal) -> Int {
  while true {
    let got = unsafe read(file, room.baseAddress, room.count)
    if got >= 0 { return got }
    if errno != EINTR { throw SystemRefusal() }
  }
}

/// Reads as much as there is of `count` bytes from a place on.
func readBytes(_ file: Int32, at offset: Int, count: Int) throws(SystemRefusal) -> [UInt8] {
  // An array for nothing has the same memory wherever it is, and would be written to.
  if count == 0 { return [] }
  var refusal: SystemRefusal?
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    filled = 0
    while filled < count {
      let got = unsafe pread(
        file, buffer.baseAddress.unsafelyUnwrapped + filled, count - filled, offset + filled)
      if got == 0 { break }
      if got > 0 {
        filled += got
      } else if errno != EINTR {
        refusal = SystemRefusal()
        break
      }
    }
  }
  if let refusal { throw refusal }
  return bytes
}

/// Writes everything.
func writeWhole(_ file: Int32, _ bytes: Span<UInt8>) throws(SystemRefusal) {
  var written = 0
  while written < bytes.count {
    let rest = bytes.extracting(droppingFirst: written)
    let count = unsafe rest.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
    if count >= 0 {
      written += count
    } else if errno == EAGAIN {
      waitUntil(POLLOUT, file, milliseconds: -1)
    } else if errno != EINTR {
      throw SystemRefusal()
    }
  }
}

/// Waits for at most so long until there is something to read, or the end; says whether there is.
@discardableResult
func waitForInput(_ file: Int32, milliseconds: Int32) -> Bool {
  waitUntil(POLLIN, file, milliseconds: milliseconds)
}

@discardableResult
private func waitUntil(_ events: Int32, _ file: Int32, milliseconds: Int32) -> Bool {
  var wait = pollfd(fd: file, events: Int16(events), revents: 0)
  return unsafe poll(&wait, 1, milliseconds) > 0
}

extension ContentDigest {
  static func md5(of bytes: [UInt8]) -> String { unsafe bytes.withUnsafeBytes { unsafe md5($0) } }
  static func sha256(of bytes: [UInt8]) -> String { unsafe bytes.withUnsafeBytes { unsafe sha256($0) } }
}
