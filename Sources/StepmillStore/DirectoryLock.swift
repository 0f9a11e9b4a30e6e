import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One process per data directory: a lock on the file `lock` in it, which holds the owner's
/// process number for whoever comes second. The system lets go of it when the process ends.
@safe final class DirectoryLock {
  private let descriptor: Int32

  /// Makes the directory if only its last part is missing, and takes it.
  init(_ directory: String) throws(StoreError) {
    if unsafe mkdir(directory, 0o700) != 0, errno != EEXIST {
      let reason = errno
      if reason == ENOENT {
        throw StoreError(
          .noDirectory,
          "The directory \(directory) cannot be made, since the one that is to hold it does not exist. Make that "
            + "first, or choose another one.")
      }
      throw StoreError(
        .notWritable,
        "The directory \(directory) cannot be made: \(Self.text(reason)). Choose one that this user may write to."
      )
    }
    let path = directory + "/lock"
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let reason = errno
      if reason == ENOTDIR {
        throw StoreError(.noDirectory, "\(directory) is not a directory. Choose another place for the data.")
      }
      throw StoreError(
        .notWritable,
        "The directory \(directory) is not writable: \(Self.text(reason)). Give this user the right to write to "
          + "it, or choose another one.")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let reason = errno
      // From here on `deinit` closes it.
      let owner = Self.contents(descriptor)
      guard reason == EWOULDBLOCK else {
        throw StoreError(.system, "The file \(path) cannot be locked: \(Self.text(reason)).")
      }
      throw StoreError(
        .inUse,
        "The directory \(directory) is in use by \(owner.isEmpty ? "another process" : "process \(owner)"). Stop "
          + "that one first, or choose another directory.")
    }
    _ = ftruncate(descriptor, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    // A process that is being forked just now has the descriptor too, and with it the lock, until it
    // executes its program.
    flock(descriptor, LOCK_UN)
    closeDescriptor(descriptor)
  }

  private static func contents(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
    return String(decoding: bytes.prefix(max(0, count)).prefix { $0 != 10 }, as: UTF8.self)
  }

  static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
