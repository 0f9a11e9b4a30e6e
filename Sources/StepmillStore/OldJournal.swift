import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The journal of stores of the fourth version: two files, with what was acknowledged and on its way
/// to the packs. What a `kill -9` left there is put where it belongs.
///
/// A record: its generation, a checksum, the number of bytes (eight bytes each), and these: entries
/// of the first form. The database notes up to which generation it has them.
enum OldJournal {
  private static let headSize = 24

  static func recover(_ directory: String, _ database: Database) throws(StoreError) {
    let paths = (0..<2).map { "\(directory)/stepmill.journal-\($0)" }
    for path in paths where unsafe access(path, F_OK) == 0 && access(path, R_OK | W_OK) != 0 {
      throw StoreError(
        .notWritable,
        "The file \(path) cannot be read: \(DirectoryLock.text(errno)). Give this user the right to read and "
          + "write it.")
    }
    do throws(DatabaseFailure) {
      try recover(paths, database)
    } catch {
      throw StoreError(error, directory + "/stepmill.db")
    }
  }

  private static func recover(_ paths: [String], _ database: Database) throws(DatabaseFailure) {
    guard let known = try database.number("SELECT value FROM meta WHERE key = 'journal'") else { return }
    let found = paths.flatMap { Self.records(Self.contents($0)) }.filter { $0.generation > known }
    try database.execute("BEGIN IMMEDIATE")
    let put = try database.prepare("INSERT INTO packs SELECT ifnull(max(id), 0) + 1, ?1 FROM packs")
    for record in found.sorted(by: { $0.generation < $1.generation }) {
      try put.run(0, blob: [PackEntry.oldForm] + record.entries)
    }
    try database.execute("DELETE FROM meta WHERE key = 'journal'; COMMIT")
    for path in paths { unsafe unlink(path) }
  }

  private static func contents(_ path: String) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { closeDescriptor(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    return Segments.read(descriptor, at: 0, max(size, 0))
  }

  private static func records(_ bytes: [UInt8]) -> [(generation: Int64, entries: ArraySlice<UInt8>)] {
    var records: [(generation: Int64, entries: ArraySlice<UInt8>)] = []
    var place = 0
    while bytes.count - place >= headSize {
      let (generation, sum, count) = unsafe bytes.withUnsafeBytes { bytes in
        unsafe (
          bytes.loadUnaligned(fromByteOffset: place, as: Int64.self).littleEndian,
          bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self).littleEndian,
          bytes.loadUnaligned(fromByteOffset: place + 16, as: UInt64.self).littleEndian
        )
      }
      place += headSize
      guard count <= UInt64(bytes.count - place) else { break }
      let entries = bytes[place..<place + Int(count)]
      guard unsafe entries.withUnsafeBytes({ unsafe Segments.checksum($0, 0) }) == sum else { break }
      records.append((generation, entries))
      place += Int(count)
    }
    return records
  }
}
