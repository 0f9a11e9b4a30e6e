import Stepmill
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A directory as a bucket: the object `a/b.csv` is the file `b.csv` in the directory `a`.
//
// No key leads out of the directory. A key is walked part by part from the directory's own
// descriptor, `..` and the like are refused, and so is whatever is a symbolic link. What is
// being written lies aside, under a name that no key may have, and is renamed when it is whole.
//
// A file system knows no object beside a directory of the same name, and no empty parts: keys
// that need one of these are refused. A key that ends in a slash, which consoles make to show
// an empty folder, is a file in that directory whose name is not shown.

package final class DirectoryBucket: Bucket {
  package let path: String
  private let directory: Int32
  private let isDurable: Bool
  /// Tells apart what this process writes aside.
  private let serial = Atomic<Int>(0)

  /// Names that begin like this are ours.
  private static let reserved = ".stepmill~"
  private static let folderName = ".stepmill~folder"

  /// - Parameters:
  ///   - path: The directory. It must exist.
  ///   - isDurable: An object that has been written outlives a failure of power.
  package init(_ path: String, isDurable: Bool = false) throws(BucketError) {
    self.path = path
    self.isDurable = isDurable
    do throws(SystemRefusal) {
      directory = try openFile(path, O_RDONLY | O_DIRECTORY)
    } catch {
      throw BucketError(
        .noSuchBucket, "the directory '\(path)' cannot be used as a bucket: \(SystemFailure.text(error.code))"
      )
    }
  }

  deinit { closeDescriptor(directory) }

  // MARK: Reading

  package func open(_ key: String, version: String?) throws(BucketError) -> any ObjectReader {
    let place = try Place(key)
    let parent = try walk(place.directories, key, makes: false)
    defer { closeDescriptor(parent) }
    let file = try open(place.name, in: parent, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, key)
    let status = FileStatus(of: file)
    guard let status, status.isFile else {
      closeDescriptor(file)
      throw status?.isDirectory == true
        ? BucketError.noSuchKey(key)
        : BucketError(.accessDenied, "the object '\(key)' is neither file nor folder in '\(path)'")
    }
    return Reader(file, Self.entry(key, status, etag: Self.etag(file, status)), path)
  }

  private static func entry(_ key: String, _ status: FileStatus, etag: String) -> ObjectEntry {
    ObjectEntry(key: key, size: status.size, etag: etag, modified: status.milliseconds)
  }

  /// The digest of the content, as S3 has it; for large files, which it would take long to read,
  /// one of size and time.
  private static func etag(_ file: Int32, _ status: FileStatus) -> String {
    if status.size <= 1 << 20, let bytes = try? readBytes(file, at: 0, count: status.size) {
      return ObjectKey.etag(bytes)
    }
    let mark = "\(status.size) \(status.seconds) \(status.nanoseconds) \(status.number)"
    return ObjectKey.etag(Array(mark.utf8))
  }

  // MARK: Writing

  package func create(_ key: String, contentType: String) throws(BucketError) -> any ObjectUpload {
    let place = try Place(key)
    do throws(BucketError) {
      return try create(key, place)
    } catch  where error.kind == .noSuchKey {
      // Nothing was looked for.
      throw BucketError(
        .internalError, "'\(key)' in '\(path)' cannot be made: the directory is gone, or takes no files")
    }
  }

  private func create(_ key: String, _ place: Place) throws(BucketError) -> any ObjectUpload {
    let parent = try walk(place.directories, key, makes: true)
    let number = serial.add(1, ordering: .relaxed).oldValue
    let aside = "\(Self.reserved)\(getpid())-\(number).new"
    let file: Int32
    do throws(BucketError) {
      file = try open(aside, in: parent, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, key)
    } catch {
      closeDescriptor(parent)
      throw error
    }
    return Writer(self, key: key, name: place.name, aside: aside, parent: parent, file: file)
  }

  package func remove(_ key: String) throws(BucketError) {
    let place = try Place(key)
    let parent: Int32
    do throws(BucketError) {
      parent = try walk(place.directories, key, makes: false)
    } catch {
      if error.kind == .noSuchKey { return }
      throw error
    }
    defer { closeDescriptor(parent) }
    guard unsafe unlinkat(parent, place.name, 0) == 0 else {
      if errno == ENOENT || errno == EISDIR { return }
      throw failure(errno, key)
    }
    // Directories are there for what is in them.
    var directories = place.directories
    while let last = directories.popLast() {
      guard let above = try? walk(directories, key, makes: false) else { return }
      defer { closeDescriptor(above) }
      guard unsafe unlinkat(above, last, AT_REMOVEDIR) == 0 else { return }
    }
  }

  // MARK: Listing

  package func list(prefix: String, after: String?, limit: Int) throws(BucketError) -> ObjectListing {
    var walk = ListWalk(prefix: prefix, after: after, limit: limit)
    try list(directory, "", &walk)
    let isTruncated = walk.entries.count > limit
    if isTruncated { walk.entries.removeLast() }
    return ObjectListing(entries: walk.entries, isTruncated: isTruncated)
  }

  private struct ListWalk {
    let prefix: String
    let after: String?
    let limit: Int
    var entries: [ObjectEntry] = []
    /// One more than asked for, to know whether there is more.
    var isDone: Bool { entries.count > limit }

    /// Whether any key that begins with `path` may be wanted.
    func mayHold(_ path: String) -> Bool {
      guard path.utf8.starts(with: prefix.utf8) || prefix.utf8.starts(with: path.utf8) else { return false }
      guard let after else { return true }
      return after.utf8.starts(with: path.utf8) || ObjectKey.precedes(after, path)
    }

    func wants(_ key: String) -> Bool {
      key.utf8.starts(with: prefix.utf8) && (after.map { ObjectKey.precedes($0, key) } ?? true)
    }
  }

  /// Lists what is below an open directory, whose keys begin with `path`.
  private func list(_ directory: Int32, _ path: String, _ walk: inout ListWalk) throws(BucketError) {
    // A directory's name counts with its slash: "a-b" comes before "a/b", and "a" after neither.
    for name in try names(in: directory) {
      if walk.isDone { return }
      if name.text.hasPrefix(Self.reserved) {
        // The folder itself, first of all that is in it.
        if name.text == Self.folderName, walk.wants(path) { try add(directory, name.text, key: path, &walk) }
        continue
      }
      let key = path + name.text
      if name.isDirectory {
        guard walk.mayHold(key + "/") else { continue }
        guard let below = try openListed(name.text, in: directory, O_DIRECTORY, key) else { continue }
        defer { closeDescriptor(below) }
        try list(below, key + "/", &walk)
      } else if walk.wants(key) {
        try add(directory, name.text, key: key, &walk)
      }
    }
  }

  private func add(
    _ directory: Int32, _ name: String, key: String, _ walk: inout ListWalk
  ) throws(BucketError) {
    guard let file = try openListed(name, in: directory, O_NONBLOCK, key) else { return }
    defer { closeDescriptor(file) }
    guard let status = FileStatus(of: file), status.isFile else { return }
    walk.entries.append(Self.entry(key, status, etag: Self.etag(file, status)))
  }

  private struct Name {
    let text: String
    let isDirectory: Bool
    /// What it is sorted by.
    let place: [UInt8]
  }

  private func names(in directory: Int32) throws(BucketError) -> [Name] {
    // A descriptor of its own: a stream closes its one, and shares the place with copies.
    let file = try open(".", in: directory, O_RDONLY | O_DIRECTORY, "")
    guard let stream = unsafe fdopendir(file) else {
      defer { closeDescriptor(file) }
      throw failure(errno, "")
    }
    defer { unsafe closedir(stream) }
    var names: [Name] = []
    while let entry = unsafe readdir(stream) {
      let text = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      // Keys are text: what is not can have none.
      guard let text, text != ".", text != ".." else { continue }
      let kind = unsafe entry.pointee.d_type
      var isDirectory = kind == UInt8(DT_DIR)
      if kind == UInt8(DT_UNKNOWN) {
        guard let status = FileStatus(text, in: file) else { continue }
        isDirectory = status.isDirectory
      }
      if text == Self.folderName {
        names.append(Name(text: text, isDirectory: false, place: []))
      } else {
        names.append(
          Name(text: text, isDirectory: isDirectory, place: Array((isDirectory ? text + "/" : text).utf8)))
      }
    }
    return names.sorted { $0.place.lexicographicallyPrecedes($1.place) }
  }

  // MARK: Keys and places

  /// A key taken apart.
  private struct Place {
    var directories: [String]
    var name: String

    init(_ key: String) throws(BucketError) {
      try ObjectKey.check(key)
      var parts = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      if parts.count > 1, parts.last == "" { parts[parts.count - 1] = DirectoryBucket.folderName }
      for (index, part) in parts.enumerated() {
        let isFolder = index == parts.count - 1 && part == DirectoryBucket.folderName && key.hasSuffix("/")
        guard !part.isEmpty, part != ".", part != "..", part.utf8.count <= 255,
          isFolder || !part.hasPrefix(DirectoryBucket.reserved)
        else {
          throw BucketError(
            .invalidKey,
            "a bucket that is a directory can have no object '\(key)': no file can have that name")
        }
      }
      name = parts.removeLast()
      directories = parts
    }
  }

  /// Opens the directory that some parts lead to.
  private func walk(_ parts: [String], _ key: String, makes: Bool) throws(BucketError) -> Int32 {
    var current = try open(".", in: directory, O_RDONLY | O_DIRECTORY, key)
    for part in parts {
      if makes, unsafe mkdirat(current, part, 0o755) != 0, errno != EEXIST {
        let code = errno
        closeDescriptor(current)
        throw failure(code, key)
      }
      let above = current
      defer { closeDescriptor(above) }
      do throws(SystemRefusal) {
        current = try openFile(part, in: current, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      } catch {
        throw makes || error.code != ENOTDIR ? failure(error.code, key) : .noSuchKey(key)
      }
    }
    return current
  }

  private func open(
    _ name: String, in directory: Int32, _ flags: Int32, _ key: String
  ) throws(BucketError) -> Int32 {
    do throws(SystemRefusal) {
      return try openFile(name, in: directory, flags)
    } catch {
      throw failure(error.code, key)
    }
  }

  /// The same for reading what a list has shown; nil: it has gone meanwhile, or is a link, which
  /// is no object.
  private func openListed(
    _ name: String, in directory: Int32, _ flags: Int32, _ key: String
  ) throws(BucketError) -> Int32? {
    do throws(SystemRefusal) {
      return try openFile(name, in: directory, O_RDONLY | O_NOFOLLOW | flags)
    } catch {
      if error.code == ENOENT || error.code == ELOOP || error.code == ENOTDIR { return nil }
      throw failure(error.code, key)
    }
  }

  private func failure(_ code: Int32, _ key: String) -> BucketError {
    switch code {
    case ENOENT: .noSuchKey(key)
    case ELOOP:
      BucketError(
        .accessDenied,
        "'\(key)' leads over a symbolic link, which a bucket that is a directory does not follow")
    case ENOTDIR, EISDIR:
      BucketError(
        .invalidKey,
        "a bucket that is a directory cannot hold '\(key)': part of it is both an object and a folder")
    case EACCES, EPERM, EROFS:
      BucketError(.accessDenied, "'\(key)' in '\(path)': \(SystemFailure.text(code))")
    default:
      BucketError(.internalError, "'\(key)' in '\(path)': \(SystemFailure.text(code))")
    }
  }

  // MARK: Objects

  // Used by one caller at a time, which is what `@unchecked Sendable` stands on.
  private final class Reader: ObjectReader, @unchecked Sendable {
    let entry: ObjectEntry
    private let file: Int32
    private let path: String
    private var offset = 0
    private static let pieceBytes = 1 << 17

    init(_ file: Int32, _ entry: ObjectEntry, _ path: String) {
      self.file = file
      self.entry = entry
      self.path = path
    }

    deinit { closeDescriptor(file) }

    func next() throws(BucketError) -> [UInt8]? {
      let piece: [UInt8]
      do throws(SystemRefusal) {
        piece = try readBytes(file, count: Self.pieceBytes)
      } catch {
        throw BucketError(
          .internalError, "'\(entry.key)' in '\(path)' cannot be read: \(SystemFailure.text(error.code))")
      }
      offset += piece.count
      if piece.isEmpty, offset < entry.size {
        throw BucketError(
          .internalError,
          "'\(entry.key)' in '\(path)' has become shorter while it was read: \(offset) bytes were "
            + "left of \(entry.size)")
      }
      return piece.isEmpty ? nil : piece
    }
  }

  private final class Writer: ObjectUpload, @unchecked Sendable {
    private let bucket: DirectoryBucket
    private let key: String
    private let name: String
    private let aside: String
    private let parent: Int32
    private let file: Int32
    private var isFinished = false

    init(_ bucket: DirectoryBucket, key: String, name: String, aside: String, parent: Int32, file: Int32) {
      self.bucket = bucket
      self.key = key
      self.name = name
      self.aside = aside
      self.parent = parent
      self.file = file
    }

    deinit {
      if !isFinished { unsafe unlinkat(parent, aside, 0) }
      closeDescriptor(file)
      closeDescriptor(parent)
    }

    func write(_ bytes: [UInt8]) throws(BucketError) {
      do throws(SystemRefusal) {
        try writeWhole(file, bytes.span)
      } catch {
        throw bucket.failure(error.code, key)
      }
    }

    func finish() throws(BucketError) -> ObjectEntry {
      if bucket.isDurable, fsync(file) != 0 { throw bucket.failure(errno, key) }
      guard let status = FileStatus(of: file) else { throw bucket.failure(errno, key) }
      guard unsafe renameat(parent, aside, parent, name) == 0 else { throw bucket.failure(errno, key) }
      isFinished = true
      if bucket.isDurable, fsync(parent) != 0 { throw bucket.failure(errno, key) }
      // To read for the digest what was opened for writing only takes another descriptor.
      let again = try bucket.open(name, in: parent, O_RDONLY | O_NOFOLLOW, key)
      defer { closeDescriptor(again) }
      return DirectoryBucket.entry(key, status, etag: DirectoryBucket.etag(again, status))
    }
  }
}
